//! Destroying apps and services, once somebody has decided on it: copies of all data first, or nothing.

use dokku_deploy::{
    app::{AppName, Environment},
    audit::{AuditEntry, key},
    backup::{Kept, Reason},
    flows::cleanup::{self, AppPlan, Done, Observed, Plan, Refusal, Trouble},
    host::Host,
    journal::Journal,
    service::ServiceName,
};
use serde_json::json;

use super::{
    deploy::takeover,
    safety::{self, Safety},
};
use crate::{
    exit_codes,
    failure::Failure,
    host::SshHost,
    interrupt::Watch,
    invocation::Invocation,
    origin,
    publish::{Chain, publish},
    repository::Repository,
    ui::{Narration, Ui},
};

/// A teardown that is decided on.
pub struct Teardown<'a> {
    pub host: &'a SshHost<'a>,
    pub watch: &'a Watch,
    pub invocation: &'a Invocation<'a>,
    pub safety: &'a Safety,
}

/// What is gone, what stays, and where the copies are.
#[derive(Debug, Default)]
pub struct Gone {
    pub done: Done,
    pub kept: Vec<(ServiceName, String)>,
    pub left_alone: Vec<(AppName, String)>,
    pub backups: Vec<Kept>,
}

impl Teardown<'_> {
    /// Backs all services up, then destroys app by app. Without every copy nothing is destroyed.
    pub fn run(
        &self,
        plan: &Plan,
        observed: &Observed,
        entry: &mut AuditEntry,
    ) -> Result<Gone, Failure> {
        let mut gone = Gone {
            left_alone: plan.left_alone.clone(),
            ..Gone::default()
        };
        let mut copies = Vec::new();
        for one in &plan.apps {
            copies.push(self.copy(one)?);
        }
        gone.backups = copies
            .iter()
            .filter_map(|copy| copy.kept())
            .flatten()
            .cloned()
            .collect();
        if self.safety.without_backup {
            *entry = entry.clone().note("without backups, as was asked for");
        }
        for (one, copy) in plan.apps.iter().zip(&copies) {
            self.settle(one, observed, &entry.actor)?;
            let mut narration = Narration::new(self.invocation.ui);
            let result = cleanup::execute(
                one,
                copy,
                observed,
                self.host,
                self.watch,
                &mut narration,
                &mut gone.done,
            );
            gone.kept.extend(one.kept.iter().cloned());
            gone.record(entry);
            result.map_err(|trouble| gone.interrupted(&trouble, self.host.name()))?;
        }
        Ok(gone)
    }

    /// Records how a deploy of the app ended that nobody has dealt with: its journal goes with the app.
    fn settle(&self, one: &AppPlan, observed: &Observed, actor: &str) -> Result<(), Failure> {
        let variables = observed.apps.get(&one.app);
        let journal = variables.map(|variables| Journal::of(variables));
        let Some(Ok(Some(journal))) = journal else {
            return Ok(());
        };
        let settler = origin::begin(actor, self.host.name(), None);
        for entry in takeover::entries(
            &journal.unrecorded(None, None),
            &one.app,
            Environment::of_app(&one.app),
            &format!("{actor} destroyed the app"),
            Repository::here()?.as_ref(),
            &settler,
        ) {
            publish(&entry, Chain::over(self.host), self.invocation);
        }
        Ok(())
    }

    fn copy(&self, one: &AppPlan) -> Result<dokku_deploy::backup::SafetyCopy, Failure> {
        let services: Vec<_> = one
            .services
            .iter()
            .filter(|service| !service.is_unfinished)
            .map(|service| (service.kind, service.name.clone()))
            .collect();
        safety::ensure(
            &one.app,
            &services,
            Reason::PreDestroy,
            self.safety,
            self.host,
            self.watch,
            self.invocation,
        )
        .map_err(|failure| failure.hint("Nothing was destroyed."))
    }
}

impl Gone {
    fn record(&self, entry: &mut AuditEntry) {
        let names = |list: &mut dyn Iterator<Item = String>| list.collect::<Vec<String>>();
        entry.set(
            key::APPS,
            names(&mut self.done.apps.iter().map(ToString::to_string)),
        );
        entry.set(
            key::SERVICES,
            names(&mut self.done.services.iter().map(ToString::to_string)),
        );
        if !self.backups.is_empty() {
            entry.set(
                key::BACKUP,
                names(&mut self.backups.iter().map(|kept| kept.at.clone())),
            );
        }
    }

    fn interrupted(&self, trouble: &Trouble, host: &str) -> Failure {
        let failure = match trouble {
            Trouble::Host(error) => Failure::from(error.clone()),
            Trouble::Linked { .. } => {
                Failure::new(exit_codes::HOST, format!("on {host}: {trouble}"))
            }
            Trouble::Stopped { by, .. } => {
                let mut failure = Failure::interrupted(*by);
                failure.message = trouble.to_string();
                failure
            }
        };
        let list = |names: Vec<&str>| {
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        failure
            .hint(format!(
                "Destroyed so far: apps {}; services {}.",
                list(self.done.apps.iter().map(AppName::as_str).collect()),
                list(self.done.services.iter().map(ServiceName::as_str).collect()),
            ))
            .hint("The same command goes on with what is left.")
    }

    /// The result, as JSON or in words.
    pub fn tell(&self, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let ui = invocation.ui;
        if ui.is_json() {
            return ui.json(&self.as_json());
        }
        for kept in &self.backups {
            ui.info(&format!("Backup of {}: {}", kept.of.service, kept.at));
        }
        for name in &self.done.services {
            ui.success(&format!("Destroyed service {name}"));
        }
        for name in &self.done.apps {
            ui.success(&format!("Destroyed app {name}"));
        }
        Ok(())
    }

    /// The result for programs.
    pub fn as_json(&self) -> serde_json::Value {
        let because = |name: &str, why: &str| json!({"name": name, "why": why});
        json!({
            "destroyed": {"apps": self.done.apps, "services": self.done.services},
            "kept": self.kept.iter().map(|(name, why)| because(name.as_str(), why)).collect::<Vec<_>>(),
            "left_alone": self.left_alone.iter().map(|(name, why)| because(name.as_str(), why)).collect::<Vec<_>>(),
            "backups": self.backups,
        })
    }
}

/// Names what goes and what stays.
pub fn tell(plan: &Plan, ui: &Ui) {
    for line in lines(plan, "") {
        ui.plain(&line);
    }
}

/// What goes and what stays, a line each.
pub fn lines(plan: &Plan, before: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &plan.apps {
        for service in &one.services {
            let linked: Vec<&str> = service.linked.iter().map(AppName::as_str).collect();
            let linked = if linked.is_empty() {
                "linked to nothing".to_owned()
            } else {
                format!("linked to {}", linked.join(", "))
            };
            lines.push(format!(
                "{before}  service {} ({linked}): backed up, then destroyed",
                service.name
            ));
        }
        if one.exists {
            lines.push(format!("{before}  app {}: destroyed", one.app));
        }
        for (name, why) in &one.kept {
            lines.push(format!(
                "{before}  service {name} of {}: stays, {why}",
                one.app
            ));
        }
    }
    for (name, why) in &plan.left_alone {
        lines.push(format!("{before}  app {name}: stays, {why}"));
    }
    lines
}

/// A refusal before anything was changed.
pub fn refused(refusal: &Refusal) -> Failure {
    let failure = |code| Failure::new(code, refusal.to_string());
    match refusal {
        Refusal::Locked { app, .. } => failure(exit_codes::REFUSED).hint(format!(
            "`dokku-cli unlock {app}` unlocks it; ask who locked it first. Nothing was destroyed."
        )),
        Refusal::Busy { .. } => failure(exit_codes::REFUSED).hint(
            "Wait for it, or put it back with `dokku-cli deploy --abort`. Nothing was destroyed.",
        ),
        Refusal::Unreadable { .. } => failure(exit_codes::HOST).hint("Nothing was destroyed."),
    }
}
