//! `dokku-cli dashboard serve`: the page on this machine, live.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use dokku_deploy::{clock::Clock, interrupt::Interrupts};
use jiff::Timestamp;

use super::{ServeArguments, sources};
use crate::{
    clock::RealClock,
    dashboard::serve::{Data, Server},
    exit_codes,
    failure::{Failure, signal_code},
    interrupt::Watch,
    invocation::Invocation,
};

/// How long somebody who asks to stop may have to wait.
const STEP: Duration = Duration::from_millis(250);

/// Serves until somebody stops it.
pub fn run(arguments: &ServeArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    let watch = Watch::begin()?;
    let server = Server::bind(arguments.port).map_err(|error| {
        Failure::internal(format!(
            "port {} cannot be listened on: {error}",
            arguments.port
        ))
    })?;
    let url = server.url();
    let data = Arc::new(Data::default());
    data.set(files(&gathered));
    server.run(&data);
    if ui.is_json() {
        ui.json(&serde_json::json!({ "url": url }))?;
    } else {
        ui.result(&url)?;
    }
    ui.info("Only this machine can see it. Ctrl-C ends it.");
    if arguments.open {
        open(&url, invocation);
    }
    let clock = RealClock::new(watch.clone());
    while watch.requests().0 == 0 {
        sources::check(
            &mut gathered.board,
            &[],
            &arguments.ask,
            &watch,
            &|finding| {
                ui.detail(&format!(
                    "{}: {}",
                    finding.app,
                    finding.fault.as_deref().unwrap_or("healthy")
                ));
            },
        )?;
        data.set(files(&gathered));
        wait(arguments.every, &clock, &watch);
    }
    data.end();
    match watch.requests() {
        (1.., Some(signal)) => Ok(signal_code(signal)),
        _ => Ok(exit_codes::OK),
    }
}

/// Waits until the next round, or until somebody asks to stop. In short steps: a request that came just
/// before a wait does not end it.
fn wait(time: Duration, clock: &RealClock, watch: &Watch) {
    let end = clock.elapsed().saturating_add(time);
    while watch.requests().0 == 0 {
        let left = end.saturating_sub(clock.elapsed());
        if left.is_zero() {
            return;
        }
        clock.wait(left.min(STEP));
    }
}

/// Everything: nobody but this machine's people sees it. `live` tells the page of the stream.
fn files(gathered: &sources::Gathered) -> BTreeMap<String, String> {
    let mut files = gathered.board.files(false, Timestamp::now());
    if let Some(apps) = files.get_mut("apps.json") {
        apps.replace_range(..1, "{\"live\":true,");
    }
    files
}

/// Opens the person's browser; what it says is not ours.
fn open(url: &str, invocation: &Invocation<'_>) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let opened = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        invocation.ui.warning(&format!(
            "{program} cannot be run ({error}); open {url} yourself"
        ));
    }
}
