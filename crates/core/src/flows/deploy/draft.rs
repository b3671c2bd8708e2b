//! The parts of a plan, each decided by itself, and put in order at the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    dokku::{capabilities::Capabilities, http_auth},
    journal::{Journal, Phase},
    release::Release,
    rollout::{AppState, DEPLOY_BRANCH, Doorkeeper, Observed, Refusal, Step, Wish},
    secret::Secret,
    settings::When,
    store::{Variables, is_key_name, storable},
    variables::{Changes, Given, MANAGED, Managed, Source, may_be_given},
};

/// How the commit gets onto the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// It is pushed.
    Push,
    /// The host has it, but what runs was not proven to be it.
    Rebuild,
    /// It runs.
    Serves,
}

impl Code {
    pub fn decide(
        wish: &Wish,
        app: Option<&AppState>,
        previous: Option<&Release>,
        takeover: Option<&Journal>,
    ) -> Self {
        let Some(app) = app else { return Self::Push };
        let has_commit = app.git.deployed() == Some(wish.commit.sha.as_str());
        // Whatever an unfinished run built is newer than what serves.
        let is_newest = takeover.is_none_or(|journal| journal.phase == Phase::Preparing);
        let is_proven = is_newest
            && app.ps.is_deployed
            && previous
                .is_some_and(|release| release.sha == wish.commit.sha && app.proves(release));
        match (is_proven, has_commit) {
            (true, _) => Self::Serves,
            (false, true) => Self::Rebuild,
            (false, false) => Self::Push,
        }
    }
}

/// Domains that are wished.
pub(super) struct Domains {
    /// The app's own.
    pub own: Option<String>,
    /// Those that the app lacks.
    pub missing: Vec<String>,
}

#[derive(Default)]
pub(super) struct Draft {
    pub(super) preparation: Vec<Step>,
    after_variables: Vec<Step>,
    pub notes: Vec<String>,
    pub restarts: bool,
    /// An unfinished run is taken over.
    pub takes_over: bool,
    /// The run that is taken over may have left the app held.
    pub is_held: bool,
    pub(super) linked_kinds: BTreeSet<&'static str>,
    doorkeeper: Option<Doorkeeper>,
}

impl Draft {
    pub fn domains(&mut self, wish: &Wish, observed: &Observed) -> Domains {
        let there = observed.app.as_ref().map(|app| &app.domains);
        let base = wish
            .base_domain
            .clone()
            .or_else(|| there.and_then(|domains| domains.global.first().cloned()));
        let own = base.map(|base| format!("{}.{base}", wish.app));
        if own.is_none() {
            self.notes.push(
                "no base domain is known (BASE_DOMAIN, or a global domain on the host): the app gets none of its own".to_owned(),
            );
        }
        let is_there = |domain: &String| there.is_some_and(|domains| domains.app.contains(domain));
        let mut missing: Vec<String> = Vec::new();
        for domain in own.iter().chain(&wish.settings.custom_domains) {
            if !is_there(domain) && !missing.contains(domain) {
                missing.push(domain.clone());
            }
        }
        Domains { own, missing }
    }

    pub fn variables(
        &mut self,
        wish: &Wish,
        observed: &Observed,
        domain: Option<&str>,
    ) -> Result<Changes, Refusal> {
        let mut given: Given = wish.given.clone();
        for (source, variables) in &given {
            for key in variables.keys() {
                self.check_given(*source, key)?;
            }
        }
        given.insert(Source::System, system_variables(wish, domain));
        for (key, value) in given.values().flatten() {
            storable(value.expose()).map_err(|why| {
                Refusal::BadVariable(format!("{key} cannot be stored by Dokku: {why}"))
            })?;
        }
        let empty = Variables::default();
        let current = observed.app.as_ref().map_or(&empty, |app| &app.variables);
        let managed = Managed::read(current.get(MANAGED).map(Secret::expose)).map_err(|bad| {
            Refusal::Unreadable {
                app: wish.app.clone(),
                why: bad.to_string(),
            }
        })?;
        let changes = Changes::between(current, &managed, &given);
        self.restarts |= !changes.is_empty();
        Ok(changes)
    }

    fn check_given(&self, source: Source, key: &str) -> Result<(), Refusal> {
        if !is_key_name(key) {
            return Err(Refusal::BadVariable(format!(
                "{key:?} is not a variable's name: letters, digits and underscores, no digit first"
            )));
        }
        if !matches!(source, Source::System | Source::Repository) {
            may_be_given(key).map_err(|bad| Refusal::BadVariable(bad.to_string()))?;
        }
        if self.linked_kinds.contains(key) {
            return Err(Refusal::BadVariable(format!(
                "{key} is set by the link to the app's service: leave it out of the variables, \
                 or take the service out of services.yml"
            )));
        }
        Ok(())
    }

    /// Who asks visitors for the password, if one is wished.
    pub fn protection(&mut self, wish: &Wish, capabilities: &Capabilities) -> Result<(), Refusal> {
        let Some(credentials) = &wish.credentials else {
            return Ok(());
        };
        self.doorkeeper = Some(if capabilities.deploy_system.is_some() {
            Doorkeeper::DeploySystem
        } else if capabilities.has_http_auth {
            // It takes the password as a word, which not every password can be.
            http_auth::add_user(&wish.app, credentials)
                .wire()
                .map_err(|error| Refusal::Missing(error.to_string()))?;
            Doorkeeper::HttpAuth
        } else {
            return Err(Refusal::Missing(format!(
                "visitors of {} are to be asked for a password, and nothing on the host can do that. As root there: \
                 dokku plugin:install https://github.com/dokku/dokku-http-auth.git",
                wish.app
            )));
        });
        Ok(())
    }

    pub fn limits(&mut self, wish: &Wish, app: Option<&AppState>) {
        let wished = &wish.settings.resources;
        let there = app.map(|app| &app.limits);
        let differs = |wished: &Option<String>, there: Option<&String>| {
            wished
                .as_ref()
                .filter(|wished| Some(*wished) != there)
                .cloned()
        };
        let memory = differs(
            &wished.memory,
            there.and_then(|limits| limits.memory.as_ref()),
        );
        let cpu = differs(&wished.cpu, there.and_then(|limits| limits.cpu.as_ref()));
        if memory.is_some() || cpu.is_some() {
            self.after_variables.push(Step::Limit { memory, cpu });
            self.restarts = true;
        }
    }

    pub fn scale(&mut self, wish: &Wish, app: Option<&AppState>) {
        if wish.settings.scale.is_empty() {
            return;
        }
        if app.is_some_and(|app| !app.ps.can_scale) {
            self.notes
                .push("app.json has a formation: scale in config.yml is left alone".to_owned());
            return;
        }
        let differing: BTreeMap<String, u32> = wish
            .settings
            .scale
            .iter()
            .filter(|(process, count)| app.and_then(|app| app.scale.get(*process)) != Some(*count))
            .map(|(process, count)| (process.clone(), *count))
            .collect();
        if !differing.is_empty() {
            self.after_variables.push(Step::Scale(differing));
            self.restarts = true;
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one private place puts the parts in order"
    )]
    pub fn assemble(
        &mut self,
        wish: &Wish,
        app: Option<&AppState>,
        code: Code,
        changes: Changes,
        missing_domains: Vec<String>,
        restarts: bool,
        is_first: bool,
        has_letsencrypt: bool,
        lease: Option<String>,
    ) -> Vec<Step> {
        let managed_before = app
            .and_then(|app| app.variables.get(MANAGED))
            .map(Secret::expose)
            .map(str::to_owned);
        let is_list_new = managed_before.as_deref() != Some(changes.managed.write().as_str());
        let mut steps = Vec::new();
        if app.is_none() {
            steps.push(Step::CreateApp);
            steps.push(Step::SetDeployBranch(DEPLOY_BRANCH.to_owned()));
        }
        let sets_variables = !changes.is_empty() || is_list_new;
        let variables = sets_variables.then_some(Step::SetVariables(changes));
        // A new app says at once what it is: so what a failed run leaves of it is found again.
        let (early, late) = if app.is_none() {
            (variables, None)
        } else {
            (None, variables)
        };
        steps.extend(early);
        steps.append(&mut self.preparation);
        steps.extend(late);
        let has_new_domains = !missing_domains.is_empty();
        if has_new_domains {
            steps.push(Step::AddDomains(missing_domains));
        }
        steps.append(&mut self.after_variables);
        let was_prepared = !steps.is_empty();
        steps.extend(self.doorkeeper.map(Step::Protect));

        let tasks = &wish.settings.release.tasks;
        match code {
            Code::Serves if restarts => steps.extend([Step::Recheck, Step::Restart]),
            Code::Serves => {}
            Code::Push | Code::Rebuild => {
                steps.push(Step::Recheck);
                let is_before_traffic =
                    !tasks.is_empty() && wish.settings.release.when == When::BeforeTraffic;
                // A hold that another run left is kept up until the new image is built.
                let is_held = is_before_traffic || self.is_held;
                if is_held {
                    steps.push(Step::Hold);
                }
                steps.push(if code == Code::Push {
                    Step::Push {
                        branch: app.map_or_else(
                            || DEPLOY_BRANCH.to_owned(),
                            |app| app.git.deploy_branch.clone(),
                        ),
                        lease,
                    }
                } else {
                    Step::Rebuild
                });
                if is_first || app.is_none_or(|app| !app.has_web_port()) {
                    steps.push(Step::EnsurePort);
                }
                if is_before_traffic {
                    steps.push(Step::Tasks(tasks.clone()));
                }
                if is_held {
                    steps.push(Step::Switch { is_first });
                }
                if !is_before_traffic && !tasks.is_empty() {
                    steps.push(Step::Tasks(tasks.clone()));
                }
            }
        }
        if has_letsencrypt && (has_new_domains || is_first) {
            steps.push(Step::EnableTls);
        }
        steps.push(Step::Verify);
        if code != Code::Serves || restarts {
            steps.push(Step::Record);
        }
        if was_prepared || self.takes_over || steps.contains(&Step::Recheck) {
            let at = usize::from(app.is_none());
            steps.insert(at, Step::TakeJournal);
        }
        steps
    }
}

fn system_variables(wish: &Wish, domain: Option<&str>) -> BTreeMap<String, Secret> {
    let mut variables = BTreeMap::from([
        ("APP_ENV".to_owned(), Secret::new(wish.environment.as_str())),
        ("APP_NAME".to_owned(), Secret::new(wish.app.as_str())),
    ]);
    if let Some(domain) = domain {
        variables.insert("APP_URL".to_owned(), Secret::new(public_url(domain)));
    }
    variables
}

/// The address that an app is told it has: `https`, but for names of this machine.
fn public_url(domain: &str) -> String {
    let is_local = domain == "localhost" || domain.ends_with(".localhost");
    format!("{}://{domain}", if is_local { "http" } else { "https" })
}
