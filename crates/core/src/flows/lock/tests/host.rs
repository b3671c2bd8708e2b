//! A host of apps and their variables, on which somebody else may act at any moment.

use std::{collections::BTreeMap, sync::Mutex};

use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, Follow, Host, HostError, Push, PushOutcome},
};

pub type Apps = BTreeMap<String, BTreeMap<String, String>>;
type Act = Box<dyn FnOnce(&mut Apps) + Send>;

#[derive(Default)]
pub struct Script(Mutex<State>);

#[derive(Default)]
struct State {
    apps: Apps,
    log: Vec<String>,
    rounds: usize,
    /// What happens on the host right before the n-th command, counted from 0.
    acts: BTreeMap<usize, Act>,
    /// Answers instead of the host's own, by the beginning of the line.
    answers: Vec<(String, Result<Answer, HostError>)>,
}

impl Script {
    pub fn with(apps: &[(&str, &[(&str, &str)])]) -> Self {
        let host = Self::default();
        for (app, variables) in apps {
            host.change(|apps| {
                let variables = variables.iter().map(|(k, v)| ((*k).into(), (*v).into()));
                apps.insert((*app).to_owned(), variables.collect());
            });
        }
        host
    }

    pub fn change(&self, act: impl FnOnce(&mut Apps)) {
        act(&mut self.0.lock().unwrap().apps);
    }

    /// Lets `act` happen right before the `nth` command.
    pub fn before(self, nth: usize, act: impl FnOnce(&mut Apps) + Send + 'static) -> Self {
        self.0.lock().unwrap().acts.insert(nth, Box::new(act));
        self
    }

    /// Answers so to every line that begins with `beginning`.
    pub fn answering(self, beginning: &str, status: i32, stdout: &str, stderr: &str) -> Self {
        let answer = Answer {
            command: beginning.to_owned(),
            status,
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        self.0
            .lock()
            .unwrap()
            .answers
            .push((beginning.to_owned(), Ok(answer)));
        self
    }

    /// Does not answer to a line that begins with `beginning`.
    pub fn silent_to(self, beginning: &str) -> Self {
        let error = HostError::Unreachable {
            host: "h".into(),
            why: "gone".into(),
        };
        self.0
            .lock()
            .unwrap()
            .answers
            .push((beginning.to_owned(), Err(error)));
        self
    }

    pub fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }

    pub fn rounds(&self) -> usize {
        self.0.lock().unwrap().rounds
    }

    pub fn variable(&self, app: &str, key: &str) -> Option<String> {
        self.0.lock().unwrap().apps[app].get(key).cloned()
    }

    fn answer(&self, command: &DokkuCommand) -> Result<Answer, HostError> {
        let line = command.wire()?;
        let mut state = self.0.lock().unwrap();
        let nth = state.log.len();
        if let Some(act) = state.acts.remove(&nth) {
            act(&mut state.apps);
        }
        state.log.push(line.clone());
        if let Some((_, answer)) = state
            .answers
            .iter()
            .find(|(beginning, _)| line.starts_with(beginning.as_str()))
        {
            return answer.clone();
        }
        let (status, stdout, stderr) = act(&mut state.apps, &line, command);
        Ok(Answer {
            command: command.to_string(),
            status,
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
        })
    }
}

fn act(apps: &mut Apps, line: &str, command: &DokkuCommand) -> (i32, String, String) {
    let words: Vec<&str> = line
        .split(' ')
        .filter(|word| !word.starts_with("--") && *word != "json")
        .collect();
    let missing = |app: &str| {
        (
            20,
            String::new(),
            format!(" !     App {app} does not exist\n"),
        )
    };
    match words[..] {
        ["version"] => (0, "dokku version 0.38.27\n".into(), String::new()),
        ["plugin:list"] => (
            0,
            r#"[{"name":"apps","version":"0.38.27","enabled":true,"core":true}]"#.into(),
            String::new(),
        ),
        ["apps:list"] => {
            let names: Vec<&str> = apps.keys().map(String::as_str).collect();
            (0, names.join("\n"), String::new())
        }
        ["config:export", app] => match apps.get(app) {
            Some(variables) => (0, serde_json::to_string(variables).unwrap(), String::new()),
            None => missing(app),
        },
        ["config:import", app, "-"] => match apps.get_mut(app) {
            Some(variables) => {
                let given = command.stdin().unwrap().expose();
                let given: BTreeMap<String, String> = serde_json::from_str(given).unwrap();
                variables.extend(given);
                (0, String::new(), String::new())
            }
            None => missing(app),
        },
        ["config:unset", app, ref keys @ ..] => match apps.get_mut(app) {
            Some(variables) => {
                variables.retain(|key, _| !keys.contains(&key.as_str()));
                (0, String::new(), String::new())
            }
            None => missing(app),
        },
        _ => panic!("unexpected command {line}"),
    }
}

impl Host for Script {
    fn name(&self) -> &'static str {
        "h"
    }

    fn ask(&self, command: &DokkuCommand) -> Result<Answer, HostError> {
        self.0.lock().unwrap().rounds += 1;
        self.answer(command)
    }

    fn ask_all(&self, commands: &[DokkuCommand]) -> Vec<Result<Answer, HostError>> {
        self.0.lock().unwrap().rounds += 1;
        commands
            .iter()
            .map(|command| self.answer(command))
            .collect()
    }

    fn follow(&self, _: &DokkuCommand, _: &mut dyn Follow) -> Result<i32, HostError> {
        panic!("nothing is followed")
    }

    fn push(&self, _: &Push, _: &mut dyn Follow) -> Result<PushOutcome, HostError> {
        panic!("nothing is pushed")
    }
}

/// Locks an app as somebody else does, with an id of theirs.
pub fn somebody_locks(apps: &mut Apps, name: &AppName) {
    let variables = apps.get_mut(name.as_str()).unwrap();
    for (key, value) in [
        ("DEPLOY_LOCKED", "true"),
        ("DEPLOY_LOCK_REASON", "theirs"),
        ("DEPLOY_LOCK_BY", "bob"),
        ("DEPLOY_LOCK_AT", "2026-11-23T12:00:00Z"),
        ("DEPLOY_LOCK_ID", "one-b0b"),
    ] {
        variables.insert(key.into(), value.into());
    }
}
