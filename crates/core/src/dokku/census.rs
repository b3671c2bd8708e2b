//! What is in a database: asked of its server over `postgres:connect` and the like, which pass
//! standard input to the engine's own client.
//!
//! Answers are lines that begin with `is `; names travel as hexadecimal digits, so that nothing in
//! them can be taken for something else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    command::DokkuCommand,
    dump::{Amount, Engine, Table},
    host::{Answer, HostError},
    secret::Secret,
    service::{ServiceKind, ServiceName},
};

/// A service whose dumps are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its kind.
    pub kind: ServiceKind,
    /// Its name on the host.
    pub name: ServiceName,
    /// The engine of its dumps.
    pub engine: Engine,
}

/// What a server says of itself and of what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Its version.
    pub version: String,
    /// The name of the database behind the service; Redis has none.
    pub database: Option<String>,
    /// Character set and collation of the database, where MySQL or MariaDB told them.
    pub collation: Option<(String, String)>,
    /// Bytes that the data takes there.
    pub size: u64,
    /// Rows by table, keys by database.
    pub tables: BTreeMap<Table, Amount>,
    /// PostgreSQL: the roles that there are.
    pub roles: BTreeSet<String>,
    /// PostgreSQL: the extensions that can be made.
    pub extensions: BTreeSet<String>,
    /// PostgreSQL: all databases of the server.
    pub databases: BTreeSet<String>,
}

/// Lets the engine's client read statements.
pub fn connect(database: &Database, statements: impl Into<String>) -> DokkuCommand {
    DokkuCommand::new(format!("{}:connect", database.kind))
        .arg(database.name.as_str())
        .input(Secret::new(statements.into()))
}

/// Asks what a service holds, in one round trip.
pub fn ask(database: &Database) -> DokkuCommand {
    connect(
        database,
        match database.engine {
            Engine::Postgres => POSTGRES,
            Engine::Mysql | Engine::Mariadb => MYSQL,
            Engine::Redis => "INFO\n",
            // Its collections are not counted yet: nothing is restored there.
            Engine::Mongo => "db.version()\n",
        },
    )
}

/// Counts rows as a dump holds them: of a table that others inherit from only its own.
const POSTGRES: &str = r"\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SELECT 'is version ' || current_setting('server_version');
SELECT 'is database ' || encode(convert_to(current_database()::text, 'UTF8'), 'hex');
SELECT 'is size ' || pg_database_size(current_database());
SELECT 'is role ' || encode(convert_to(rolname::text, 'UTF8'), 'hex') FROM pg_roles;
SELECT 'is extension ' || encode(convert_to(name::text, 'UTF8'), 'hex') FROM pg_available_extensions;
SELECT 'is other ' || encode(convert_to(datname::text, 'UTF8'), 'hex') FROM pg_database;
SELECT 'is objects ' || count(*) FROM pg_largeobject_metadata;
SELECT format('SELECT ''is table %s %s '' || count(*) FROM ONLY %I.%I',
    encode(convert_to(n.nspname::text, 'UTF8'), 'hex'), encode(convert_to(c.relname::text, 'UTF8'), 'hex'), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \gexec
";

const MYSQL: &str = r"SET NAMES utf8mb4;
SET SESSION group_concat_max_len = 16000000;
SELECT CONCAT('is version ', VERSION()) AS x;
SELECT CONCAT('is database ', HEX(DATABASE())) AS x;
SELECT CONCAT('is collation ', @@character_set_database, ' ', @@collation_database) AS x;
SELECT CONCAT('is size ', COALESCE(SUM(data_length + index_length), 0)) AS x FROM information_schema.tables WHERE table_schema = DATABASE();
SELECT COALESCE(GROUP_CONCAT('SELECT CONCAT(''is table - ', HEX(table_name), ' '', COUNT(*)) AS x FROM `', REPLACE(table_name, '`', '``'), '`' SEPARATOR ' UNION ALL '), 'SELECT ''is empty'' AS x') INTO @dokku_cli_count FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED');
PREPARE dokku_cli_count FROM @dokku_cli_count;
EXECUTE dokku_cli_count;
";

/// Reads the answer to [`ask`].
pub fn read(engine: Engine, answer: &Answer) -> Result<Census, HostError> {
    let text = super::text(answer)?;
    let census = match engine {
        Engine::Redis => redis(text),
        Engine::Mongo => None,
        Engine::Postgres | Engine::Mysql | Engine::Mariadb => {
            let mut census = Census::default();
            text.lines()
                .filter_map(|line| line.trim().strip_prefix("is "))
                .try_for_each(|line| census.take(line))
                .map(|()| census)
        }
    };
    census
        .filter(|census| !census.version.is_empty())
        .filter(|census| engine == Engine::Redis || census.database.is_some())
        .ok_or_else(|| answer.unparsable("what a database holds"))
}

impl Census {
    fn take(&mut self, line: &str) -> Option<()> {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "version" => rest.clone_into(&mut self.version),
            "database" => self.database = Some(name(rest)?),
            "collation" => {
                let (set, collation) = rest.split_once(' ')?;
                self.collation = Some((set.to_owned(), collation.to_owned()));
            }
            "size" => self.size = rest.parse().ok()?,
            "role" => drop(self.roles.insert(name(rest)?)),
            "extension" => drop(self.extensions.insert(name(rest)?)),
            "other" => drop(self.databases.insert(name(rest)?)),
            "objects" => {
                let rows = Amount::rows(rest.parse().ok()?);
                if rows != Amount::default() {
                    self.tables.insert(Table::large_objects(), rows);
                }
            }
            "table" => {
                let mut words = rest.split(' ');
                let (schema, table, rows) = (words.next()?, words.next()?, words.next()?);
                let table = match schema {
                    "-" => Table::plain(name(table)?),
                    schema => Table::in_schema(name(schema)?, name(table)?),
                };
                self.tables.insert(table, Amount::rows(rows.parse().ok()?));
            }
            "empty" => {}
            _ => return None,
        }
        Some(())
    }
}

/// A text in hexadecimal digits.
fn name(hex: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    String::from_utf8(bytes?).ok()
}

/// `INFO`: lines of `key:value`, such as `db0:keys=3,expires=1,avg_ttl=0`.
fn redis(text: &str) -> Option<Census> {
    let mut census = Census::default();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        let number = key.strip_prefix("db").and_then(|rest| rest.parse().ok());
        match (key, number) {
            ("redis_version", _) => value.clone_into(&mut census.version),
            ("used_memory", _) => census.size = value.parse().ok()?,
            (_, Some(number)) => {
                let field = |wanted: &str| -> Option<u64> {
                    value
                        .split(',')
                        .find_map(|part| part.strip_prefix(wanted)?.parse().ok())
                };
                let (keys, passing) = (field("keys=")?, field("expires=")?);
                let amount = Amount {
                    lasting: keys.checked_sub(passing)?,
                    passing,
                    may_grow: false,
                };
                census.tables.insert(Table::database(number), amount);
            }
            _ => {}
        }
    }
    Some(census)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::answer;

    #[test]
    fn a_database_is_read_whatever_its_names_hold() {
        let text = "is version 15.9\nis database 7368c3b670\nis size 7000\nis role 61\nis extension 62\nis other 63\nis objects 2\nis table 7075626c6963 612062 12\nis table 7075626c6963 6e 0\n";
        let census = read(Engine::Postgres, &answer(0, text, "")).unwrap();
        assert_eq!(census.database.as_deref(), Some("shöp"));
        assert_eq!(
            census.tables,
            [
                (Table::large_objects(), Amount::rows(2)),
                (Table::in_schema("public", "a b"), Amount::rows(12)),
                (Table::in_schema("public", "n"), Amount::rows(0)),
            ]
            .into()
        );
        assert!(census.roles.contains("a") && census.extensions.contains("b"));
        // The client of MariaDB writes a title above each answer.
        let text = "x\nis version 10.11.6-MariaDB\nx\nis database 6462\nx\nis collation utf8mb4 utf8mb4_bin\nx\nis size 0\nx\nis table - 74 3\n";
        let census = read(Engine::Mariadb, &answer(0, text, "")).unwrap();
        assert_eq!(census.tables, [(Table::plain("t"), Amount::rows(3))].into());
        let text = "# Server\r\nredis_version:7.0.15\r\nused_memory:100\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n";
        let census = read(Engine::Redis, &answer(0, text, "")).unwrap();
        let wanted = Amount {
            lasting: 2,
            passing: 1,
            may_grow: false,
        };
        assert_eq!(census.tables, [(Table::database(0), wanted)].into());
    }

    #[test]
    fn an_answer_that_is_none_is_an_error_and_not_an_empty_database() {
        for (engine, text) in [
            (Engine::Postgres, ""),
            (Engine::Postgres, "is version 15\n"),
            (Engine::Postgres, "is version 15\nis database 6\n"),
            (
                Engine::Mariadb,
                "is version 10\nis database 61\nis table - 61 x\n",
            ),
            (Engine::Redis, "NOAUTH Authentication required.\n"),
        ] {
            assert!(read(engine, &answer(0, text, "")).is_err(), "{text}");
        }
        assert!(read(Engine::Redis, &answer(1, "redis_version:7\n", "no")).is_err());
    }
}
