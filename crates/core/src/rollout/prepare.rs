//! The steps before the push: app, services, variables, domains, limits, counts.

use std::collections::BTreeMap;

use super::{
    refusal::check_lock,
    run::{Halt, Run},
};
use crate::{
    deployment::Stage,
    dokku::{apps, config, datastore, domains, git, ps, resource},
    secret::Secret,
    service::{ServiceKind, ServiceName},
    store::Variables,
    variables::{Changes, MANAGED},
};

const AT: Stage = Stage::Prepare;

impl Run<'_> {
    pub fn create_app(&mut self) -> Result<(), Halt> {
        let answer = self
            .ground
            .host
            .ask(&apps::create(self.app()))
            .map_err(|error| self.halt(&AT, error))?;
        match apps::read_created(&answer).map_err(|error| self.halt(&AT, error))? {
            apps::Created::New => Ok(()),
            apps::Created::Taken => Err(Halt::Ousted(format!(
                "{} was created by somebody else at the same moment",
                self.app()
            ))),
        }
    }

    pub fn set_deploy_branch(&mut self, branch: &str) -> Result<(), Halt> {
        self.ask(&AT, &git::set_deploy_branch(self.app(), branch))
            .map(drop)
    }

    pub fn create_service(
        &mut self,
        kind: ServiceKind,
        name: &ServiceName,
        image: &datastore::Image,
    ) -> Result<(), Halt> {
        // The answer holds the service's password: it is not told.
        self.ask(&AT, &datastore::create(kind, name, image))
            .map(drop)
    }

    pub fn link_service(&mut self, kind: ServiceKind, name: &ServiceName) -> Result<(), Halt> {
        self.ask(&AT, &datastore::link(kind, name, self.app()))
            .map(drop)
    }

    pub fn set_variables(&mut self, changes: &Changes) -> Result<(), Halt> {
        let mut set = changes.set.clone();
        set.insert(MANAGED.to_owned(), Secret::new(changes.managed.write()));
        self.write(&AT, &set)?;
        if !changes.unset.is_empty() {
            self.ask(&AT, &config::unset(self.app(), &changes.unset))?;
        }
        self.read_back(&set, &changes.unset)
    }

    /// Compares what the host holds with what was written.
    fn read_back(&self, set: &BTreeMap<String, Secret>, unset: &[String]) -> Result<(), Halt> {
        let held = self.variables(&AT)?;
        let differing: Vec<&str> = set
            .iter()
            .filter(|(key, value)| held.get(*key) != Some(*value))
            .map(|(key, _)| key.as_str())
            .chain(
                unset
                    .iter()
                    .map(String::as_str)
                    .filter(|key| held.contains_key(*key)),
            )
            .collect();
        if differing.is_empty() {
            return Ok(());
        }
        Err(Halt::Failed(
            AT,
            format!(
                "Dokku does not hold what was written: {}",
                differing.join(", ")
            ),
        ))
    }

    pub fn add_domains(&mut self, missing: &[String]) -> Result<(), Halt> {
        self.ask(&AT, &domains::add(self.app(), missing)).map(drop)
    }

    pub fn limit(&mut self, limits: &resource::Limits) -> Result<(), Halt> {
        self.ask(&AT, &resource::limit(self.app(), limits))
            .map(drop)
    }

    pub fn scale(&mut self, counts: &BTreeMap<String, u32>) -> Result<(), Halt> {
        self.ask(&AT, &ps::scale(self.app(), counts, true))
            .map(drop)
    }

    /// Right before the push: is the app, or its base, locked meanwhile? Is the journal still ours?
    pub fn recheck(&mut self) -> Result<(), Halt> {
        let own = self.look_for_locks(&AT)?;
        let is_ours = self
            .journal
            .as_ref()
            .is_none_or(|journal| journal.is_held_in(&own));
        if is_ours {
            return Ok(());
        }
        Err(Halt::Ousted(format!(
            "another deploy of {} has taken over",
            self.app()
        )))
    }

    /// Refuses if the app or its base is locked now; returns the app's variables.
    pub fn look_for_locks(&self, at: &Stage) -> Result<Variables, Halt> {
        let base = self.plan.base.clone();
        let mut questions = vec![config::export(self.app())];
        questions.extend(base.as_ref().map(config::export));
        let now = self.ground.clock.now();
        let mut own = None;
        let names = std::iter::once(self.app().clone()).chain(base);
        for (name, answer) in names.zip(self.ground.host.ask_all(&questions)) {
            let variables = answer
                .and_then(|answer| config::read_export(&answer))
                .map_err(|error| self.halt(at, error))?;
            // A base that does not exist locks nothing.
            let Some(variables) = variables else {
                continue;
            };
            if self.plan.override_lock.is_none() {
                check_lock(&name, &variables, now)
                    .map_err(|refusal| Halt::Refused(refusal.to_string()))?;
            }
            if name == *self.app() {
                own = Some(variables);
            }
        }
        own.ok_or_else(|| Halt::Ousted(format!("{} was destroyed meanwhile", self.app())))
    }
}
