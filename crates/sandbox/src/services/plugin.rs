//! What tells one datastore plugin from another.

use crate::engine::Kind;

/// The constants of a plugin, as its `config` file sets them on a real host.
#[derive(Debug)]
pub struct Plugin {
    /// First part of its verbs.
    pub prefix: &'static str,
    /// How its messages call a service.
    pub service: &'static str,
    /// How its environment variables begin.
    pub variable: &'static str,
    /// The variable of a first link, without `_URL`.
    pub default_alias: &'static str,
    /// How the variable of a further link begins; a colour follows.
    pub further_alias: &'static str,
    /// Scheme of the address.
    pub scheme: &'static str,
    /// User in the address.
    pub user: &'static str,
    /// The engine's usual port, as help and `expose` name it.
    pub usual_port: u16,
    /// Name of the image that the plugin would run.
    pub image: &'static str,
    /// Directory of the settings below the service's.
    pub config_directory: &'static str,
    /// Bytes of a generated password.
    pub password_bytes: usize,
    /// The plugin's version, as `plugin:list` shows it.
    pub version: &'static str,
    /// The engine that really runs.
    pub kind: Kind,
    /// Whether dumps are made and read as MariaDB's root.
    pub is_dumped_as_root: bool,
}

/// The plugins that the sandbox has. `mysql` runs on MariaDB like `mariadb`.
pub static PLUGINS: [Plugin; 4] = [
    Plugin {
        prefix: "mariadb",
        service: "MariaDB",
        variable: "MARIADB",
        default_alias: "DATABASE",
        further_alias: "DOKKU_MARIADB",
        scheme: "mysql",
        user: "mariadb",
        usual_port: 3306,
        image: "mariadb",
        config_directory: "config",
        password_bytes: 8,
        version: "1.45.2",
        kind: Kind::Mariadb,
        is_dumped_as_root: false,
    },
    Plugin {
        prefix: "mysql",
        service: "MySQL",
        variable: "MYSQL",
        default_alias: "DATABASE",
        further_alias: "DOKKU_MYSQL",
        scheme: "mysql",
        user: "mysql",
        usual_port: 3306,
        image: "mariadb",
        config_directory: "config",
        password_bytes: 8,
        version: "1.44.3",
        kind: Kind::Mariadb,
        is_dumped_as_root: true,
    },
    Plugin {
        prefix: "postgres",
        service: "Postgres",
        variable: "POSTGRES",
        default_alias: "DATABASE",
        further_alias: "DOKKU_POSTGRES",
        scheme: "postgres",
        user: "postgres",
        usual_port: 5432,
        image: "postgres",
        config_directory: "data",
        password_bytes: 16,
        version: "1.48.0",
        kind: Kind::Postgres,
        is_dumped_as_root: false,
    },
    Plugin {
        prefix: "redis",
        service: "Redis",
        variable: "REDIS",
        default_alias: "REDIS",
        further_alias: "DOKKU_REDIS",
        scheme: "redis",
        user: "",
        usual_port: 6379,
        image: "redis",
        config_directory: "config",
        password_bytes: 32,
        version: "1.43.0",
        kind: Kind::Redis,
        is_dumped_as_root: false,
    },
];

/// The plugin of that name.
pub fn named(prefix: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|plugin| plugin.prefix == prefix)
}
