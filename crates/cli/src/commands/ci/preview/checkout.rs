//! The pull request's commit, fetched into a directory of its own.

use std::{path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dokku_deploy::secret::Secret;
use tempfile::TempDir;

use crate::failure::Failure;

/// Fetches the pull request from the repository at `address` and checks `sha` out, which has to be its
/// newest commit. No hook, link or submodule of it has an effect here.
pub fn fetch(
    address: &str,
    number: u64,
    sha: &str,
    token: Option<&Secret>,
) -> Result<TempDir, Failure> {
    let directory = TempDir::new()?;
    let top = directory.path();
    git(top, None, &["init", "--quiet", "."])?;
    // A link could lead out of the repository.
    git(top, None, &["config", "core.symlinks", "false"])?;
    git(top, None, &["config", "core.hooksPath", "/dev/null"])?;
    let reference = format!("+refs/pull/{number}/head:refs/remotes/pull");
    let fetch = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--end-of-options",
        address,
        &reference,
    ];
    git(top, token, &fetch)?;
    let fetched = git(top, None, &["rev-parse", "--verify", "refs/remotes/pull"])?;
    if fetched != sha {
        return Err(Failure::refused(format!(
            "the pull request is at {fetched} by now, not at {sha}, which was judged: nothing was deployed"
        ))
        .hint("The run for the newer commit deploys it."));
    }
    git(top, None, &["checkout", "--quiet", "--detach", sha])?;
    Ok(directory)
}

fn git(top: &Path, token: Option<&Secret>, words: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(top)
        .args(words)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_LFS_SKIP_SMUDGE", "1");
    if let Some(token) = token {
        // Not as a word, which other users of the machine could see.
        let login = STANDARD.encode(format!("x-access-token:{}", token.expose()));
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraHeader")
            .env(
                "GIT_CONFIG_VALUE_0",
                format!("Authorization: Basic {login}"),
            );
    }
    let output = command
        .output()
        .map_err(|error| Failure::internal(format!("git cannot be run: {error}")))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::settings(format!(
            "the pull request's commit could not be fetched: {}",
            why.trim()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
