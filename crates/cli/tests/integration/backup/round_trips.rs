//! What was dumped is there again after a restore, and nothing else is.

use super::{backups, host_with, say};

/// Backs up, changes, restores; the content has to be as before.
fn comes_back(kind: &str, fill: &[u8], change: &[u8], show: &[u8], arguments: &[&str]) {
    let host = host_with(kind);
    say(&host, kind, fill);
    let before = say(&host, kind, show);
    assert!(before.contains("töne"), "{before}");
    let made = host
        .cli(&[&["db", "shop", "backup"], arguments].concat())
        .run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let files = backups(host.home());
    assert_eq!(files.len(), 1, "{made:?}");
    let file = files[0].file_name().unwrap().to_str().unwrap();
    let verified = host.cli(&["db", "shop", "verify", file]).run();
    assert_eq!(verified.status, Some(0), "{verified:?}");
    say(&host, kind, change);
    assert_ne!(say(&host, kind, show), before);

    let unasked = host.cli(&["db", "shop", "restore", file, kind]).run();
    assert_eq!(unasked.status, Some(4), "{unasked:?}");
    assert_ne!(say(&host, kind, show), before);

    let restored = host
        .cli(&["db", "shop", "restore", kind, file, "--yes"])
        .run();
    assert_eq!(restored.status, Some(0), "{restored:?}");
    assert_eq!(say(&host, kind, show), before, "{restored:?}");

    // The way back is a backup too, and leads to what was there before the restore.
    let safety: Vec<_> = backups(host.home())
        .into_iter()
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("pre-restore_shop-")
        })
        .collect();
    assert_eq!(safety.len(), 1);
    let back = host
        .cli(&[
            "db",
            "shop",
            "restore",
            safety[0].to_str().unwrap(),
            "store",
            "--yes",
        ])
        .run();
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_ne!(say(&host, kind, show), before);
}

#[test]
fn postgres_comes_back_with_everything_awkward_and_nothing_newer() {
    comes_back(
        "postgres",
        b"\\set ON_ERROR_STOP on
        CREATE TABLE people (id int primary key, name text, picture bytea, double int GENERATED ALWAYS AS (id * 2) STORED);
        INSERT INTO people SELECT n, 't\xc3\xb6ne ' || n, decode('00ff0a5c', 'hex') FROM generate_series(1, 100000) n;
        CREATE TABLE orders (id int primary key, person int REFERENCES people);
        INSERT INTO orders VALUES (1, 7);
        CREATE TABLE \"Empty one\" (x int);
        CREATE SCHEMA other; CREATE TABLE other.t (x int);
        CREATE VIEW names AS SELECT name FROM people;
        SELECT lo_from_bytea(4711, decode(repeat('00ff0a5c', 50000), 'hex'));\n",
        b"\\set ON_ERROR_STOP on
        DELETE FROM orders; DELETE FROM people WHERE id > 10; CREATE TABLE newer (x int); CREATE SCHEMA newest;
        SELECT lo_from_bytea(4712, 'newer'::bytea);\n",
        b"SELECT count(*), md5(string_agg(id || name || encode(picture, 'hex') || double, ',' ORDER BY id)), min(name) FROM people;
        SELECT count(*) FROM orders; SELECT count(*) FROM names;
        SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2;
        SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1;
        SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1;\n",
        &["--gzip"],
    );
}

#[test]
fn mariadb_comes_back_with_everything_awkward_and_nothing_newer() {
    comes_back(
        "mariadb",
        b"SET NAMES utf8mb4;
        CREATE TABLE people (id int primary key, name varchar(80) CHARACTER SET utf8mb4, picture blob);
        INSERT INTO people VALUES (1, 't\xc3\xb6ne \xf0\x9f\x8e\xb6', x'00ff0a5c27'), (2, 'a\\'b;\\n-- c', x'');
        CREATE TABLE many (id int primary key, name varchar(40), double_id int GENERATED ALWAYS AS (id * 2) STORED);
        INSERT INTO many (id, name) SELECT seq, CONCAT('row ', seq) FROM seq_1_to_100000;
        CREATE TABLE orders (id int primary key, person int, FOREIGN KEY (person) REFERENCES people (id));
        INSERT INTO orders VALUES (1, 2);
        CREATE TABLE empty_one (x int);
        CREATE VIEW names AS SELECT name FROM people;\n",
        b"DELETE FROM orders; DELETE FROM people WHERE id = 2; DELETE FROM many WHERE id > 3; CREATE TABLE newer (x int); CREATE VIEW newest AS SELECT 1;\n",
        b"SET NAMES utf8mb4; SELECT id, name, HEX(name), HEX(picture) FROM people ORDER BY id; SELECT * FROM orders; SELECT COUNT(*) FROM names; SHOW TABLES;
        SELECT COUNT(*), SUM(double_id), SUM(CRC32(CONCAT(id, name, double_id))) FROM many;\n",
        &["mariadb", "--gzip"],
    );
}

#[test]
fn redis_comes_back_with_nul_bytes_in_its_keys() {
    comes_back(
        "redis",
        "SET \"a\\x00b\" \"töne\\x00\\xff\"\nRPUSH list 1 2 3\nHSET hash f v\nSADD set only\nEVAL \"for n = 1, 100000 do redis.call('set', 'many:' .. n, 'v' .. n * n) end\" 0\nSAVE\n".as_bytes(),
        b"DEL list many:77\nSET many:78 other\nSET newer 1\n",
        b"EVAL \"local k = redis.call('keys', '*') table.sort(k) return redis.sha1hex(table.concat(k, ','))\" 0\nDBSIZE\nEVAL \"local t = {} for n = 1, 100000 do t[n] = redis.call('get', 'many:' .. n) or '-' end return redis.sha1hex(table.concat(t, ','))\" 0\nGET \"a\\x00b\"\nLRANGE list 0 -1\nHGETALL hash\nSMEMBERS set\nECHO t\xc3\xb6ne\n",
        &["store"],
    );
}

#[test]
fn a_dump_goes_nowhere_but_to_its_own_engine_and_app() {
    let host = host_with("redis");
    say(&host, "redis", b"SET a b\n");
    host.ssh("apps:create other");
    host.ssh("redis:link store other --no-restart");
    assert_eq!(host.cli(&["db", "shop", "backup"]).run().status, Some(0));
    let file = backups(host.home()).remove(0);
    let name = file.to_str().unwrap();
    let foreign = host.cli(&["db", "other", "restore", name, "--yes"]).run();
    assert_eq!(foreign.status, Some(4), "{foreign:?}");
    assert!(
        foreign.stderr.contains("a backup of shop, not of other"),
        "{foreign:?}"
    );
    let sql = host.home().join("x.sql");
    std::fs::write(&sql, "-- MariaDB dump 10\n-- Dump completed on x\n").unwrap();
    let wrong = host.cli(&["db", "shop", "restore", "x.sql", "--yes"]).run();
    assert_eq!(wrong.status, Some(4), "{wrong:?}");
    assert!(
        wrong
            .stderr
            .contains("a dump of MariaDB, and store is a redis service"),
        "{wrong:?}"
    );
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=audit DEPLOY_LOCK_BY=eve");
    let locked = host.cli(&["db", "shop", "restore", name, "--yes"]).run();
    assert_eq!(locked.status, Some(4), "{locked:?}");
    assert!(
        locked.stderr.contains("shop is locked by eve"),
        "{locked:?}"
    );
    assert_eq!(backups(host.home()).len(), 1, "nothing was begun");
}
