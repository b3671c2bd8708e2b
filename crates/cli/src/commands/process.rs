//! `dokku-cli restart`, `start`, `stop`, `scale` and `logs`: the processes of an app.

use clap::Args;
use dokku_deploy::{
    command::DokkuCommand,
    dokku::{logs as app_logs, ps},
};

use super::{
    app_command::{code, pass_on, perform},
    with_host,
};
use crate::{failure::Failure, invocation::Invocation};

/// What `restart`, `start` and `stop` take.
#[derive(Debug, Args)]
pub struct AppArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
    /// How many of the last lines
    #[arg(long, short, default_value_t = 100)]
    pub num: u32,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, short, visible_short_alias = 't')]
    pub follow: bool,
}

/// What `scale` takes.
#[derive(Debug, Args)]
pub struct ScaleArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
    /// How many of which process; without any, the present counts are shown
    #[arg(value_name = "TYPE=N")]
    pub counts: Vec<String>,
}

/// One of the three verbs.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    /// `ps:restart`
    Restart,
    /// `ps:start`
    Start,
    /// `ps:stop`
    Stop,
}

/// Restarts, starts or stops.
pub fn act(verb: Verb, arguments: &AppArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let (command, doing, done) = match verb {
        Verb::Restart => (ps::restart(&app), "Restarting", "Restarted"),
        Verb::Start => (ps::start(&app), "Starting", "Started"),
        Verb::Stop => (ps::stop(&app), "Stopping", "Stopped"),
    };
    invocation.ui.info(&format!("{doing} {app}..."));
    perform(&command, &app, done, invocation)
}

/// Shows or changes the counts.
pub fn scale(arguments: &ScaleArguments, invocation: &Invocation) -> Result<u8, Failure> {
    // `scale web=2` in the app's repository.
    let is_count = |word: &&str| word.contains('=');
    let given = arguments.app.as_deref();
    let counts: Vec<&str> = given
        .filter(is_count)
        .into_iter()
        .chain(arguments.counts.iter().map(String::as_str))
        .collect();
    let app = invocation.app(given.filter(|word| !is_count(word)))?;
    let command = DokkuCommand::on("ps:scale", &app);
    if counts.is_empty() {
        invocation.ui.header(&format!("Current Scale: {app}"));
        return with_host(invocation, |host, interrupts| {
            pass_on(&command, host, interrupts, invocation.ui).map(code)
        });
    }
    for count in &counts {
        let is_count = count.split_once('=').is_some_and(|(process, number)| {
            !process.is_empty() && !process.starts_with('-') && number.parse::<u32>().is_ok()
        });
        if !is_count {
            return Err(Failure::usage(format!(
                "{count:?} is no count of processes: expected TYPE=N, such as web=2"
            )));
        }
    }
    invocation.ui.info(&format!("Scaling {app}..."));
    let command = command.args(counts);
    perform(&command, &app, "Scaled", invocation)
}

/// Shows the app's log.
pub fn logs(arguments: &LogsArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let mut command = app_logs::logs(&app, arguments.num);
    if arguments.follow {
        invocation
            .ui
            .info(&format!("Following logs for {app} (Ctrl+C to stop)"));
        command = command.flag("--tail");
    } else {
        invocation.ui.info(&format!("Logs for {app}"));
    }
    with_host(invocation, |host, interrupts| {
        pass_on(&command, host, interrupts, invocation.ui).map(code)
    })
}
