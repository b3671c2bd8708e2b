//! Where the dashboard's data comes from: what was written before, and what the host says now.

use std::{collections::BTreeMap, io};

use dokku_deploy::{
    app::Environment,
    dashboard::{Board, FILES},
    flows::survey::survey,
    host::Host,
};
use jiff::Timestamp;

use super::{AskArguments, SourceArguments};
use crate::{
    access,
    commands::with_host,
    dashboard::{
        checks::{self, Finding, PATIENCE, Question},
        place::Place,
    },
    data_branch::{self, Remote},
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
};

/// What is known so far.
pub struct Gathered {
    /// The data.
    pub board: Board,
    /// Where it is published, and for whom.
    pub place: Place,
}

/// Reads earlier data and asks the host.
pub fn gather(
    arguments: &SourceArguments,
    invocation: &Invocation<'_>,
) -> Result<Gathered, Failure> {
    let place = Place::find(arguments.repository.as_deref(), arguments.branch.as_deref())?;
    let files = match (&arguments.data, &place.remote) {
        (Some(directory), _) => directory_files(directory)?,
        (None, Some(remote)) => branch_files(remote)?,
        (None, None) => BTreeMap::new(),
    };
    let mut board = read(&files)?;
    if !arguments.no_host {
        board = with_survey(board, invocation)?;
    } else if arguments.data.is_none() && place.remote.is_none() {
        return Err(Failure::usage(
            "--no-host leaves nothing to show: name earlier data with --data or --repository",
        ));
    }
    board.tidy(Timestamp::now());
    Ok(Gathered { board, place })
}

fn directory_files(directory: &std::path::Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    if !directory.is_dir() {
        return Err(Failure::settings(format!(
            "{} is no directory",
            directory.display()
        )));
    }
    for name in FILES {
        match fs_err::read_to_string(directory.join(name)) {
            Ok(text) => drop(files.insert(name.to_owned(), text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::settings(error.to_string())),
        }
    }
    Ok(files)
}

fn branch_files(remote: &Remote) -> Result<BTreeMap<String, String>, Failure> {
    Ok(data_branch::read(remote, &FILES, &Watch::begin()?)?.unwrap_or_default())
}

/// Reads data; what cannot be read is never written over.
fn read(files: &BTreeMap<String, String>) -> Result<Board, Failure> {
    Board::read(files).map_err(|error| {
        Failure::new(exit_codes::HOST, error.to_string())
            .hint("Nothing was written over it. Look at the file, and mend or remove it.")
    })
}

/// Adds what the host says. Apps that were on this host and are no more are gone.
fn with_survey(mut board: Board, invocation: &Invocation<'_>) -> Result<Board, Failure> {
    let now = Timestamp::now();
    let (found, host) = with_host(invocation, |host, _| {
        Ok((survey(host, now)?, host.name().to_owned()))
    })?;
    for gap in &found.gaps {
        invocation.ui.warning(&format!("{host} did not tell {gap}"));
    }
    let gone: Vec<String> = board
        .apps
        .rows()
        .filter(|(_, row)| row.text("host") == Some(&host))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !found.apps.iter().any(|app| app.as_str() == name))
        .collect();
    for name in gone {
        board.apps.remove(&name, now);
    }
    Ok(board.merge(found.board))
}

/// Asks the apps for their health and writes it onto the board.
pub fn check(
    board: &mut Board,
    only: &[String],
    arguments: &AskArguments,
    watch: &Watch,
    tell: &(dyn Fn(&Finding) + Sync),
) -> Result<Vec<Finding>, Failure> {
    let credentials = access::credentials(Environment::Preview)?;
    let mut questions = checks::questions(board, arguments.path.as_deref(), credentials.as_ref());
    if !only.is_empty() {
        questions.retain(|question| only.contains(&question.app));
        if let Some(missing) = only.iter().find(|app| !is_asked(&questions, app)) {
            return Err(Failure::new(
                exit_codes::HOST,
                format!("no address of {missing} is known"),
            )
            .hint(
                "`dokku-cli list` shows the apps of the host, `dokku urls APP` their addresses.",
            ));
        }
    }
    let findings = checks::ask_all(&questions, arguments.at_once.into(), PATIENCE, watch, tell)
        .map_err(|error| Failure::internal(format!("no app can be asked: {error}")))?;
    checks::note(board, &findings);
    board.tidy(Timestamp::now());
    Ok(findings)
}

fn is_asked(questions: &[Question], app: &str) -> bool {
    questions.iter().any(|question| question.app == app)
}
