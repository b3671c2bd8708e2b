//! What a host says about all of its apps, for the dashboard. Reads only.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::{AppName, Environment},
    audit::{Action, AuditEntry},
    clock::stamp,
    command::DokkuCommand,
    dashboard::{Board, Deploy, Identity, LockShown, PastDeploy, Processes, Release, Row},
    dokku::{
        apps, config,
        deploy_system::{self, PluginError},
        ps, urls,
    },
    host::{Answer, Host, HostError},
    lock::{BASE_APP, LockState},
    plugin_protocol::{AuditAnswer, AuditRequest},
    release::{self, History},
    store::Variables,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The rows and deploys of the host's apps.
    pub board: Board,
    /// The apps that the host has.
    pub apps: Vec<AppName>,
    /// What could not be learnt, a sentence each. It is missing from the board, never guessed.
    pub gaps: Vec<String>,
}

/// For so long the host's log is asked what its timer has done.
const NIGHTS: SignedDuration = SignedDuration::from_hours(48);
/// At most so many entries of each kind.
const MOST: usize = 1000;

/// Asks the host about all of its apps: four rounds of questions, whatever their number. A host that
/// cannot be asked at all is an error; an answer about one app that cannot be used is a gap.
pub fn survey(host: &dyn Host, now: Timestamp) -> Result<Survey, HostError> {
    let names = apps::read_list(&host.ask(&apps::list())?)?;
    let exports = ask(host, names.iter().map(config::export))?;
    let reports = ask(host, names.iter().map(ps::report))?;
    let mut found = Survey::default();
    let mut seen = Vec::new();
    for ((app, export), report) in names.into_iter().zip(exports).zip(reports) {
        let variables = match export.and_then(|answer| config::read_export(&answer)) {
            Ok(Some(variables)) => variables,
            // Destroyed since it was listed.
            Ok(None) => continue,
            Err(error) => {
                found.gaps.push(format!("the variables of {app}: {error}"));
                found.apps.push(app);
                continue;
            }
        };
        let processes = match report.and_then(|answer| ps::read_report(&answer)) {
            Ok(report) => report.map_or(Processes::Unknown, |report| processes(&report)),
            Err(error) => {
                found.gaps.push(format!("the processes of {app}: {error}"));
                Processes::Unknown
            }
        };
        found.apps.push(app.clone());
        seen.push((app, variables, processes));
    }
    // Apps that were never deployed by this system do not say where they are reached.
    let silent: Vec<_> = seen
        .iter()
        .filter(|(_, variables, processes)| {
            variables.text("APP_URL").is_none() && *processes == Processes::Running
        })
        .map(|(app, ..)| app.clone())
        .collect();
    let mut addresses = BTreeMap::new();
    for (app, answer) in silent.iter().zip(ask(host, silent.iter().map(urls::urls))?) {
        match answer.and_then(|answer| urls::read(&answer)) {
            Ok(urls) => drop(addresses.insert(app.clone(), urls.unwrap_or_default())),
            Err(error) => found.gaps.push(format!("the address of {app}: {error}")),
        }
    }
    for (app, variables, processes) in seen {
        let mut identity = identity(&app, &variables);
        if let Some(urls) = addresses.remove(&app) {
            identity.url = urls.into_iter().next();
        }
        identity.host = Some(host.name().to_owned());
        let row = Row::default()
            .with_identity(&identity, now)
            .with_processes(processes, now);
        let row = found.with_lock_and_releases(row, &app, &variables, now);
        found.board.apps.add(app.as_str(), row);
    }
    found.add_nights(host, now);
    Ok(found)
}

impl Survey {
    /// Adds what the host's own timer has done: nobody else tells the dashboard of that. A host without
    /// the plugin has no log.
    fn add_nights(&mut self, host: &dyn Host, now: Timestamp) {
        let questions = [Action::Backup, Action::RestoreTest].map(|action| {
            deploy_system::audit(&AuditRequest {
                app: None,
                action: Some(action.as_str().to_owned()),
                actor: None,
                since: now.checked_sub(NIGHTS).ok(),
                limit: MOST,
            })
        });
        for answer in host.ask_all(&questions) {
            let answer = answer.map_err(PluginError::Host);
            let read =
                answer.and_then(|answer| deploy_system::read::<AuditAnswer>(&answer, host.name()));
            match read {
                Ok(log) => {
                    let is_here = |entry: &&AuditEntry| {
                        self.apps.iter().any(|app| entry.app_name == app.as_str())
                    };
                    for entry in log.entries.iter().filter(is_here) {
                        self.board.add_entry(entry);
                    }
                }
                Err(PluginError::Lacking(_)) => return,
                Err(error) => self.gaps.push(format!("its backups: {error}")),
            }
        }
    }

    fn with_lock_and_releases(
        &mut self,
        row: Row,
        app: &AppName,
        variables: &Variables,
        now: Timestamp,
    ) -> Row {
        let row = match LockState::of(variables, now) {
            Ok(LockState::Locked(lock)) => {
                let lock = LockShown {
                    reason: Some(lock.reason),
                    by: lock.by,
                    at: lock.at,
                    until: lock.until.map(stamp),
                };
                row.with_lock(Some(&lock), now)
            }
            Ok(LockState::Unlocked | LockState::Expired(_)) => row.with_lock(None, now),
            Err(error) => {
                self.gaps.push(format!("whether {app} is locked: {error}"));
                row
            }
        };
        match History::of(variables) {
            Ok(history) => {
                for release in history.releases() {
                    self.board.deploys.add(app.as_str(), past(release));
                }
                match history.current() {
                    Some(current) => row.with_deploy(&deploy(current)),
                    None => row,
                }
            }
            Err(error) => {
                self.gaps.push(format!("the releases of {app}: {error}"));
                row
            }
        }
    }
}

type Answers = Vec<Result<Answer, HostError>>;

/// Asks all; where none was answered, the first error stands for all.
fn ask(
    host: &dyn Host,
    questions: impl Iterator<Item = DokkuCommand>,
) -> Result<Answers, HostError> {
    let questions: Vec<_> = questions.collect();
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let answers = host.ask_all(&questions);
    match answers.first() {
        Some(Err(error)) if answers.iter().all(Result::is_err) => Err(error.clone()),
        _ => Ok(answers),
    }
}

fn identity(app: &AppName, variables: &Variables) -> Identity {
    let text = |key| variables.text(key).filter(|text| !text.is_empty());
    let environment = text("APP_ENV").map_or_else(
        || Environment::of_app(app).as_str().to_owned(),
        str::to_owned,
    );
    Identity {
        environment: Some(environment),
        url: text("APP_URL").map(str::to_owned),
        base_app: text(BASE_APP)
            .map(str::to_owned)
            .or_else(|| app.base_by_name().map(|base| base.to_string())),
        ..Identity::default()
    }
}

fn processes(report: &ps::PsReport) -> Processes {
    match report.running {
        ps::Running::All => Processes::Running,
        ps::Running::None => Processes::Stopped,
        ps::Running::Mixed => Processes::Unknown,
    }
}

fn deploy(release: &release::Release) -> Deploy {
    Deploy {
        status: "success".to_owned(),
        at: release.timestamp,
        by: release.actor.clone(),
        commit: release.sha.clone(),
        attempted: None,
        message: release.message.clone(),
        release: Some(Release(release.version)),
        duration: None,
        workflow_url: None,
    }
}

fn past(release: &release::Release) -> PastDeploy {
    PastDeploy {
        at: stamp(release.timestamp),
        status: "success".to_owned(),
        by: release.actor.clone(),
        commit: release.sha.clone(),
        message: release.message.clone(),
        release: Some(release.version),
        duration: None,
    }
}
