//! Services: the databases and queues that apps are linked to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::{AppName, Environment};

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

    /// The variable in which a link gives the service's URL to the app, unless it is taken.
    pub fn url_variable(self) -> &'static str {
        match self {
            Self::Postgres | Self::Mysql | Self::Mariadb => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::Mongo => "MONGO_URL",
            Self::Rabbitmq => "RABBITMQ_URL",
            Self::Elasticsearch => "ELASTICSEARCH_URL",
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

/// The name of a service on a host: letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServiceName(String);

/// A text that is no service's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a service name: it may only contain letters, digits, underscores and hyphens"
)]
pub struct BadServiceName(pub String);

impl ServiceName {
    /// Checks `given` against the rule of Dokku's datastore plugins, `[A-Za-z0-9_-]+`.
    pub fn new(given: &str) -> Result<Self, BadServiceName> {
        let is_known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if given.is_empty() || given.starts_with('-') || !given.chars().all(is_known) {
            return Err(BadServiceName(given.chars().take(80).collect()));
        }
        Ok(Self(given.to_owned()))
    }

    /// The name of an app's own service: `{kind}-{app}`.
    ///
    /// Apps' names may hold dots, services' names may not: a dot becomes `_`, which no app's name
    /// has. The name of an app that is called as an environment's shared service
    /// (`preview-shared`) gets `-APP` at its end. So no two apps, and no app and shared service,
    /// ever have the same name.
    ///
    /// ```
    /// use dokku_deploy::{app::AppName, service::{ServiceKind, ServiceName}};
    /// let name = |app| ServiceName::of(ServiceKind::Postgres, &AppName::new(app).unwrap());
    /// assert_eq!(name("myapp").as_str(), "postgres-myapp");
    /// assert_eq!(name("my.app").as_str(), "postgres-my_app");
    /// ```
    pub fn of(kind: ServiceKind, app: &AppName) -> Self {
        let app = app.as_str().replace('.', "_");
        let is_shared = Environment::ALL
            .into_iter()
            .any(|environment| app == shared_by(environment));
        let end = if is_shared { "-APP" } else { "" };
        Self(format!("{kind}-{app}{end}"))
    }

    /// The name of the service that all apps of an environment share: `{kind}-preview-shared`.
    pub fn shared(kind: ServiceKind, environment: Environment) -> Self {
        Self(format!("{kind}-{}", shared_by(environment)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn shared_by(environment: Environment) -> String {
    format!("{environment}-shared")
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn own(app: &str) -> String {
        ServiceName::of(ServiceKind::Redis, &AppName::new(app).unwrap()).to_string()
    }

    #[test]
    fn services_are_named_as_the_documents_say() {
        assert_eq!(own("myapp"), "redis-myapp");
        assert_eq!(own("myapp-pr-12"), "redis-myapp-pr-12");
        assert_eq!(own("rv.b"), "redis-rv_b");
        let shared = ServiceName::shared(ServiceKind::Postgres, Environment::Preview);
        assert_eq!(shared.as_str(), "postgres-preview-shared");
        assert_eq!(own("preview-shared"), "redis-preview-shared-APP");
    }

    #[test]
    fn names_that_the_plugins_refuse_are_refused() {
        for good in ["maindb", "my-db", "A_1"] {
            assert!(ServiceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "bad.name!", "a b", "a.b", "é", "--force"] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_has_a_variable_for_its_url() {
        let variables: BTreeSet<_> = ServiceKind::ALL.map(ServiceKind::url_variable).into();
        assert_eq!(variables.len(), 5);
        assert!(variables.iter().all(|variable| variable.ends_with("_URL")));
    }

    /// Names that are close to each other and to the shared ones.
    fn app_name() -> impl Strategy<Value = AppName> {
        let part = prop_oneof![
            "[a-z0-9]{1,2}",
            Just("preview-shared".to_owned()),
            Just("app".to_owned())
        ];
        prop::collection::vec((part, "[.-]{0,2}"), 1..4)
            .prop_map(|parts| parts.into_iter().map(|(a, b)| a + &b).collect::<String>())
            .prop_filter_map("a name of an app", |name| AppName::new(&name).ok())
    }

    proptest! {
        #[test]
        fn no_two_apps_share_a_service_by_accident(
            a in app_name(),
            b in app_name(),
            environment in prop::sample::select(Environment::ALL.to_vec()),
        ) {
            let kind = ServiceKind::Mysql;
            let (of_a, of_b) = (ServiceName::of(kind, &a), ServiceName::of(kind, &b));
            prop_assert_eq!(a == b, of_a == of_b);
            prop_assert_ne!(&of_a, &ServiceName::shared(kind, environment));
            prop_assert!(ServiceName::new(of_a.as_str()).is_ok());
        }
    }

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        for kind in ServiceKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            let error = kind.as_str().to_uppercase().parse::<ServiceKind>();
            assert!(error.unwrap_err().to_string().contains(kind.as_str()));
        }
    }
}
