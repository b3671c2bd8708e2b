//! How much is in a dump or in a service: rows by table, keys by database.

use std::{collections::BTreeMap, fmt};

/// What rows are counted of: a table, or one of Redis' databases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// Its schema, where the engine has such.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

impl Table {
    /// A table of a schema of PostgreSQL.
    pub fn in_schema(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: Some(schema.into()),
            name: name.into(),
        }
    }

    /// A table where there are no schemas.
    pub fn plain(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
        }
    }

    /// PostgreSQL's large objects, which are counted like rows of a table.
    pub fn large_objects() -> Self {
        Self::plain("large objects")
    }

    /// A database of Redis, by its number.
    pub fn database(number: u64) -> Self {
        Self::plain(format!("database {number}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// How much is in one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Rows, or keys that stay until somebody removes them.
    pub lasting: u64,
    /// Keys that go by themselves when their time is over.
    pub passing: u64,
    /// Whether a restore may add rows of its own: an extension fills some of its tables.
    pub may_grow: bool,
}

impl Amount {
    /// So many rows.
    pub fn rows(rows: u64) -> Self {
        Self {
            lasting: rows,
            ..Self::default()
        }
    }

    /// Whether `found` is all of this after a restore, and no more.
    pub fn is_met_by(self, found: Self) -> bool {
        !self.is_missed_by(found)
            && found.passing <= self.passing
            && (self.may_grow || found.lasting <= self.lasting)
    }

    /// Whether something of this is missing in `found`.
    pub fn is_missed_by(self, found: Self) -> bool {
        found.lasting < self.lasting
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lasting)?;
        if self.passing > 0 {
            write!(f, " and {} that expire", self.passing)?;
        }
        Ok(())
    }
}

/// How much a dump holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts {
    /// By table.
    pub tables: BTreeMap<Table, Amount>,
    /// Why the tables are not all there is, if they are not.
    pub unknown: Option<String>,
}

impl Amounts {
    /// The sum over all tables.
    pub fn total(&self) -> u64 {
        self.tables
            .values()
            .map(|amount| amount.lasting.saturating_add(amount.passing))
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_expire_and_rows_may_not_go() {
        let wanted = Amount {
            lasting: 3,
            passing: 2,
            may_grow: false,
        };
        let found = |lasting, passing| Amount {
            lasting,
            passing,
            may_grow: false,
        };
        assert!(wanted.is_met_by(found(3, 2)) && wanted.is_met_by(found(3, 0)));
        for bad in [found(2, 2), found(4, 2), found(3, 3)] {
            assert!(!wanted.is_met_by(bad), "{bad}");
        }
        let growing = Amount {
            may_grow: true,
            ..wanted
        };
        assert!(growing.is_met_by(found(4, 2)) && !growing.is_met_by(found(2, 2)));
    }
}
