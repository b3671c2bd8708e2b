//! Dokku, as the plugin calls it on the host.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitStatus, Output, Stdio},
};

use dokku_deploy::{
    dokku::config,
    host::{Answer, HostError, complaint},
    secret::Secret,
    store::Variables,
};

/// The app does not exist, says Dokku.
const NO_SUCH_APP: i32 = 20;

/// Why Dokku did not do what the plugin asked of it.
#[derive(Debug, thiserror::Error)]
pub enum DokkuError {
    /// It could not be started.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It answered with an error.
    #[error("`{command}` failed with exit status {status}: {complaint}")]
    Refused {
        /// The command without values.
        command: String,
        /// `None` after a signal.
        status: String,
        /// What it wrote to standard error.
        complaint: String,
    },
    /// It answered as it answers everybody.
    #[error(transparent)]
    Answered(#[from] HostError),
    /// It answered something that was not expected.
    #[error("`{command}` answered something else than {expected}")]
    Unparsable {
        /// The command.
        command: String,
        /// What was expected.
        expected: &'static str,
    },
}

/// The variables of an app, by the one trigger that tells an app without variables (exit 0), a
/// missing app (20) and an unreadable store (1) apart. `None`: no such app.
pub fn export(app: &str) -> Result<Option<Variables>, DokkuError> {
    let words = ["trigger", "config-export", app, "false", "false", "json"];
    let output = run("plugn", &words)?;
    let command = "plugn trigger config-export";
    match output.status.code() {
        Some(NO_SUCH_APP) => Ok(None),
        Some(status) => Ok(config::read_export(&Answer {
            command: command.to_owned(),
            status,
            stdout: output.stdout,
            stderr: output.stderr,
        })?),
        None => Err(DokkuError::refused(command, &output)),
    }
}

/// Sets variables without restarting the app and without printing them.
pub fn set(app: &str, variables: &BTreeMap<String, Secret>) -> Result<(), DokkuError> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pairs: Vec<String> = variables
        .iter()
        .map(|(key, value)| format!("{key}={}", STANDARD.encode(value.expose())))
        .collect();
    let mut words = vec!["--quiet", "config:set", "--no-restart", "--encoded", app];
    words.extend(pairs.iter().map(String::as_str));
    accept("dokku config:set", &run("dokku", &words)?)
}

/// Sets variables through standard input, where no list of processes shows them; a Dokku before
/// 0.37 knows only [`set`].
pub fn import(app: &str, variables: &BTreeMap<String, Secret>) -> Result<(), DokkuError> {
    let object: BTreeMap<&String, &str> = variables
        .iter()
        .map(|(key, value)| (key, value.expose()))
        .collect();
    let failed = |source| DokkuError::Start {
        program: "dokku",
        source,
    };
    let input = serde_json::to_vec(&object).map_err(|error| failed(error.into()))?;
    let words = [
        "--quiet",
        "config:import",
        "--no-restart",
        "--format",
        "json",
        app,
        "-",
    ];
    let mut child = command("dokku", &words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let fed = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(&input),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(failed)?;
    if String::from_utf8_lossy(&output.stderr).contains("is not a dokku command") {
        return set(app, variables);
    }
    accept("dokku config:import", &output)?;
    fed.map_err(failed)
}

/// Unsets variables without restarting the app; those that are not there are passed over.
pub fn unset(app: &str, keys: &[&str]) -> Result<(), DokkuError> {
    let mut words = vec!["--quiet", "config:unset", "--no-restart", app];
    words.extend(keys);
    accept("dokku config:unset", &run("dokku", &words)?)
}

/// The branch that deploys an app.
pub fn deploy_branch(app: &str) -> Result<String, DokkuError> {
    let output = run("plugn", &["trigger", "git-deploy-branch", app])?;
    accept("plugn trigger git-deploy-branch", &output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(branch) => Ok(branch.to_owned()),
        None => Err(DokkuError::Unparsable {
            command: "plugn trigger git-deploy-branch".to_owned(),
            expected: "a branch",
        }),
    }
}

/// The variable that Dokku puts the commit into; `None` where the app wants none.
pub fn revision_variable(app: &str) -> Result<Option<String>, DokkuError> {
    let output = run(
        "dokku",
        &["--quiet", "git:report", app, "--git-rev-env-var"],
    )?;
    accept("dokku git:report", &output)?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// The apps that whoever called may see.
pub fn apps() -> Result<Vec<String>, DokkuError> {
    let output = run("dokku", &["--quiet", "apps:list"])?;
    accept("dokku apps:list", &output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Keeps the images of earlier releases: otherwise Dokku removes them at the next deploy, whatever
/// names they have.
pub fn keep_images(app: &str) -> Result<(), DokkuError> {
    let words = ["--quiet", "builder:set", app, "skip-cleanup", "true"];
    accept("dokku builder:set", &run("dokku", &words)?)
}

/// Writes the app's configuration of nginx again, and lets nginx read it.
pub fn rebuild_proxy(app: &str) -> Result<(), DokkuError> {
    let words = ["--quiet", "proxy:build-config", app];
    accept("dokku proxy:build-config", &run("dokku", &words)?)
}

/// Starts the app's processes again from its newest image. What Dokku says goes to standard error.
pub fn restart(app: &str) -> Result<ExitStatus, DokkuError> {
    command("dokku", &["ps:restart", app])
        .stdout(io::stderr())
        .status()
        .map_err(|source| DokkuError::Start {
            program: "dokku",
            source,
        })
}

fn run(program: &'static str, words: &[&str]) -> Result<Output, DokkuError> {
    command(program, words)
        .output()
        .map_err(|source| DokkuError::Start { program, source })
}

fn command(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(words)
        // A push's quarantine is no business of these, and `--app` was meant for us.
        .env_remove("GIT_QUARANTINE_PATH")
        .env_remove("DOKKU_APP_NAME")
        .stdin(Stdio::null());
    // The work directory of a build may be gone by now.
    if let Some(home) = std::env::var_os("DOKKU_ROOT").map(PathBuf::from)
        && home.is_dir()
    {
        command.current_dir(home);
    }
    command
}

fn accept(command: &str, output: &Output) -> Result<(), DokkuError> {
    if output.status.success() {
        return Ok(());
    }
    Err(DokkuError::refused(command, output))
}

impl DokkuError {
    /// What a program that failed had to say.
    pub fn refused(command: &str, output: &Output) -> Self {
        let complaint = complaint(&output.stderr);
        Self::Refused {
            command: command.to_owned(),
            status: status(output.status),
            complaint: complaint.trim_start_matches(['!', ' ']).to_owned(),
        }
    }
}

/// How a program ended, for people.
pub fn status(ended: ExitStatus) -> String {
    ended
        .code()
        .map_or_else(|| "none, by a signal".to_owned(), |code| code.to_string())
}
