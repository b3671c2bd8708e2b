SET client_min_messages = warning;

CREATE TABLE IF NOT EXISTS guests (
    id integer PRIMARY KEY,
    name text NOT NULL,
    message text NOT NULL
);
CREATE TABLE IF NOT EXISTS visits (number integer NOT NULL);

INSERT INTO guests VALUES (1, 'Ada', 'written by the migration') ON CONFLICT DO NOTHING;
INSERT INTO visits SELECT 0 WHERE NOT EXISTS (SELECT FROM visits);
