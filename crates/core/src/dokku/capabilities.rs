//! What a host can do, by its Dokku's version and plugins. Found in Dokku's source, version by
//! version; a Dokku 0.38.27 was tried.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    config,
    plugin::Plugin,
    ps::{self, PsReport},
    report::Form,
    version::{OLDEST_SUPPORTED, Version},
};
use crate::{
    app::AppName, command::DokkuCommand, secret::Secret, service::ServiceKind, store::Variables,
};

/// Since when Dokku has what this program would like to use.
const CONFIG_IMPORT: Version = Version::new(0, 37, 0);
const SKIP_DEPLOY_PROPERTY: Version = Version::new(0, 38, 0);
const JSON_REPORTS: Version = Version::new(0, 38, 22);

/// What stands for `ps:set skip-deploy` on a Dokku that has no such property.
const SKIP_DEPLOY_VARIABLE: &str = "DOKKU_SKIP_DEPLOY";

/// How variables are set on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetVariables {
    /// `config:import` from standard input.
    Import,
    /// `config:set --encoded`: bounded by the length of a command, and seen in the host's process
    /// list while it runs.
    Encoded,
}

impl SetVariables {
    /// The command that sets `variables`.
    pub fn command(self, app: &AppName, variables: &BTreeMap<String, Secret>) -> DokkuCommand {
        match self {
            Self::Import => config::import(app, variables),
            Self::Encoded => config::set_encoded(app, variables),
        }
    }
}

/// How pushes are made to build only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipDeploy {
    /// The property `ps:set APP skip-deploy`.
    Property,
    /// The app's variable `DOKKU_SKIP_DEPLOY`, which does the same before 0.38.0.
    Variable,
}

impl SkipDeploy {
    /// The command that makes pushes build only.
    pub fn set(self, app: &AppName) -> DokkuCommand {
        match self {
            Self::Property => ps::set_skip_deploy(app),
            Self::Variable => config::set_encoded(
                app,
                &BTreeMap::from([(SKIP_DEPLOY_VARIABLE.to_owned(), Secret::new("true"))]),
            ),
        }
    }

    /// The command that undoes [`SkipDeploy::set`].
    pub fn clear(self, app: &AppName) -> DokkuCommand {
        match self {
            Self::Property => ps::clear_skip_deploy(app),
            Self::Variable => config::unset(app, &[SKIP_DEPLOY_VARIABLE]),
        }
    }

    /// Whether pushes of an app build only.
    pub fn is_set(self, report: &PsReport, variables: &Variables) -> bool {
        match self {
            Self::Property => report.is_skipping_deploy == Some(true),
            Self::Variable => variables.text(SKIP_DEPLOY_VARIABLE) == Some("true"),
        }
    }
}

/// What a host can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Its Dokku's version.
    pub version: Version,
    /// How the reports of `domains`, `git`, `certs` and `checks` are asked for.
    pub form: Form,
    /// How variables are set.
    pub set_variables: SetVariables,
    /// How pushes are made to build only.
    pub skip_deploy: SkipDeploy,
    /// Whether Dokku keeps a list of builds.
    pub has_builds: bool,
    /// Whether `builder:set skip-cleanup` keeps earlier images.
    pub can_keep_images: bool,
    /// Services whose plugin is there and enabled.
    pub services: BTreeSet<ServiceKind>,
    /// Whether certificates can be got from Let's Encrypt.
    pub has_letsencrypt: bool,
    /// Whether the plugin is there that asks visitors for a password.
    pub has_http_auth: bool,
    /// Version of this system's own plugin, which enforces locks on the host.
    pub deploy_system: Option<String>,
}

/// Why a host cannot do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incapable {
    /// Its Dokku is too old.
    #[error(
        "Dokku {found} is too old: {OLDEST_SUPPORTED} is the oldest that works. Upgrade the host: https://dokku.com/docs/getting-started/upgrading/"
    )]
    TooOld {
        /// The version that was found.
        found: Version,
    },
    /// A plugin is not there, or disabled.
    #[error(
        "the host has no {kind} plugin (or it is disabled). As root there: dokku plugin:install https://github.com/dokku/dokku-{kind}.git"
    )]
    NoService {
        /// The service that was asked for.
        kind: ServiceKind,
    },
}

impl Capabilities {
    /// Judges a host by its version and plugins.
    pub fn of(version: Version, plugins: &[Plugin]) -> Result<Self, Incapable> {
        if version < OLDEST_SUPPORTED {
            return Err(Incapable::TooOld { found: version });
        }
        let enabled = |name: &str| plugins.iter().find(|p| p.is_enabled && p.name == name);
        let services = ServiceKind::ALL.into_iter();
        Ok(Self {
            version,
            form: if version >= JSON_REPORTS {
                Form::Json
            } else {
                Form::Text
            },
            set_variables: if version >= CONFIG_IMPORT {
                SetVariables::Import
            } else {
                SetVariables::Encoded
            },
            skip_deploy: if version >= SKIP_DEPLOY_PROPERTY {
                SkipDeploy::Property
            } else {
                SkipDeploy::Variable
            },
            has_builds: enabled("builds").is_some(),
            can_keep_images: version >= SKIP_DEPLOY_PROPERTY,
            services: services
                .filter(|kind| enabled(kind.as_str()).is_some())
                .collect(),
            has_letsencrypt: enabled("letsencrypt").is_some(),
            has_http_auth: enabled("http-auth").is_some(),
            deploy_system: enabled("deploy-system").map(|plugin| plugin.version.clone()),
        })
    }

    /// Checks that the host has the plugin of a service.
    pub fn require(&self, kind: ServiceKind) -> Result<(), Incapable> {
        if self.services.contains(&kind) {
            Ok(())
        } else {
            Err(Incapable::NoService { kind })
        }
    }

    /// What is done in another way because the host's Dokku is old, one sentence each.
    pub fn fallbacks(&self) -> Vec<&'static str> {
        let mut fallbacks = Vec::new();
        if self.set_variables == SetVariables::Encoded {
            fallbacks.push(
                "variables are set by config:set --encoded (config:import is in Dokku since 0.37.0): at most 128 KiB at once, and visible in the host's process list while they are set",
            );
        }
        if self.skip_deploy == SkipDeploy::Variable {
            fallbacks.push(
                "release tasks hold the switch back by the variable DOKKU_SKIP_DEPLOY (ps:set skip-deploy is in Dokku since 0.38.0)",
            );
        }
        fallbacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::{
        plugin,
        recorded::{answer, app, recorded},
    };

    fn plugins() -> Vec<Plugin> {
        plugin::read(&recorded("plugin-list-json")).unwrap()
    }

    #[test]
    fn the_recorded_host_can_do_everything_but_certificates() {
        let host = Capabilities::of(Version::new(0, 38, 27), &plugins()).unwrap();
        assert_eq!(host.form, Form::Json);
        assert_eq!(host.set_variables, SetVariables::Import);
        assert_eq!(host.skip_deploy, SkipDeploy::Property);
        assert!(host.has_builds && !host.has_letsencrypt && host.deploy_system.is_none());
        assert!(host.require(ServiceKind::Postgres).is_ok());
        let error = host.require(ServiceKind::Mongo).unwrap_err().to_string();
        assert!(error.contains("dokku-mongo.git"), "{error}");
        assert!(host.fallbacks().is_empty());
    }

    #[test]
    fn a_disabled_plugin_does_not_count() {
        let mut plugins = plugins();
        for plugin in &mut plugins {
            plugin.is_enabled &= plugin.name != "postgres";
        }
        let host = Capabilities::of(Version::new(0, 38, 27), &plugins).unwrap();
        assert!(host.require(ServiceKind::Postgres).is_err());
    }

    #[test]
    fn the_bash_systems_dokku_works_with_named_substitutes() {
        let host = Capabilities::of(Version::new(0, 34, 4), &[]).unwrap();
        assert_eq!(host.form, Form::Text);
        let variables = BTreeMap::from([("A".to_owned(), Secret::new("1"))]);
        let (app, line) = (app("a"), |command: DokkuCommand| command.wire().unwrap());
        assert_eq!(
            line(host.set_variables.command(&app, &variables)),
            "--quiet config:set --no-restart --encoded a A=MQ=="
        );
        assert_eq!(
            line(host.skip_deploy.set(&app)),
            "--quiet config:set --no-restart --encoded a DOKKU_SKIP_DEPLOY=dHJ1ZQ=="
        );
        assert_eq!(
            line(host.skip_deploy.clear(&app)),
            "--quiet config:unset --no-restart a DOKKU_SKIP_DEPLOY"
        );
        assert_eq!(host.fallbacks().len(), 2);
        let older = Capabilities::of(Version::new(0, 34, 3), &[]).unwrap_err();
        assert!(
            older.to_string().contains("0.34.4 is the oldest"),
            "{older}"
        );
    }

    #[test]
    fn whether_pushes_only_build_is_read_where_the_host_keeps_it() {
        let report = |text| ps::read_report(&answer(0, text, "")).unwrap().unwrap();
        let new = report(
            r#"{"deployed":"true","can-scale":"true","running":"true","computed-skip-deploy":"true"}"#,
        );
        let old = report(r#"{"deployed":"true","can-scale":"true","running":"true"}"#);
        let none = Variables::default();
        let set: Variables = [(SKIP_DEPLOY_VARIABLE, "true")].into_iter().collect();
        assert!(SkipDeploy::Property.is_set(&new, &none));
        assert!(!SkipDeploy::Property.is_set(&old, &set));
        assert!(SkipDeploy::Variable.is_set(&old, &set));
        assert!(!SkipDeploy::Variable.is_set(&old, &none));
    }
}
