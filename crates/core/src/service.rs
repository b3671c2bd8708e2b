//! Services: the databases and queues that apps are linked to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of service, by the name of its Dokku plugin.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// Redis.
    Redis,
    /// MongoDB.
    Mongo,
    /// RabbitMQ.
    Rabbitmq,
    /// Elasticsearch.
    Elasticsearch,
}

impl ServiceKind {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 7] = [
        Self::Postgres,
        Self::Mysql,
        Self::Mariadb,
        Self::Redis,
        Self::Mongo,
        Self::Rabbitmq,
        Self::Elasticsearch,
    ];

    /// The plugin's name: the first part of its verbs (`postgres:create`), of services' names and
    /// of backup directories.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
            Self::Mongo => "mongo",
            Self::Rabbitmq => "rabbitmq",
            Self::Elasticsearch => "elasticsearch",
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind of service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown service {0:?}: expected postgres, mysql, mariadb, redis, mongo, rabbitmq or elasticsearch"
)]
pub struct UnknownService(pub String);

impl std::str::FromStr for ServiceKind {
    type Err = UnknownService;
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == given)
            .ok_or_else(|| UnknownService(given.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        for kind in ServiceKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            let error = kind.as_str().to_uppercase().parse::<ServiceKind>();
            assert!(error.unwrap_err().to_string().contains(kind.as_str()));
        }
    }
}
