//! The keys of `.dokku/config.yml`.
//!
//! The text above a key is its description in the JSON Schema, where editors show it.

use std::collections::BTreeMap;

use super::{
    key::{BranchKey, Name, ProcessType},
    later::{Approval, Canary, Deployment, MaintenanceWindow, Scaling, Server},
    notifications::Notifications,
    read::{Distinct, Int, section, words},
    security::{Security, SecurityGate},
    value::{
        Branch, Command, Cpu, Domain, HeaderName, JsonPath, Line, Memory, Recipient, Repository,
        Time, Url, UrlPath, Wait,
    },
};
use crate::app::Environment;

section! {
    /// Settings of an app for the Dokku Deploy System.
    #[derive(Default)]
    Config {
        /// Limits of each process' container.
        resources: Option<Resources>,
        /// How many processes of each type run.
        scale: Option<BTreeMap<ProcessType, Int<0, 100>>>,
        /// Domains of the production app beside `{app}.{BASE_DOMAIN}`. Other environments have their
        /// own lists only.
        custom_domains: Option<Distinct<Domain>>,
        /// What runs between build and traffic.
        release: Option<Release>,
        /// How it is found out whether the new version works.
        healthcheck: Option<Healthcheck>,
        /// Which backups are kept, and how.
        backup: Option<Backup>,
        /// The gate on known vulnerabilities.
        security: Option<Security>,
        /// What differs in one environment.
        environments: Option<Environments>,
        /// Which branch deploys to which environment. Replaces the standard mapping (main and
        /// master: production, staging: staging, develop: development) as a whole.
        branches: Option<BTreeMap<BranchKey, Deployable>>,
        /// The test that a deploy in CI waits for.
        test: Option<Test>,
        /// Apps of pull requests.
        preview: Option<Preview>,
        /// Who is told of what.
        notifications: Option<Notifications>,
        /// Where the dashboard's data lives.
        dashboard: Option<Dashboard>,
        /// Automatic scaling. Checked, not acted on yet.
        scaling: Option<BTreeMap<Name, Option<Scaling>>>,
        /// Further hosts. Checked, not acted on yet.
        servers: Option<BTreeMap<Name, Server>>,
        /// How several hosts are deployed to. Checked, not acted on yet.
        deployment: Option<Deployment>,
        /// A trial with part of the traffic. Checked, not acted on yet.
        canary: Option<Canary>,
        /// Who has to agree to a deploy. Checked, not acted on yet.
        approval: Option<Approval>,
        /// When deploys are allowed. Checked, not acted on yet.
        maintenance_windows: Option<Vec<MaintenanceWindow>>,
    }
}

section! {
    /// Settings of one environment each.
    #[derive(Default)]
    Environments {
        /// The app of the main branch.
        production: Option<Overrides>,
        /// The app named …-staging.
        staging: Option<Overrides>,
        /// The app named …-dev.
        development: Option<Overrides>,
        /// The apps of pull requests, named …-pr-{number}.
        preview: Option<Overrides>,
    }
}

impl Environments {
    pub(super) fn of(&self, environment: Environment) -> Option<&Overrides> {
        match environment {
            Environment::Production => self.production.as_ref(),
            Environment::Staging => self.staging.as_ref(),
            Environment::Development => self.development.as_ref(),
            Environment::Preview => self.preview.as_ref(),
        }
    }
}

section! {
    /// What differs in one environment: single values and lists replace the global ones as a
    /// whole, maps are merged key by key.
    #[derive(Default)]
    Overrides {
        /// Limits of each process' container.
        resources: Option<Resources>,
        /// How many processes of each type run.
        scale: Option<BTreeMap<ProcessType, Int<0, 100>>>,
        /// Domains beside `{app}.{BASE_DOMAIN}`.
        custom_domains: Option<Distinct<Domain>>,
        /// What runs between build and traffic.
        release: Option<Release>,
        /// How it is found out whether the new version works.
        healthcheck: Option<Healthcheck>,
        /// Which backups are kept, and how.
        backup: Option<Backup>,
        /// The gate on known vulnerabilities.
        security: Option<SecurityGate>,
        /// Who has to agree to a deploy. Checked, not acted on yet.
        approval: Option<Approval>,
        /// A trial with part of the traffic. Checked, not acted on yet.
        canary: Option<Canary>,
        /// How several hosts are deployed to. Checked, not acted on yet.
        deployment: Option<Deployment>,
        /// When deploys are allowed. Checked, not acted on yet.
        maintenance_windows: Option<Vec<MaintenanceWindow>>,
    }
}

section! {
    /// Limits of each process' container. Without them the host's are left as they are.
    #[derive(Default)]
    Resources {
        /// Memory with its unit.
        memory: Option<Memory>,
        /// Number of processors.
        cpu: Option<Cpu>,
    }
}

section! {
    /// What runs between build and traffic.
    #[derive(Default)]
    Release {
        /// Commands that run one after the other in the new image; the first that fails fails the
        /// deploy.
        tasks: Option<Vec<Task>>,
        /// Whether the tasks run before the new version takes traffic or after. Default:
        /// `before_traffic`.
        when: Option<When>,
        /// What happens when a task or the health check fails. Default: rollback where the old
        /// version can be had, else keep.
        on_failure: Option<OnFailure>,
    }
}

section! {
    /// A release task.
    Task {
        /// What it is called in the output.
        name: Line,
        /// The command, as a shell takes it.
        command: Command,
        /// How long it may take. Default: 120 seconds.
        timeout: Option<Time>,
    }
}

words! {
    /// When release tasks run.
    pub When: "before_traffic or after_traffic" {
        /// In the new image while the old version still serves.
        BeforeTraffic = "before_traffic",
        /// When the new version serves already.
        AfterTraffic = "after_traffic",
    }
}

words! {
    /// What is done when a release task or the health check fails.
    pub OnFailure: "rollback or keep" {
        /// Go back to the version that served before.
        Rollback = "rollback",
        /// Leave everything as it is.
        Keep = "keep",
    }
}

section! {
    /// How it is found out whether the new version works.
    #[derive(Default)]
    Healthcheck {
        /// The path that is asked. Default: /health.
        path: Option<UrlPath>,
        /// Time for one answer. Default: 10 seconds.
        timeout: Option<Time>,
        /// How often it is tried. Default: 6.
        attempts: Option<Int<1, 100>>,
        /// Time between two tries. Default: 5 seconds.
        wait: Option<Wait>,
        /// The statuses that pass. Default: 200 alone.
        status: Option<Distinct<Int<100, 599>>>,
        /// A header of the answer that holds the commit that serves.
        version_header: Option<HeaderName>,
        /// The place in the answer's JSON that holds the commit that serves.
        version_json: Option<JsonPath>,
    }
    check: has_status
}

fn has_status(check: &Healthcheck, node: &super::yaml::Node, faults: &mut super::fault::Sink<'_>) {
    if check.status.as_ref().is_some_and(|s| s.0.is_empty()) {
        faults.add(
            super::read::place_of(node, "status"),
            "`healthcheck.status` is empty: no answer would pass",
            "expected at least one status, such as [200]",
            None,
        );
    }
}

section! {
    /// Which backups are kept, and how.
    #[derive(Default)]
    Backup {
        /// How many days a backup is kept. Default: 14.
        retention_days: Option<Int<1, 3650>>,
        /// The newest so many are kept however old they are.
        keep_last: Option<Int<0, 1000>>,
        /// The newest of each of the last so many days is kept.
        keep_daily: Option<Int<0, 1000>>,
        /// The newest of each of the last so many weeks is kept.
        keep_weekly: Option<Int<0, 1000>>,
        /// The newest of each of the last so many months is kept.
        keep_monthly: Option<Int<0, 1000>>,
        /// Public keys; with them backups can be read only by their owners.
        encrypt_to: Option<Distinct<Recipient>>,
        /// Address that is told of start, success and failure, as healthchecks.io takes it.
        heartbeat_url: Option<Url>,
        /// A service whose last good restore test is so many days ago is tested again; 0: no tests by
        /// schedule. Default: 7.
        restore_test_days: Option<Int<0, 365>>,
        /// GiB of the largest dump that is restored for a test by schedule. Default: 10.
        restore_test_max_gib: Option<Int<1, 10000>>,
    }
}

words! {
    /// An environment that a branch can deploy to.
    pub(super) Deployable: "production, staging or development" {
        /// The app named as the repository.
        Production = "production",
        /// The app named …-staging.
        Staging = "staging",
        /// The app named …-dev.
        Development = "development",
    }
}

impl From<Deployable> for Environment {
    fn from(deployable: Deployable) -> Self {
        match deployable {
            Deployable::Production => Self::Production,
            Deployable::Staging => Self::Staging,
            Deployable::Development => Self::Development,
        }
    }
}

section! {
    /// The test that a deploy in CI waits for.
    #[derive(Default)]
    Test {
        /// The command. Default: the standard one of the language.
        command: Option<Command>,
    }
}

section! {
    /// Apps of pull requests.
    #[derive(Default)]
    Preview {
        /// The database of a preview. Default: own, or shared where services.yml says so.
        database: Option<PreviewDatabase>,
        /// The environment whose data `clone` copies. Default: staging.
        clone_from: Option<Deployable>,
        /// A file of SQL that is run on the copy before the preview sees it.
        masking_sql: Option<Line>,
        /// Whether a preview's services are backed up before they are destroyed. Default: true.
        backup: Option<bool>,
    }
}

words! {
    /// The database of a preview.
    pub PreviewDatabase: "shared, own or clone" {
        /// One that all previews use.
        Shared = "shared",
        /// An empty one for each.
        Own = "own",
        /// A copy for each.
        Clone = "clone",
    }
}

section! {
    /// Where the dashboard's data lives.
    #[derive(Default)]
    Dashboard {
        /// The repository. Default: none, or the one that `DASHBOARD_REPOSITORY` names.
        repository: Option<Repository>,
        /// The branch. Default: gh-pages.
        branch: Option<Branch>,
        /// Whether strangers can see it: then reasons, e-mail addresses and the audit log are left
        /// out. Default: true.
        public: Option<bool>,
    }
}
