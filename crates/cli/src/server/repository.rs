//! The bare repository of an app on the host.

use std::{
    io,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The repository that pushes arrive in.
#[derive(Debug)]
pub struct AppRepository {
    path: PathBuf,
}

/// Git did not answer.
#[derive(Debug, thiserror::Error)]
#[error("git in {path}: {why}")]
pub struct GitError {
    path: String,
    why: String,
}

impl AppRepository {
    /// The one at `path`, which may not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The commit of a branch; `None` where there is no such branch.
    pub fn branch(&self, branch: &str) -> Result<Option<String>, GitError> {
        self.resolve(&format!("refs/heads/{branch}"))
    }

    /// The first parent of a commit; `None` where it has none.
    pub fn parent(&self, commit: &str) -> Result<Option<String>, GitError> {
        self.resolve(&format!("{commit}^"))
    }

    /// Moves a branch from one commit to another, or removes it, if it still is where it was.
    pub fn move_branch(&self, branch: &str, from: &str, to: Option<&str>) -> Result<(), GitError> {
        let name = format!("refs/heads/{branch}");
        let words = match to {
            Some(to) => vec!["update-ref", &name, to, from],
            None => vec!["update-ref", "-d", &name, from],
        };
        let output = self.git(&words).output().map_err(|error| self.io(&error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.error(String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn resolve(&self, revision: &str) -> Result<Option<String>, GitError> {
        if !self.path.join("refs").is_dir() {
            return Ok(None);
        }
        let named = format!("{revision}^{{commit}}");
        let output = self
            .git(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &named,
            ])
            .output()
            .map_err(|error| self.io(&error))?;
        match output.status.code() {
            Some(0) => Ok(Some(
                String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )),
            Some(1) => Ok(None),
            _ => Err(self.error(String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    fn git(&self, words: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(&self.path)
            .args(words)
            .stdin(Stdio::null());
        // Inside a push git's variables speak of objects that are not accepted yet.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn io(&self, error: &io::Error) -> GitError {
        self.error(&error.to_string())
    }

    fn error(&self, why: &str) -> GitError {
        GitError {
            path: self.path.display().to_string(),
            why: why.to_owned(),
        }
    }
}
