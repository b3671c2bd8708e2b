//! Who is told of what: the section `notifications`.

use super::{
    read::{Distinct, section, words},
    value::Line,
};
use crate::app::Environment;

section! {
    /// Who is told of what. Where to send is in secrets, never here.
    #[derive(Default)]
    Notifications {
        /// Of which events, unless a service says otherwise.
        events: Option<Distinct<NotifiedEvent>>,
        /// Of which environments, unless a service says otherwise.
        environments: Option<Distinct<Environment>>,
        /// Who is mentioned when something failed, as the service writes it.
        mention_on_failure: Option<Distinct<Line>>,
        /// Slack.
        slack: Option<Channel>,
        /// Discord.
        discord: Option<Channel>,
        /// The addresses of `DEPLOY_WEBHOOK_URLS`.
        webhook: Option<Channel>,
        /// Datadog.
        datadog: Option<Channel>,
        /// PagerDuty.
        pagerduty: Option<Channel>,
    }
}

section! {
    /// What one service is told.
    #[derive(Default)]
    Channel {
        /// Whether it is told anything. Default: true where its secret is set.
        enabled: Option<bool>,
        /// Of which events.
        events: Option<Distinct<NotifiedEvent>>,
        /// Of which environments.
        environments: Option<Distinct<Environment>>,
        /// Who is mentioned when something failed.
        mention_on_failure: Option<Distinct<Line>>,
    }
}

words! {
    /// Something that people are told of.
    pub NotifiedEvent: "an event such as deploy_failed or lock" {
        /// A deploy began.
        DeployStarted = "deploy_started",
        /// A deploy went live.
        DeploySucceeded = "deploy_succeeded",
        /// A deploy failed.
        DeployFailed = "deploy_failed",
        /// An app was locked.
        Lock = "lock",
        /// An app was unlocked.
        Unlock = "unlock",
        /// A backup was made.
        BackupDone = "backup_done",
        /// A backup failed.
        BackupFailed = "backup_failed",
        /// A backup is missing.
        BackupOverdue = "backup_overdue",
        /// A backup was restored.
        Restore = "restore",
        /// An app was rolled back.
        Rollback = "rollback",
        /// Apps or services were destroyed.
        Cleanup = "cleanup",
        /// A preview changed.
        Preview = "preview",
        /// An app stopped answering.
        HealthDown = "health_down",
        /// An app answers again.
        HealthUp = "health_up",
        /// A certificate ends soon.
        CertificateExpiring = "certificate_expiring",
    }
}
