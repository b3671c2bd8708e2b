//! The settings of one environment: defaults filled in, overrides applied.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};

use super::{
    Settings,
    config::{self, OnFailure, Overrides, PreviewDatabase, When},
    read::Int,
    security::{SecurityGate, Severity},
};
use crate::{app::Environment, service::ServiceKind};

/// What a deploy to one environment goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// Limits of the containers; what is absent is left as the host has it.
    pub resources: Resources,
    /// Process types and how many of each; those absent are left as the host has them.
    pub scale: BTreeMap<String, u32>,
    /// Domains beside the app's own, lower case, in the order of the file.
    pub custom_domains: Vec<String>,
    /// Release tasks and what follows a failure.
    pub release: Release,
    /// How the new version is checked.
    pub healthcheck: Healthcheck,
    /// The services that are enabled here, in the order of their kinds.
    pub services: Vec<ServiceWish>,
    /// Which backups are kept.
    pub backup: Backup,
    /// The gate on vulnerabilities.
    pub security: Security,
    /// The test that a deploy in CI waits for; `None`: the standard one of the language.
    pub test_command: Option<String>,
    /// How apps of pull requests are set up.
    pub preview: Preview,
    /// Where the dashboard's data lives.
    pub dashboard: Dashboard,
    /// Sections that are given and checked, but not acted on yet.
    pub inactive: Vec<&'static str>,
}

/// Limits of each process' container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// As Dokku takes it, such as `512m`.
    pub memory: Option<String>,
    /// As Dokku takes it, such as `0.5`.
    pub cpu: Option<String>,
}

/// What runs between build and traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// In the order in which they run.
    pub tasks: Vec<ReleaseTask>,
    /// Before the new version takes traffic, or after.
    pub when: When,
    /// `None`: rollback where the old version can be had, else keep.
    pub on_failure: Option<OnFailure>,
}

/// A command that runs in the new image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseTask {
    /// What it is called in the output: one line.
    pub name: String,
    /// The command, byte for byte as in the file; may have several lines.
    pub command: String,
    /// When it is stopped and counts as failed.
    #[serde(serialize_with = "seconds")]
    pub timeout: Duration,
}

/// How it is found out whether the new version works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// Begins with `/`.
    pub path: String,
    /// Time for one answer.
    #[serde(serialize_with = "seconds")]
    pub timeout: Duration,
    /// How often it is tried, at least 1.
    pub attempts: u32,
    /// Time between two tries.
    #[serde(serialize_with = "seconds")]
    pub wait: Duration,
    /// The statuses that pass, at least one.
    pub status: Vec<u16>,
    /// A header, in lower case, that holds the commit that serves.
    pub version_header: Option<String>,
    /// Keys joined by dots that lead to the commit that serves.
    pub version_json: Option<String>,
}

/// A service that the app shall be linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceWish {
    /// Which plugin.
    pub kind: ServiceKind,
    /// One for all apps of the environment instead of the app's own.
    pub shared: bool,
    /// The image's tag, if the service has to be created.
    pub version: Option<String>,
    /// The image, if the service has to be created.
    pub image: Option<String>,
}

/// Which backups are kept, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Days that a backup is kept.
    pub retention_days: u32,
    /// The newest so many are kept whatever their age.
    pub keep_last: Option<u32>,
    /// The newest of each of so many days.
    pub keep_daily: Option<u32>,
    /// The newest of each of so many weeks.
    pub keep_weekly: Option<u32>,
    /// The newest of each of so many months.
    pub keep_monthly: Option<u32>,
    /// Recipients of age; empty: not encrypted.
    pub encrypt_to: Vec<String>,
    /// Told of start, success and failure.
    pub heartbeat_url: Option<String>,
    /// Days after which a service is tested again; 0: never.
    pub restore_test_days: u32,
    /// GiB of the largest dump that is tested.
    pub restore_test_max_gib: u32,
}

/// The gate on known vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Security {
    /// Whether a critical one stops the deploy.
    pub block_on_critical: bool,
    /// What is looked for.
    pub severity: Vec<Severity>,
}

/// How apps of pull requests are set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// `None`: as services.yml says.
    pub database: Option<PreviewDatabase>,
    /// Whose data is copied for `clone`.
    pub clone_from: Environment,
    /// Path of a file of SQL that is run on the copy.
    pub masking_sql: Option<String>,
    /// Whether services are backed up before they are destroyed.
    pub backup: bool,
}

/// Where the dashboard's data lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dashboard {
    /// `owner/name`; `None`: none is named here.
    pub repository: Option<String>,
    /// The branch.
    pub branch: String,
    /// Whether strangers can see it; `None`: it is not said, so they can.
    pub public: Option<bool>,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{}s", duration.as_secs()))
}

/// Default time for a release task.
const TASK_TIMEOUT: Duration = Duration::from_mins(2);

impl Settings {
    /// The settings of `environment`.
    pub fn resolve(&self, environment: Environment) -> Resolved {
        let global = &self.config;
        let empty = Overrides::default();
        let here = global
            .environments
            .as_ref()
            .and_then(|e| e.of(environment))
            .unwrap_or(&empty);
        Resolved {
            resources: resources(global.resources.as_ref(), here.resources.as_ref()),
            scale: [&global.scale, &here.scale]
                .into_iter()
                .flatten()
                .flatten()
                .map(|(process, count)| (process.0.clone(), count.0))
                .collect(),
            custom_domains: self.custom_domains(environment, here),
            release: release(global.release.as_ref(), here.release.as_ref()),
            healthcheck: healthcheck(global.healthcheck.as_ref(), here.healthcheck.as_ref()),
            services: self.services_of(environment),
            backup: backup(global.backup.as_ref(), here.backup.as_ref()),
            security: self.security(environment, here),
            test_command: global
                .test
                .as_ref()
                .and_then(|t| t.command.as_ref())
                .map(|c| c.0.clone()),
            preview: preview(global.preview.as_ref()),
            dashboard: dashboard(global.dashboard.as_ref()),
            inactive: self.inactive(here),
        }
    }

    /// The global domains belong to production: on a second app they would be taken from it.
    fn custom_domains(&self, environment: Environment, here: &Overrides) -> Vec<String> {
        let global = self.config.custom_domains.as_ref();
        let global = global.filter(|_| environment == Environment::Production);
        let domains = here.custom_domains.as_ref().or(global);
        domains.map_or_else(Vec::new, |list| {
            list.0.iter().map(|d| d.0.clone()).collect()
        })
    }

    fn services_of(&self, environment: Environment) -> Vec<ServiceWish> {
        let services = self.services.services.iter().flatten();
        services
            .filter_map(|(kind, service)| {
                let service = service.as_ref()?;
                let here = service
                    .environments
                    .as_ref()
                    .and_then(|e| e.of(environment));
                let is_enabled = here.and_then(|h| h.enabled).or(service.enabled);
                if is_enabled != Some(true) {
                    return None;
                }
                let is_shared = here
                    .and_then(|h| h.shared.or(h.dedicated.filter(|d| *d).map(|_| false)))
                    .or(service.shared);
                let version = here.and_then(|h| h.version.as_ref());
                let image = here.and_then(|h| h.image.as_ref());
                Some(ServiceWish {
                    kind: *kind,
                    shared: is_shared.unwrap_or(false),
                    version: version.or(service.version.as_ref()).map(|v| v.0.clone()),
                    image: image.or(service.image.as_ref()).map(|i| i.0.clone()),
                })
            })
            .collect()
    }

    /// From the nearest to the farthest: the environment's own section, the section's
    /// environments, the section.
    fn security(&self, environment: Environment, here: &Overrides) -> Security {
        let global = self.config.security.as_ref();
        let for_all = global.map(|g| SecurityGate {
            block_on_critical: g.block_on_critical,
            severity: g.severity.clone(),
        });
        let in_section = global
            .and_then(|g| g.environments.as_ref())
            .and_then(|e| e.of(environment));
        let gates = [here.security.as_ref(), in_section, for_all.as_ref()];
        let gates = || gates.into_iter().flatten();
        Security {
            block_on_critical: gates().find_map(|g| g.block_on_critical).unwrap_or(true),
            severity: gates().find_map(|g| g.severity.clone()).map_or_else(
                || vec![Severity::Critical, Severity::High, Severity::Medium],
                |s| s.0,
            ),
        }
    }

    fn inactive(&self, here: &Overrides) -> Vec<&'static str> {
        let global = &self.config;
        let sections = [
            ("scaling", global.scaling.is_some()),
            ("servers", global.servers.is_some()),
            (
                "deployment",
                global.deployment.is_some() || here.deployment.is_some(),
            ),
            ("canary", global.canary.is_some() || here.canary.is_some()),
            (
                "approval",
                global.approval.is_some() || here.approval.is_some(),
            ),
            (
                "maintenance_windows",
                global.maintenance_windows.is_some() || here.maintenance_windows.is_some(),
            ),
            (
                "security",
                global.security.is_some() || here.security.is_some(),
            ),
            (
                "external_services",
                self.services.external_services.is_some(),
            ),
        ];
        sections
            .into_iter()
            .filter_map(|(name, is_given)| is_given.then_some(name))
            .collect()
    }
}

/// The value of a key: here, else globally.
macro_rules! pick {
    ($global:expr, $here:expr, $key:ident) => {
        $here
            .and_then(|section| section.$key.as_ref())
            .or($global.and_then(|section| section.$key.as_ref()))
    };
}

fn resources(global: Option<&config::Resources>, here: Option<&config::Resources>) -> Resources {
    Resources {
        memory: pick!(global, here, memory).map(|m| m.0.clone()),
        cpu: pick!(global, here, cpu).map(|c| c.0.clone()),
    }
}

fn release(global: Option<&config::Release>, here: Option<&config::Release>) -> Release {
    let tasks = pick!(global, here, tasks).map_or(&[][..], Vec::as_slice);
    Release {
        tasks: tasks
            .iter()
            .map(|task| ReleaseTask {
                name: task.name.0.clone(),
                command: task.command.0.clone(),
                timeout: task.timeout.as_ref().map_or(TASK_TIMEOUT, |t| t.0),
            })
            .collect(),
        when: pick!(global, here, when).map_or(When::BeforeTraffic, |w| *w),
        on_failure: pick!(global, here, on_failure).copied(),
    }
}

fn healthcheck(
    global: Option<&config::Healthcheck>,
    here: Option<&config::Healthcheck>,
) -> Healthcheck {
    Healthcheck {
        path: pick!(global, here, path).map_or_else(|| "/health".to_owned(), |p| p.0.clone()),
        timeout: pick!(global, here, timeout).map_or(Duration::from_secs(10), |t| t.0),
        attempts: pick!(global, here, attempts).map_or(6, |n| n.0),
        wait: pick!(global, here, wait).map_or(Duration::from_secs(5), |w| w.0),
        status: pick!(global, here, status).map_or_else(
            || vec![200],
            |list| list.0.iter().filter_map(|s| s.0.try_into().ok()).collect(),
        ),
        version_header: pick!(global, here, version_header).map(|h| h.0.clone()),
        version_json: pick!(global, here, version_json).map(|j| j.0.clone()),
    }
}

fn backup(global: Option<&config::Backup>, here: Option<&config::Backup>) -> Backup {
    let number = |n: Option<&Int<0, 1000>>| n.map(|n| n.0);
    Backup {
        retention_days: pick!(global, here, retention_days).map_or(14, |n| n.0),
        keep_last: number(pick!(global, here, keep_last)),
        keep_daily: number(pick!(global, here, keep_daily)),
        keep_weekly: number(pick!(global, here, keep_weekly)),
        keep_monthly: number(pick!(global, here, keep_monthly)),
        encrypt_to: pick!(global, here, encrypt_to).map_or_else(Vec::new, |list| {
            list.0.iter().map(|r| r.0.clone()).collect()
        }),
        heartbeat_url: pick!(global, here, heartbeat_url).map(|u| u.0.clone()),
        restore_test_days: pick!(global, here, restore_test_days).map_or(7, |n| n.0),
        restore_test_max_gib: pick!(global, here, restore_test_max_gib).map_or(10, |n| n.0),
    }
}

fn preview(section: Option<&config::Preview>) -> Preview {
    Preview {
        database: section.and_then(|s| s.database),
        clone_from: section
            .and_then(|s| s.clone_from)
            .map_or(Environment::Staging, Environment::from),
        masking_sql: section
            .and_then(|s| s.masking_sql.as_ref())
            .map(|path| path.0.clone()),
        backup: section.and_then(|s| s.backup).unwrap_or(true),
    }
}

fn dashboard(section: Option<&config::Dashboard>) -> Dashboard {
    Dashboard {
        repository: section
            .and_then(|s| s.repository.as_ref())
            .map(|r| r.0.clone()),
        branch: section
            .and_then(|s| s.branch.as_ref())
            .map_or_else(|| "gh-pages".to_owned(), |b| b.0.clone()),
        public: section.and_then(|s| s.public),
    }
}
