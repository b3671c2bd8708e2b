//! A fresh database in the place of the present one, which is set aside until it is known that it
//! is not needed any more. PostgreSQL only: there databases are renamed in one transaction, so that
//! at every moment there is one under the service's name.

/// Names beside a database, all of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The database of the service.
    pub database: String,
    /// 14 digits of the time of the attempt.
    stamp: String,
}

/// The longest name of a database, in bytes, with room for what is appended.
const LONGEST: usize = 63 - "_before_".len() - STAMP;
/// Digits of the time.
const STAMP: usize = 14;

/// What a database beside the service's one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// What was there before a restore.
    Before,
    /// One that was made and not used yet, or what a restore that failed had put there.
    Rest,
}

impl Aside {
    /// An attempt at `time`.
    pub fn new(database: &str, time: jiff::Timestamp) -> Self {
        Self {
            database: database.to_owned(),
            stamp: time.strftime("%Y%m%d%H%M%S").to_string(),
        }
    }

    /// Where the data from before is while the restore runs.
    pub fn before(&self) -> String {
        self.name("before")
    }

    fn name(&self, what: &str) -> String {
        format!("{}_{what}_{}", cut(&self.database), self.stamp)
    }

    /// What `other` is, if an attempt at a restore of `database` left it.
    pub fn left(database: &str, other: &str) -> Option<Left> {
        let rest = other.strip_prefix(cut(database))?.strip_prefix('_')?;
        let (what, stamp) = rest.split_once('_')?;
        let is_stamp = stamp.len() == STAMP && stamp.bytes().all(|byte| byte.is_ascii_digit());
        match what {
            "before" if is_stamp => Some(Left::Before),
            "fresh" | "failed" if is_stamp => Some(Left::Rest),
            _ => None,
        }
    }

    /// Statements that put a fresh database in the place of the present one: of the same owner,
    /// encoding and locale, with the same rights and settings.
    pub fn set_aside(&self, leftovers: &[String]) -> String {
        let (fresh, before, database) = (self.name("fresh"), self.before(), &self.database);
        let leftovers: String = leftovers.iter().map(|left| drop_database(left)).collect();
        let (of, to) = (literal(database), literal(&fresh));
        let create = format!(
            "SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', {to}, \
             pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) || CASE to_jsonb(d)->>'datlocprovider' \
             WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale')) \
             WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', to_jsonb(d)->>'datlocale') ELSE '' END \
             FROM pg_database d WHERE datname = {of} \\gexec\n\
             INSERT INTO pg_db_role_setting SELECT (SELECT oid FROM pg_database WHERE datname = {to}), setrole, setconfig \
             FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = {of});\n\
             UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = {of}), \
             datconnlimit = (SELECT datconnlimit FROM pg_database WHERE datname = {of}) WHERE datname = {to};\n"
        );
        self.head() + &leftovers + &create + &swap(database, &before, &fresh, "false")
    }

    /// Statements that put back what was set aside, if it was.
    pub fn put_back(&self) -> String {
        let (before, failed) = (self.before(), self.name("failed"));
        self.head()
            + &format!(
                "SELECT count(*) = 1 AS is_aside FROM pg_database WHERE datname = {} \\gset\n\\if :is_aside\n",
                literal(&before)
            )
            + &swap(&self.database, &failed, &before, "true")
            + &drop_database(&failed)
            + "\\endif\n"
            + &drop_database(&self.name("fresh"))
    }

    /// Statements that remove what was set aside.
    pub fn forget(&self) -> String {
        self.head() + &drop_database(&self.before())
    }

    /// A database that is being renamed cannot be the one that is connected to.
    fn head(&self) -> String {
        let elsewhere = if self.database == "postgres" {
            "template1"
        } else {
            "postgres"
        };
        format!(
            "\\set ON_ERROR_STOP on\n\\set QUIET on\nSET client_min_messages = warning;\n\\connect {elsewhere}\nSET client_min_messages = warning;\n"
        )
    }
}

fn cut(database: &str) -> &str {
    let mut end = database.len().min(LONGEST);
    while !database.is_char_boundary(end) {
        end -= 1;
    }
    database.get(..end).unwrap_or_default()
}

fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {};\n", identifier(name))
}

/// Renames `present` to `away` and `next` to `present`, both or neither. Whoever is connected is
/// disconnected; `RENAME` keeps others out while it waits for them to be gone.
fn swap(present: &str, away: &str, next: &str, may_connect: &str) -> String {
    let kept = if may_connect == "true" { present } else { away };
    format!(
        "DO $dokku_cli$\nBEGIN\n  FOR attempt IN 1..10 LOOP\n    BEGIN\n      \
         PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({}, {}) AND pid <> pg_backend_pid();\n      \
         ALTER DATABASE {} RENAME TO {};\n      ALTER DATABASE {} RENAME TO {};\n      EXIT;\n    \
         EXCEPTION WHEN object_in_use THEN\n      IF attempt = 10 THEN RAISE; END IF;\n      PERFORM pg_stat_clear_snapshot();\n    \
         END;\n  END LOOP;\n  ALTER DATABASE {} WITH ALLOW_CONNECTIONS {may_connect};\nEND $dokku_cli$;\n",
        literal(present),
        literal(next),
        identifier(present),
        identifier(away),
        identifier(next),
        identifier(present),
        identifier(kept),
    )
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_leaves_is_recognised_and_nothing_else() {
        let time = "2026-11-25T19:01:02Z".parse().unwrap();
        for database in ["shop", &"d".repeat(63), &"é".repeat(31)] {
            let aside = Aside::new(database, time);
            let (before, fresh) = (aside.before(), aside.name("fresh"));
            assert!(before.len() <= 63, "{before}");
            assert_eq!(Aside::left(database, &before), Some(Left::Before));
            assert_eq!(Aside::left(database, &fresh), Some(Left::Rest));
        }
        for other in [
            "shop",
            "shop_before_1",
            "shop_two_20261125190102",
            "shop2_before_20261125190102",
            "x",
        ] {
            assert_eq!(Aside::left("shop", other), None, "{other}");
        }
    }

    #[test]
    fn names_are_quoted_wherever_they_stand() {
        let time = "2026-11-25T19:01:02Z".parse().unwrap();
        let aside = Aside::new("o'\"dd", time);
        for text in [
            aside.set_aside(&["l\"eft".to_owned()]),
            aside.put_back(),
            aside.forget(),
        ] {
            assert!(!text.contains("o'\"dd"), "{text}");
            assert!(text.contains("\"o'\"\"dd"), "{text}");
        }
        assert!(
            aside
                .set_aside(&["l\"eft".to_owned()])
                .contains("DROP DATABASE IF EXISTS \"l\"\"eft\";")
        );
    }
}
