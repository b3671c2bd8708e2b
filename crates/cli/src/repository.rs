//! Facts about the git repository that a deploy is made from, asked of `git` itself.

mod fetch;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub use self::fetch::{Fetch, NotFetched};
use crate::failure::Failure;

/// A git repository with its work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    top: PathBuf,
    name: String,
}

/// A commit, as far as messages need it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Head {
    /// 40 hexadecimal digits.
    pub sha: String,
    /// First line of the message. Hostile text.
    pub subject: String,
}

impl Repository {
    /// The repository that the current directory is in; `None` outside of one.
    pub fn here() -> Result<Option<Self>, Failure> {
        Self::around(None)
    }

    /// The repository that a directory is in; `None` outside of one.
    pub fn of(directory: &Path) -> Result<Option<Self>, Failure> {
        Self::around(Some(directory))
    }

    fn around(directory: Option<&Path>) -> Result<Option<Self>, Failure> {
        let answer = git(directory, &["rev-parse", "--show-toplevel"])?;
        if answer.is_ok {
            return Self::at(PathBuf::from(answer.text)).map(Some);
        }
        if answer.complaint.contains("not a git repository") {
            return Ok(None);
        }
        Err(Failure::settings(format!("git: {}", answer.complaint)))
    }

    /// Its top directory.
    pub fn top(&self) -> &Path {
        &self.top
    }

    fn at(top: PathBuf) -> Result<Self, Failure> {
        let directories = git(
            Some(&top),
            &[
                "rev-parse",
                "--path-format=absolute",
                "--git-dir",
                "--git-common-dir",
            ],
        )?
        .accepted()?;
        let name = match directories.split_once('\n') {
            Some((own, common)) if own != common => main_name(Path::new(common)),
            _ => None,
        };
        let name = name.unwrap_or_else(|| name_of(&top));
        Ok(Self { top, name })
    }

    /// The name of its top directory; in a linked worktree, of the repository that it belongs to.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// The branch that is checked out; `None` when HEAD is detached.
    pub fn branch(&self) -> Result<Option<String>, Failure> {
        let answer = self.git(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        Ok(answer.is_ok.then_some(answer.text))
    }

    /// The commit that `revision` names; `None` when there is none.
    pub fn commit(&self, revision: &str) -> Result<Option<Head>, Failure> {
        let named = format!("{revision}^{{commit}}");
        let answer = self.git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &named,
        ])?;
        if !answer.is_ok {
            return Ok(None);
        }
        let sha = answer.text;
        let subject = self.git(&["log", "-1", "--format=%s", &sha])?.accepted()?;
        Ok(Some(Head { sha, subject }))
    }

    /// Whether history is missing: git on the host refuses pushes from such a clone.
    pub fn is_shallow(&self) -> Result<bool, Failure> {
        Ok(self
            .git(&["rev-parse", "--is-shallow-repository"])?
            .accepted()?
            == "true")
    }

    /// Refuses a shallow clone.
    pub fn refuse_shallow(&self) -> Result<(), Failure> {
        if !self.is_shallow()? {
            return Ok(());
        }
        Err(
            Failure::settings("This clone is shallow, and Dokku cannot take a push from it")
                .hint("`git fetch --unshallow` gets the rest; in GitHub Actions give actions/checkout `fetch-depth: 0`."),
        )
    }

    /// An empty repository without a work tree, in an empty directory; it has the name of an app's.
    pub fn bare(directory: &Path, name: String) -> Result<Self, Failure> {
        let words = ["init", "--quiet", "--bare", "--template="];
        git(Some(directory), &words)?.accepted()?;
        Ok(Self {
            top: directory.to_owned(),
            name,
        })
    }

    /// The address of the remote `origin`, as git's settings rewrite it.
    pub fn origin(&self) -> Result<Option<String>, Failure> {
        let answer = self.git(&["remote", "get-url", "origin"])?;
        Ok((answer.is_ok && !answer.text.is_empty()).then_some(answer.text))
    }

    /// The commits of `new` that `old` lacks, newest first. Both are commits of this repository.
    pub fn between(&self, old: &str, new: &str) -> Result<Vec<Head>, Failure> {
        let range = format!("{old}..{new}");
        let text = self
            .git(&["log", "--format=%H %s", "--end-of-options", &range])?
            .accepted()?;
        let heads = text.lines().filter_map(|line| line.split_once(' '));
        Ok(heads
            .map(|(sha, subject)| Head {
                sha: sha.to_owned(),
                subject: subject.to_owned(),
            })
            .collect())
    }

    /// A file as it is in a commit of this repository; `None` if it has none there.
    pub fn file_in(&self, sha: &str, path: &str) -> Result<Option<String>, Failure> {
        let listed = self.git(&["ls-tree", "--name-only", "-z", sha, "--", path])?;
        if listed.accepted()?.is_empty() {
            return Ok(None);
        }
        let object = format!("{sha}:{path}");
        Ok(Some(self.git(&["cat-file", "blob", &object])?.accepted()?))
    }

    /// Files that are changed and not committed; untracked ones count too.
    pub fn dirty_files(&self) -> Result<Vec<String>, Failure> {
        let text = self
            .git(&["status", "--porcelain", "--untracked-files=normal"])?
            .accepted()?;
        Ok(text
            .lines()
            .filter_map(|line| line.get(3..))
            .map(str::to_owned)
            .collect())
    }

    /// How many files differ between two commits; `None` where this repository does not have both.
    pub fn changed_files(&self, one: &str, other: &str) -> Option<usize> {
        let words = [
            "diff",
            "--name-only",
            "--no-renames",
            "-z",
            "--end-of-options",
            one,
            other,
            "--",
        ];
        let answer = self.git(&words).ok().filter(|answer| answer.is_ok)?;
        let names = answer.text.split('\0');
        Some(names.filter(|name| !name.is_empty()).count())
    }

    /// A configuration value, such as `user.email`.
    pub fn setting(&self, key: &str) -> Result<Option<String>, Failure> {
        let answer = self.git(&["config", "--get", key])?;
        Ok((answer.is_ok && !answer.text.is_empty()).then_some(answer.text))
    }

    fn git(&self, arguments: &[&str]) -> Result<GitAnswer, Failure> {
        git(Some(&self.top), arguments)
    }
}

/// The name of a repository by its git directory, which worktrees share: that of the directory
/// around `.git`, or a bare repository's own.
fn main_name(common: &Path) -> Option<String> {
    let name = name_of(common);
    let name = match name.strip_suffix(".git").unwrap_or(&name) {
        "" => name_of(common.parent()?),
        bare => bare.to_owned(),
    };
    // Such as `.bare`, whose name says nothing.
    (!name.is_empty() && !name.starts_with('.')).then_some(name)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A configuration value of git, in a repository or outside of one. Who has no git has none.
pub fn setting_here(key: &str) -> Option<String> {
    let answer = git(None, &["config", "--get", key]).ok()?;
    (answer.is_ok && !answer.text.is_empty()).then_some(answer.text)
}

struct GitAnswer {
    is_ok: bool,
    /// Standard output without the last line's end.
    text: String,
    complaint: String,
}

impl GitAnswer {
    fn accepted(self) -> Result<String, Failure> {
        if self.is_ok {
            Ok(self.text)
        } else {
            Err(Failure::settings(format!("git: {}", self.complaint)))
        }
    }
}

fn git(directory: Option<&Path>, arguments: &[&str]) -> Result<GitAnswer, Failure> {
    let mut command = Command::new("git");
    if let Some(directory) = directory {
        command.arg("-C").arg(directory);
    }
    // A status must not write an index that somebody else works with.
    let output = command
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output()
        .map_err(|error| {
            Failure::internal(format!("git cannot be run: {error}")).hint("Install git.")
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(GitAnswer {
        is_ok: output.status.success(),
        text: text.strip_suffix('\n').unwrap_or(&text).to_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, Repository) {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().canonicalize().unwrap().join("shop");
        std::fs::create_dir(&top).unwrap();
        let repository = Repository {
            top,
            name: "shop".to_owned(),
        };
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["config", "user.email", "ada@example.com"],
            &["config", "user.name", "Ada"],
        ] {
            assert!(repository.git(arguments).unwrap().is_ok);
        }
        (directory, repository)
    }

    fn commit(repository: &Repository, message: &str) {
        let answer = repository
            .git(&["commit", "--quiet", "--allow-empty", "-m", message])
            .unwrap();
        assert!(answer.is_ok, "{}", answer.complaint);
    }

    #[test]
    fn a_repository_without_commits_has_no_head() {
        let (_directory, repository) = repository();
        assert_eq!(repository.name(), "shop");
        assert_eq!(repository.commit("HEAD").unwrap(), None);
        assert_eq!(repository.branch().unwrap().as_deref(), Some("main"));
    }

    #[test]
    fn head_has_a_commit_a_subject_and_perhaps_a_branch() {
        let (_directory, repository) = repository();
        commit(&repository, "say \"hi\" $(id)\n\nbody");
        let head = repository.commit("HEAD").unwrap().unwrap();
        assert_eq!(head.subject, "say \"hi\" $(id)");
        assert_eq!(head.sha.len(), 40);
        assert!(
            repository
                .git(&["checkout", "--quiet", "--detach"])
                .unwrap()
                .is_ok
        );
        assert_eq!(repository.branch().unwrap(), None);
        assert_eq!(repository.commit("main").unwrap().unwrap().sha, head.sha);
        assert_eq!(repository.commit("--all").unwrap(), None);
        assert!(!repository.is_shallow().unwrap());
    }

    #[test]
    fn changed_files_are_counted_where_both_commits_are_here() {
        let (_directory, repository) = repository();
        commit(&repository, "first");
        let first = repository.commit("HEAD").unwrap().unwrap().sha;
        for name in ["a", "b\nc"] {
            std::fs::write(repository.top().join(name), "x").unwrap();
        }
        assert!(repository.git(&["add", "--all"]).unwrap().is_ok);
        commit(&repository, "second");
        let second = repository.commit("HEAD").unwrap().unwrap().sha;
        assert_eq!(repository.changed_files(&first, &second), Some(2));
        assert_eq!(repository.changed_files(&second, &second), Some(0));
        assert_eq!(repository.changed_files(&"0".repeat(40), &second), None);
    }

    #[test]
    fn a_worktree_has_the_name_of_its_repository() {
        let (directory, repository) = repository();
        commit(&repository, "first");
        let add = ["worktree", "add", "--quiet", "-b", "staging", "../hotfix"];
        assert!(repository.git(&add).unwrap().is_ok);
        let around = directory.path().canonicalize().unwrap();
        let name = |at: &str| Repository::at(around.join(at)).unwrap().name();
        assert_eq!(
            (name("shop"), name("hotfix")),
            ("shop".into(), "shop".into())
        );
        assert_eq!(main_name(Path::new("/srv/api.git")).as_deref(), Some("api"));
        assert_eq!(
            main_name(Path::new("/srv/api/.git")).as_deref(),
            Some("api")
        );
        assert_eq!(main_name(Path::new("/srv/api/.bare")), None);
    }

    #[test]
    fn changed_and_untracked_files_are_dirty() {
        let (_directory, repository) = repository();
        commit(&repository, "first");
        assert!(repository.dirty_files().unwrap().is_empty());
        std::fs::write(repository.top().join("new file"), "x").unwrap();
        assert_eq!(repository.dirty_files().unwrap(), ["\"new file\""]);
    }
}
