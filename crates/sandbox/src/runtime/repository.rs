//! The bare repository of an app.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;

/// A bare repository whose `pre-receive` hook hands each push to the sandbox.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

/// Relays between `git receive-pack` and the sandbox over two named pipes (see `receive.rs`).
const HOOK: &str = r#"#!/bin/sh
dir=${SANDBOX_PUSH:?this repository takes pushes over ssh only}
{ env | grep '^GIT_'; echo; cat; } > "$dir/updates"
cat "$dir/output"
exit "$(cat "$dir/exit")"
"#;

impl Repository {
    /// The repository at `path`, which may not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has been made.
    pub fn exists(&self) -> bool {
        self.path.join("refs").is_dir()
    }

    /// Makes the repository and its hook, where missing.
    pub fn ensure(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if !self.exists() {
            fs::create_dir_all(&self.path)?;
            self.run(&["init", "--quiet", "--bare", "--initial-branch=master", "."])?;
        }
        let hook = self.path.join("hooks/pre-receive");
        fs::create_dir_all(self.path.join("hooks"))?;
        if fs::read(&hook).is_ok_and(|text| text == HOOK.as_bytes()) {
            return Ok(());
        }
        let new = self.path.join("hooks/pre-receive.new");
        fs::write(&new, HOOK)?;
        fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755))?;
        fs::rename(new, hook)
    }

    /// A git command in this repository, with nothing of the caller's git settings.
    pub fn git(&self, arguments: &[&str]) -> Command {
        let mut command = git();
        command.current_dir(&self.path).args(arguments);
        command
    }

    /// The commit that a revision names, `None` when there is none.
    pub fn resolve(&self, revision: &str) -> io::Result<Option<String>> {
        if !self.exists() {
            return Ok(None);
        }
        let commit = format!("{revision}^{{commit}}");
        let answer = self
            .git(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &commit,
            ])
            .output()?;
        match answer.status.code() {
            Some(0) => Ok(Some(
                String::from_utf8_lossy(&answer.stdout).trim().to_owned(),
            )),
            Some(1) => Ok(None),
            _ => Err(failure(&["rev-parse", revision], &answer)),
        }
    }

    /// Runs git and returns its standard output.
    pub fn run(&self, arguments: &[&str]) -> io::Result<String> {
        let answer = self.git(arguments).output()?;
        if !answer.status.success() {
            return Err(failure(arguments, &answer));
        }
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Writes the files of a commit into the new directory `into`. `env` carries the object
    /// directory of a push that has not been accepted yet.
    pub fn check_out(&self, commit: &str, into: &Path, env: &[(String, String)]) -> io::Result<()> {
        fs::create_dir_all(into)?;
        let index = tempfile::Builder::new()
            .prefix("index")
            .tempdir_in(&self.path)?;
        for arguments in [
            ["read-tree", commit].as_slice(),
            &["checkout-index", "--all", "--force"],
        ] {
            let answer = self
                .git(arguments)
                .envs(env.iter().map(|(key, value)| (key, value)))
                .env("GIT_DIR", &self.path)
                .env("GIT_WORK_TREE", into)
                .env("GIT_INDEX_FILE", index.path().join("index"))
                .env_remove("GIT_QUARANTINE_PATH")
                .current_dir(into)
                .output()?;
            if !answer.status.success() {
                return Err(failure(arguments, &answer));
            }
        }
        Ok(())
    }
}

/// `git` with a scrubbed environment.
pub fn git() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
        )
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

fn failure(arguments: &[&str], answer: &std::process::Output) -> io::Error {
    let stderr = String::from_utf8_lossy(&answer.stderr);
    io::Error::other(format!(
        "git {}: {}: {}",
        arguments.join(" "),
        answer.status,
        stderr.trim()
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a commit with these files on `branch` and pushes nothing; returns its id.
    pub(crate) fn commit(worktree: &Path, files: &[(&str, &str)]) -> String {
        let run = |arguments: &[&str]| {
            let mut command = git();
            command.current_dir(worktree).args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
            ]);
            let answer = command.args(arguments).output().unwrap();
            assert!(
                answer.status.success(),
                "{arguments:?}: {}",
                String::from_utf8_lossy(&answer.stderr)
            );
            String::from_utf8_lossy(&answer.stdout).trim().to_owned()
        };
        if !worktree.join(".git").exists() {
            run(&["init", "-q", "-b", "master"]);
        }
        for (name, text) in files {
            let path = worktree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        run(&["add", "--all"]);
        run(&["commit", "-q", "--allow-empty", "-m", "a commit"]);
        run(&["rev-parse", "HEAD"])
    }

    #[test]
    fn a_commit_is_checked_out_of_a_bare_repository() {
        let dir = tempfile::tempdir().unwrap();
        let worktree = dir.path().join("work");
        fs::create_dir_all(&worktree).unwrap();
        let id = commit(&worktree, &[("Procfile", "web: x\n"), ("sub/a b", "text")]);
        let repository = Repository::at(dir.path().join("bare"));
        assert_eq!(repository.resolve("master").unwrap(), None);
        repository.ensure().unwrap();
        repository.ensure().unwrap();
        assert_eq!(repository.resolve("master").unwrap(), None);
        repository
            .run(&[
                "fetch",
                "--quiet",
                worktree.to_str().unwrap(),
                "master:master",
            ])
            .unwrap();
        assert_eq!(repository.resolve("master").unwrap(), Some(id.clone()));
        let into = dir.path().join("out");
        repository.check_out(&id, &into, &[]).unwrap();
        assert_eq!(fs::read_to_string(into.join("sub/a b")).unwrap(), "text");
        let error = repository
            .check_out("0123456789", &dir.path().join("no"), &[])
            .unwrap_err();
        assert!(error.to_string().contains("read-tree"), "{error}");
    }
}
