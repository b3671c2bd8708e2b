//! Runs of a schedule: told to a heartbeat, noted on the data branch, and with them what runs did not
//! come.

use std::time::Duration;

use clap::Args;
use dokku_deploy::{
    audit::AuditEntry,
    dashboard::{Board, Notice, Ran},
};
use jiff::Timestamp;

use crate::{
    actor,
    backup::{Beat, beat},
    dashboard::{
        place::Place,
        publication::{self, Merge},
    },
    failure::Failure,
    global::duration,
    interrupt::Watch,
    invocation::Invocation,
    origin,
    publish::tell_each,
};

/// That a command is run by a schedule.
#[derive(Debug, Default, Args)]
pub struct Scheduled {
    /// This is a run of a schedule with so much time between two, such as 24h: it is noted on the data branch, and runs of
    /// this and other schedules that did not come are told
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub every: Option<Duration>,
    /// Told of start, success and failure of the run, as healthchecks.io takes it
    #[arg(
        long,
        value_name = "URL",
        env = "HEARTBEAT_URL",
        hide_env_values = true
    )]
    heartbeat_url: Option<String>,
}

impl Scheduled {
    /// The heartbeat's address.
    pub fn heartbeat(&self) -> Option<&str> {
        self.heartbeat_url.as_deref().filter(|url| !url.is_empty())
    }

    /// Runs `task`, and notes the run.
    pub fn run(
        &self,
        task: &str,
        invocation: &Invocation<'_>,
        act: impl FnOnce() -> Result<u8, Failure>,
    ) -> Result<u8, Failure> {
        beaten(self.heartbeat(), invocation, || {
            let result = act();
            self.note(task, result.is_ok(), invocation);
            result
        })
    }

    /// Notes that a run of `task` has ended. What keeps that from being noted is a warning.
    pub fn note(&self, task: &str, is_good: bool, invocation: &Invocation<'_>) {
        let Some(every) = self.every else { return };
        let noted = Run::begin(task, every, is_good, invocation).and_then(|mut run| {
            run.note()?;
            run.tell();
            Ok(())
        });
        if let Err(failure) = noted {
            invocation.ui.warning(&format!(
                "this run of the schedule is not noted, and may be taken for missing: {}",
                failure.message
            ));
        }
    }
}

/// Tells a heartbeat, where there is one, of start and end.
pub fn beaten(
    url: Option<&str>,
    invocation: &Invocation<'_>,
    act: impl FnOnce() -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let tell = |what| {
        if let Some(url) = url
            && let Err(why) = beat(url, what)
        {
            invocation.ui.warning(&why);
        }
    };
    tell(Beat::Start);
    let result = act();
    tell(if result.is_ok() {
        Beat::Success
    } else {
        Beat::Fail
    });
    result
}

/// A run that is to be noted.
pub struct Run<'a> {
    task: &'a str,
    host: String,
    every: Duration,
    is_good: bool,
    actor: String,
    notices: Vec<Notice>,
    news: Vec<AuditEntry>,
    at: Timestamp,
    invocation: &'a Invocation<'a>,
}

impl<'a> Run<'a> {
    /// A run of `task` that has ended.
    pub fn begin(
        task: &'a str,
        every: Duration,
        is_good: bool,
        invocation: &'a Invocation<'a>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            task,
            // Without a host (`--no-host`) it is a schedule of its own.
            host: invocation.target().map_or_else(
                |_| String::new(),
                |target| origin::bare(&target.to_string()).to_owned(),
            ),
            every,
            is_good,
            actor: actor::name(None)?,
            notices: Vec::new(),
            news: Vec::new(),
            at: Timestamp::now(),
            invocation,
        })
    }

    /// Puts it onto a board that is about to be written. Asked again, the earlier answer is nothing.
    pub fn put(&mut self, board: &mut Board, now: Timestamp) {
        self.at = now;
        let ran = Ran {
            task: self.task,
            host: &self.host,
            every: self.every,
            is_good: self.is_good,
        };
        self.notices = board.schedules.ran(&ran, now);
        let new = self.notices.iter().filter(|notice| notice.is_new);
        self.news = new
            .map(|notice| notice.entry(&origin::begin(&self.actor, &self.host, None)))
            .collect();
        for entry in &self.news {
            board.add_entry(entry);
        }
    }

    fn note(&mut self) -> Result<(), Failure> {
        let Place {
            remote: Some(remote),
            is_public,
        } = Place::find(None, None)?
        else {
            self.invocation.ui.warning(
                "No data branch is named (DASHBOARD_REPOSITORY): runs that do not come are not noticed",
            );
            return Ok(());
        };
        let message = format!("Update dashboard: schedule {}", self.task);
        let merge = Merge {
            remote: &remote,
            own: &Board::default(),
            is_public,
            is_adopting: false,
            message: &message,
            patience: publication::TELLING,
        };
        let watch = Watch::begin()?;
        publication::merge_into(&merge, &watch, &mut |board, now| self.put(board, now))?;
        Ok(())
    }

    /// Says what is missing, and tells people of what is new. The board has to be written before.
    pub fn tell(&self) {
        for notice in &self.notices {
            let text = notice.text(self.at);
            if notice.is_back {
                self.invocation.ui.info(&text);
            } else {
                self.invocation.ui.warning(&text);
            }
        }
        tell_each(&self.news, self.invocation);
    }
}
