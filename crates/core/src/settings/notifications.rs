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
        /// The night's work, in one message.
        Summary = "summary",
        /// A run of a schedule did not come, or comes again.
        ScheduleMissed = "schedule_missed",
    }
}

/// A service that people are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotifiedService {
    /// Slack.
    Slack,
    /// Discord.
    Discord,
    /// The addresses of `DEPLOY_WEBHOOK_URLS`.
    Webhook,
    /// Datadog.
    Datadog,
    /// PagerDuty.
    Pagerduty,
}

impl NotifiedService {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Slack,
        Self::Discord,
        Self::Webhook,
        Self::Datadog,
        Self::Pagerduty,
    ];

    /// Its key in the settings, and what people call it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Webhook => "webhook",
            Self::Datadog => "datadog",
            Self::Pagerduty => "pagerduty",
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Discord => "Discord",
            Self::Webhook => "the webhook",
            Self::Datadog => "Datadog",
            Self::Pagerduty => "PagerDuty",
        }
    }
}

/// What one service is told, as far as the settings say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether it is told anything.
    pub is_enabled: bool,
    /// Of which events; `None`: the defaults.
    pub events: Option<Vec<NotifiedEvent>>,
    /// Of which environments; `None`: the defaults, or all where events are given.
    pub environments: Option<Vec<Environment>>,
    /// Who is mentioned when something failed, as the service writes it.
    pub mentions: Vec<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            is_enabled: true,
            events: None,
            environments: None,
            mentions: Vec::new(),
        }
    }
}

impl super::Settings {
    /// What a service is told: its own section goes before what holds for all.
    pub fn told(&self, service: NotifiedService) -> Told {
        let Some(all) = &self.config.notifications else {
            return Told::default();
        };
        let own = match service {
            NotifiedService::Slack => all.slack.as_ref(),
            NotifiedService::Discord => all.discord.as_ref(),
            NotifiedService::Webhook => all.webhook.as_ref(),
            NotifiedService::Datadog => all.datadog.as_ref(),
            NotifiedService::Pagerduty => all.pagerduty.as_ref(),
        };
        let events = own.and_then(|own| own.events.as_ref());
        let environments = own.and_then(|own| own.environments.as_ref());
        let mentions = own.and_then(|own| own.mention_on_failure.as_ref());
        let mentions = mentions.or(all.mention_on_failure.as_ref());
        Told {
            is_enabled: own.and_then(|own| own.enabled).unwrap_or(true),
            events: events.or(all.events.as_ref()).map(|list| list.0.clone()),
            environments: environments
                .or(all.environments.as_ref())
                .map(|list| list.0.clone()),
            mentions: mentions.map_or_else(Vec::new, |list| {
                list.0.iter().map(|line| line.0.clone()).collect()
            }),
        }
    }
}
