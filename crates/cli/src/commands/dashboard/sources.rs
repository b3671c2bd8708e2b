//! Where the dashboard's data comes from: what was written before, and what the host says now.

use std::{collections::BTreeMap, env, io};

use dokku_deploy::{
    dashboard::{Board, FILES},
    flows::survey::survey,
    secret::Secret,
    settings::Dashboard,
};
use jiff::Timestamp;

use super::{AskArguments, SourceArguments};
use crate::{
    commands::with_host,
    dashboard::checks::{self, Finding, PATIENCE, Question},
    data_branch::{self, DataBranchError, Remote},
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    project::Project,
};

/// The files beside the data that are told to nobody but friends.
pub const PRIVATE_FILES: [&str; 2] = ["audit-log.json", "audit-report.md"];

/// What is known so far.
pub struct Gathered {
    /// The data.
    pub board: Board,
    /// Whether strangers see what is written.
    pub is_public: bool,
    /// The data branch, if one is named.
    pub remote: Option<Remote>,
    /// The private files of the source, as they are.
    pub private: BTreeMap<String, String>,
}

/// Reads earlier data and asks the host.
pub fn gather(
    arguments: &SourceArguments,
    invocation: &Invocation<'_>,
) -> Result<Gathered, Failure> {
    let (remote, is_public) = remote(arguments)?;
    let files = match (&arguments.data, &remote) {
        (Some(directory), _) => directory_files(directory)?,
        (None, Some(remote)) => branch_files(remote)?,
        (None, None) => BTreeMap::new(),
    };
    let mut board = read(&files)?;
    if !arguments.no_host {
        board = with_survey(board, invocation)?;
    } else if arguments.data.is_none() && remote.is_none() {
        return Err(Failure::usage(
            "--no-host leaves nothing to show: name earlier data with --data or --repository",
        ));
    }
    board.tidy(Timestamp::now());
    let private = files
        .into_iter()
        .filter(|(name, _)| PRIVATE_FILES.contains(&name.as_str()));
    Ok(Gathered {
        board,
        is_public,
        remote,
        private: private.collect(),
    })
}

/// The data branch, and whether it is public. Without a word about it, it is: what a stranger was
/// shown once cannot be taken back.
fn remote(arguments: &SourceArguments) -> Result<(Option<Remote>, bool), Failure> {
    let settings = settings()?;
    let is_public = settings.public.unwrap_or(true);
    let repository = arguments
        .repository
        .as_ref()
        .or(settings.repository.as_ref());
    let branch = arguments.branch.as_ref().unwrap_or(&settings.branch);
    let remote = repository
        .map(|repository| named(repository, branch))
        .transpose()?;
    Ok((remote, is_public))
}

fn settings() -> Result<Dashboard, Failure> {
    let project = Project::around(&env::current_dir()?)?;
    let settings = project.settings()?;
    Ok(settings
        .resolve(dokku_deploy::app::Environment::Production)
        .dashboard)
}

/// A data branch by its names; the server and the token are those of the CI run.
pub fn named(repository: &str, branch: &str) -> Result<Remote, DataBranchError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let server = variable("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
    let token = ["DASHBOARD_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"]
        .iter()
        .find_map(|name| variable(name))
        .map(Secret::new);
    Remote::new(repository, branch, &server, token)
}

fn directory_files(directory: &std::path::Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    if !directory.is_dir() {
        return Err(Failure::settings(format!(
            "{} is no directory",
            directory.display()
        )));
    }
    for name in FILES.into_iter().chain(PRIVATE_FILES) {
        match fs_err::read_to_string(directory.join(name)) {
            Ok(text) => drop(files.insert(name.to_owned(), text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::settings(error.to_string())),
        }
    }
    Ok(files)
}

fn branch_files(remote: &Remote) -> Result<BTreeMap<String, String>, Failure> {
    let names: Vec<&str> = FILES.into_iter().chain(PRIVATE_FILES).collect();
    Ok(data_branch::read(remote, &names)?.unwrap_or_default())
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
        use dokku_deploy::host::Host;
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
    let mut questions = checks::questions(board, arguments.path.as_deref());
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
