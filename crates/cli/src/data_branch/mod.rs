//! The data branch: files on a branch of git that many programs write at once, without losing what
//! another one wrote.
//!
//! A writer merges its own facts into the newest version and pushes; git's server compares and sets.
//! Who loses fetches, merges again and tries again. Nothing is ever forced.

mod git;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::Path,
    time::{Duration, Instant},
};

use dokku_deploy::{interrupt::Interrupts, secret::Secret};

use self::git::{Entry, Git, Pushed};
use crate::git_token;

/// How long a writer tries that has nothing else to do, and a reader.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// The longest time between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// Where the branch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    url: String,
    branch: String,
    token: Option<Secret>,
}

/// What keeps the branch from being read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataBranchError {
    /// The words for it cannot be used.
    #[error("{0}")]
    BadRemote(String),
    /// The remote did not answer, or refused.
    #[error("{remote}: {why}")]
    Remote {
        /// The address and the branch.
        remote: String,
        /// git's words.
        why: String,
    },
    /// What is on the branch is not what this program writes.
    #[error("{remote}: {why}")]
    Foreign {
        /// The address and the branch.
        remote: String,
        /// What is there.
        why: String,
    },
    /// The time was over.
    #[error("{remote}: not done within {seconds} s")]
    Silent {
        /// The address and the branch.
        remote: String,
        /// The time that there was.
        seconds: u64,
    },
    /// Others were faster for as long as this was tried.
    #[error("{remote}: others wrote at the same time, for {} tries", .tries)]
    Crowded {
        /// The address and the branch.
        remote: String,
        /// How often it was tried.
        tries: u32,
    },
    /// Somebody asked to stop.
    #[error("stopped before the branch was written")]
    Stopped,
    /// Trouble with git or the disk here.
    #[error("git: {0}")]
    Local(String),
}

impl DataBranchError {
    fn local(error: &io::Error) -> Self {
        Self::Local(error.to_string())
    }

    fn git(complaint: &str) -> Self {
        Self::Local(complaint.to_owned())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split_once("://").map_or_else(
            || self.url.clone(),
            // A password in the address is nobody's business.
            |(scheme, rest)| match rest.split_once('/') {
                Some((host, path)) => {
                    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                    format!("{scheme}://{host}/{path}")
                }
                None => self.url.clone(),
            },
        );
        write!(f, "the branch {} of {shown}", self.branch)
    }
}

impl Remote {
    /// The branch `branch` of `repository`: `owner/name` on `server` (such as `https://github.com`),
    /// or an address or a path that git knows. `token` is sent to `server` alone.
    pub fn new(
        repository: &str,
        branch: &str,
        server: &str,
        token: Option<Secret>,
    ) -> Result<Self, DataBranchError> {
        let bad = |what: &str| Err(DataBranchError::BadRemote(what.to_owned()));
        let is_word = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['-', '.'])
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let server = server.trim_end_matches('/');
        let url = match repository.split_once('/') {
            Some((owner, name)) if is_word(owner) && is_word(name) => {
                format!("{server}/{owner}/{name}.git")
            }
            _ => repository.to_owned(),
        };
        if url.is_empty() || url.starts_with('-') || url.chars().any(char::is_control) {
            return bad("a repository is written owner/name, or as an address that git knows");
        }
        if !is_branch(branch) {
            return bad(&format!("{:?} cannot be the name of a branch", cut(branch)));
        }
        Ok(Self {
            branch: branch.to_owned(),
            token: token.filter(|_| git_token::is_for(&url, server)),
            url,
        })
    }

    /// Whether git goes there by ssh: `ssh://`, or `host:path` as scp has it.
    fn is_ssh(&self) -> bool {
        match self.url.split_once("://") {
            Some((scheme, _)) => scheme == "ssh",
            None => self
                .url
                .split_once(':')
                .is_some_and(|(host, _)| !host.contains('/')),
        }
    }

    /// The token as git takes it from its environment, which other people's process lists do not show.
    fn credentials(&self) -> Vec<(String, String)> {
        let token = self.token.as_ref();
        token.map_or_else(Vec::new, |token| git_token::variables(&self.url, token))
    }
}

/// git's rules for branches (`git check-ref-format`), and none that begins like an option.
fn is_branch(name: &str) -> bool {
    let is_bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && name.len() <= 200
        && name != "@"
        && !name.starts_with(['-', '/'])
        && !name.ends_with(['/', '.'])
        && !name.contains(is_bad)
        && !["..", "@{", "//"].iter().any(|bad| name.contains(bad))
        && name.split('/').all(|part| {
            !part.starts_with('.') && Path::new(part).extension().is_none_or(|end| end != "lock")
        })
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The files of the branch's top directory, as far as they were asked for.
pub type Files = BTreeMap<String, String>;

/// What an update makes of a file: its new text, or `None` to remove it.
pub type Changes = BTreeMap<String, Option<String>>;

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The commit that the branch is at now.
    pub commit: String,
    /// Whether there was anything to write.
    pub is_changed: bool,
    /// How often it was tried.
    pub tries: u32,
}

/// Reads files of the branch; `None` when there is no such branch.
pub fn read(
    remote: &Remote,
    names: &[&str],
    interrupts: &dyn Interrupts,
) -> Result<Option<Files>, DataBranchError> {
    let git = Git::new(remote, PATIENCE, interrupts)?;
    let Some(commit) = git.fetch()? else {
        return Ok(None);
    };
    let entries = git.entries(&commit)?;
    files(&git, &entries, names, remote).map(Some)
}

/// What ends an update that is not done.
#[derive(Clone, Copy)]
pub struct Limit<'a> {
    /// The time that one try may take. Who lost tries again, for [`PATIENCE`] in all.
    pub patience: Duration,
    /// Requests to stop.
    pub interrupts: &'a dyn Interrupts,
}

/// What is on the branch before an update; nothing when there is no such branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// The names in its top directory, whatever bytes they are.
    pub names: Vec<Vec<u8>>,
    /// The files that were asked for and are there.
    pub files: Files,
}

/// Writes the branch: `merge` is given what is there now, the files of `names` with their texts, and
/// says what changes. It is asked again whenever somebody else was faster.
pub fn update(
    remote: &Remote,
    names: &[&str],
    message: &str,
    limit: Limit<'_>,
    wait: &dyn Fn(Duration),
    merge: &mut dyn FnMut(&Present) -> Result<Changes, String>,
) -> Result<Updated, DataBranchError> {
    let git = Git::new(remote, limit.patience, limit.interrupts)?;
    let begun = Instant::now();
    let foreign = |why: String| DataBranchError::Foreign {
        remote: remote.to_string(),
        why,
    };
    for tries in 1.. {
        if limit.interrupts.requests().0 > 0 {
            return Err(DataBranchError::Stopped);
        }
        let parent = git.fetch()?;
        let mut before = match &parent {
            Some(commit) => git.entries(commit)?,
            None => Vec::new(),
        };
        before.sort();
        let present = Present {
            names: before.iter().map(|entry| entry.name.clone()).collect(),
            files: files(&git, &before, names, remote)?,
        };
        let changes = merge(&present).map_err(foreign)?;
        let after = changed(&git, &before, &changes)?;
        if let Some(commit) = &parent
            && after == before
        {
            return Ok(Updated {
                commit: commit.clone(),
                is_changed: false,
                tries,
            });
        }
        let tree = git.tree(&after)?;
        let commit = git.commit(&tree, parent.as_deref(), message)?;
        if git.push(&commit)? == Pushed::Done {
            return Ok(Updated {
                commit,
                is_changed: true,
                tries,
            });
        }
        if begun.elapsed() > PATIENCE {
            return Err(DataBranchError::Crowded {
                remote: remote.to_string(),
                tries,
            });
        }
        wait(jitter(tries));
        // The server answers; it is others who are faster. Giving up would lose what is to be told.
        git.try_again();
    }
    Err(DataBranchError::Stopped)
}

/// A random time, the longer the more tries there were: the more writers there are, the more they
/// spread.
fn jitter(tries: u32) -> Duration {
    let most = Duration::from_secs(1)
        .saturating_mul(2_u32.saturating_pow(tries.min(10)))
        .min(LONGEST_WAIT);
    most.mul_f64(rand::random::<f64>())
}

fn files(
    git: &Git,
    entries: &[Entry],
    names: &[&str],
    remote: &Remote,
) -> Result<Files, DataBranchError> {
    let wanted: Vec<(&str, &Entry)> = names
        .iter()
        .filter_map(|name| {
            Some((
                *name,
                entries.iter().find(|entry| entry.name == name.as_bytes())?,
            ))
        })
        .collect();
    let foreign = |name: &str, why: &str| DataBranchError::Foreign {
        remote: remote.to_string(),
        why: format!("{name} is {why}"),
    };
    if let Some((name, _)) = wanted
        .iter()
        .find(|(_, entry)| !entry.kind.starts_with("100"))
    {
        return Err(foreign(name, "no file"));
    }
    let blobs: Vec<&str> = wanted
        .iter()
        .map(|(_, entry)| entry.object.as_str())
        .collect();
    wanted
        .iter()
        .zip(git.contents(&blobs)?)
        .map(|((name, _), content)| match String::from_utf8(content) {
            Ok(text) => Ok(((*name).to_owned(), text)),
            Err(_) => Err(foreign(name, "no text")),
        })
        .collect()
}

/// The directory with the changes in it; everything else stays as it is.
fn changed(git: &Git, before: &[Entry], changes: &Changes) -> Result<Vec<Entry>, DataBranchError> {
    let mut entries: Vec<Entry> = before
        .iter()
        .filter(|entry| !changes.keys().any(|name| name.as_bytes() == entry.name))
        .cloned()
        .collect();
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    for (name, text) in changes {
        let is_plain =
            !name.is_empty() && name != ".." && name != "." && !name.contains(['/', '\0']);
        if !is_plain {
            return Err(DataBranchError::Local(format!(
                "{name:?} is no name of a file"
            )));
        }
        if let Some(text) = text {
            names.push(name);
            texts.push(text.as_str());
        }
    }
    for (name, object) in names.iter().zip(git.store(&texts)?) {
        entries.push(Entry {
            kind: "100644 blob".to_owned(),
            object,
            name: name.as_bytes().to_vec(),
        });
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests;
