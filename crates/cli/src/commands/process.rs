//! `dokku-cli restart`, `start`, `stop`, `scale` and `logs`: the processes of an app.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    audit::Action,
    command::DokkuCommand,
    dokku::{logs as app_logs, ps},
    host::Host,
};

use super::{
    app_command::{Change, code, pass_on, perform},
    missing, with_host,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation};

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
    let (command, what, doing, done) = match verb {
        Verb::Restart => (ps::restart(&app), "restart", "Restarting", "Restarted"),
        Verb::Start => (ps::start(&app), "start", "Starting", "Started"),
        Verb::Stop => (ps::stop(&app), "stop", "Stopping", "Stopped"),
    };
    invocation.ui.info(&format!("{doing} {app}..."));
    let change = Change {
        app: &app,
        action: Action::Scale,
        what: what.to_owned(),
        done,
    };
    perform(&command, &change, invocation)
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
    if counts.is_empty() {
        return show_scale(&app, invocation);
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
    let what = counts.join(" ");
    let command = DokkuCommand::on("ps:scale", &app).args(counts);
    let change = Change {
        app: &app,
        action: Action::Scale,
        what,
        done: "Scaled",
    };
    perform(&command, &change, invocation)
}

fn show_scale(app: &AppName, invocation: &Invocation) -> Result<u8, Failure> {
    let (ui, command) = (invocation.ui, ps::scale_show(app));
    ui.header(&format!("Current Scale: {app}"));
    if !ui.is_json() {
        return with_host(invocation, |host, interrupts| {
            pass_on(&command, host, interrupts, ui).map(code)
        });
    }
    let scale = with_host(invocation, |host, _| {
        ps::read_scale(&host.ask(&command)?)?.ok_or_else(|| missing(app, host.name()))
    })?;
    ui.json(&serde_json::json!({ "app": app, "scale": scale }))?;
    Ok(exit_codes::OK)
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
    let ended = with_host(invocation, |host, interrupts| {
        pass_on(&command, host, interrupts, invocation.ui).map(code)
    });
    match ended {
        // The way to end it that was announced.
        Err(Failure {
            code: code @ (exit_codes::INTERRUPTED | exit_codes::TERMINATED),
            ..
        }) if arguments.follow => Ok(code),
        ended => ended,
    }
}
