//! The sample app in a repository of its own, and what goes wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::program;

/// The app, named after its repository.
pub const APP: &str = "guestbook";

const MIGRATION: &str = "migrations/002-mood.sql";

/// A repository with the sample app in it.
pub struct Guestbook {
    directory: PathBuf,
}

impl Guestbook {
    /// Copies the sample app to `directory` and commits it.
    pub fn plant(directory: &Path) -> anyhow::Result<Self> {
        copy(
            &program::repository()?.join("examples/sample-app"),
            directory,
        )?;
        let guestbook = Self {
            directory: directory.to_owned(),
        };
        guestbook.git(&["init", "--quiet", "--initial-branch=main"])?;
        guestbook.commit("A guest book")?;
        Ok(guestbook)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The two files that say how it is deployed, to be shown.
    pub fn settings(&self) -> anyhow::Result<String> {
        let shown = |name: &&str| -> anyhow::Result<String> {
            let text = fs::read_to_string(self.directory.join(name))?;
            let lines = text.lines().map(|line| format!("\n    {line}"));
            Ok(format!("{name}{}", lines.collect::<String>()))
        };
        let files: anyhow::Result<Vec<_>> = [".dokku/config.yml", ".dokku/services.yml"]
            .iter()
            .map(shown)
            .collect();
        Ok(files?.join("\n"))
    }

    /// Commits version 2, whose migration names a table that is not there; returns what is wrong.
    pub fn break_it(&self) -> anyhow::Result<String> {
        self.set_version("1", "2")?;
        let sql = "ALTER TABLE gests ADD COLUMN IF NOT EXISTS mood text;\n";
        fs::write(self.directory.join(MIGRATION), sql)?;
        self.commit("Moods")?;
        Ok(format!("{MIGRATION}: {}", sql.trim_end()))
    }

    /// Commits version 3 with the table's right name; returns what was changed.
    pub fn put_right(&self) -> anyhow::Result<String> {
        self.set_version("2", "3")?;
        let sql = "ALTER TABLE guests ADD COLUMN IF NOT EXISTS mood text;\n";
        fs::write(self.directory.join(MIGRATION), sql)?;
        self.commit("Moods, of guests")?;
        Ok(format!("{MIGRATION}: {}", sql.trim_end()))
    }

    fn set_version(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let file = self.directory.join("app.py");
        let text = fs::read_to_string(&file)?;
        let changed = text.replace(
            &format!("VERSION = \"{from}\""),
            &format!("VERSION = \"{to}\""),
        );
        ensure!(text != changed, "app.py is not version {from}");
        fs::write(&file, changed)?;
        Ok(())
    }

    fn commit(&self, message: &str) -> anyhow::Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])
    }

    /// git, whatever the settings of the person are.
    fn git(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new("git");
        command.current_dir(&self.directory).args(words);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada Lovelace");
            command.env(format!("GIT_{role}_EMAIL"), "ada@example.com");
        }
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        program::output(&mut command).map(drop)
    }
}

/// Copies a directory with everything in it; files keep their permissions.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot copy to {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(guestbook: &Guestbook, path: &str) -> String {
        let mut command = Command::new("git");
        command
            .current_dir(guestbook.directory())
            .args(["show", &format!("HEAD:{path}")]);
        program::output(&mut command).unwrap()
    }

    #[test]
    fn each_version_is_a_commit_of_its_own_and_only_the_second_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let guestbook = Guestbook::plant(&directory.path().join(APP)).unwrap();
        assert!(head(&guestbook, "app.py").contains("VERSION = \"1\""));
        assert!(head(&guestbook, "Procfile").contains("web: "));
        guestbook.break_it().unwrap();
        assert!(head(&guestbook, MIGRATION).contains("gests"));
        guestbook.put_right().unwrap();
        assert!(head(&guestbook, "app.py").contains("VERSION = \"3\""));
        assert!(head(&guestbook, MIGRATION).contains("TABLE guests"));
    }
}
