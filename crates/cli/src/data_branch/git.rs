//! git without a work tree: a bare repository of a few objects, made for one update.

use std::{
    cell::Cell,
    env,
    io::Cursor,
    process::Command,
    time::{Duration, Instant},
};

use dokku_deploy::interrupt::Interrupts;
use tempfile::TempDir;

use super::{DataBranchError, Remote};
use crate::host::child::{self, Collected, End, Input};

/// The time that ssh has to make a connection; git itself has none for HTTP.
const CONNECT: Duration = Duration::from_secs(10);

/// A bare repository that knows one branch of one remote, one commit deep and without contents.
pub struct Git<'a> {
    directory: TempDir,
    remote: Remote,
    begun: Cell<Instant>,
    patience: Duration,
    interrupts: &'a dyn Interrupts,
    /// Whether it goes by ssh, and nobody has said by which.
    is_plain_ssh: bool,
}

/// What git said.
struct Said {
    is_ok: bool,
    out: Vec<u8>,
    complaint: String,
}

/// An entry of the branch's top directory, as `ls-tree` prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// `100644 blob`.
    pub kind: String,
    /// The object.
    pub object: String,
    /// The name, in bytes: it may be anything.
    pub name: Vec<u8>,
}

/// How a push ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The branch is ours.
    Done,
    /// Somebody was faster.
    Lost,
}

impl<'a> Git<'a> {
    /// Makes the repository. A try has to be done within `patience`, and ends at a request to stop.
    pub fn new(
        remote: &Remote,
        patience: Duration,
        interrupts: &'a dyn Interrupts,
    ) -> Result<Self, DataBranchError> {
        let directory = tempfile::tempdir().map_err(|error| DataBranchError::local(&error))?;
        let mut git = Self {
            directory,
            remote: remote.clone(),
            begun: Cell::new(Instant::now()),
            patience,
            interrupts,
            is_plain_ssh: false,
        };
        let options = ["--quiet", "--bare", "--template="];
        let place = git.directory.path().to_string_lossy().into_owned();
        let mut words = vec!["init"];
        words.extend(options);
        words.push(&place);
        git.accepted(&words, None)?;
        let is_named = |name| env::var_os(name).is_some();
        git.is_plain_ssh = remote.is_ssh()
            && !is_named("GIT_SSH_COMMAND")
            && !is_named("GIT_SSH")
            && !git
                .run(&["config", "--get", "core.sshCommand"], None)?
                .is_ok;
        Ok(git)
    }

    /// Begins another try: its time runs from now on.
    pub fn try_again(&self) {
        self.begun.set(Instant::now());
    }

    /// The newest commit of the branch; `None` when there is no such branch.
    pub fn fetch(&self) -> Result<Option<String>, DataBranchError> {
        let branch = format!("+refs/heads/{}:refs/heads/data", self.remote.branch);
        let said = self.run(
            &[
                "fetch",
                "--quiet",
                "--depth=1",
                "--filter=blob:none",
                "--no-tags",
                "--no-auto-maintenance",
                "data",
                &branch,
            ],
            None,
        )?;
        if said.is_ok {
            return self
                .text(&["rev-parse", "--verify", "refs/heads/data"])
                .map(Some);
        }
        if said.complaint.contains("couldn't find remote ref") {
            return Ok(None);
        }
        Err(self.unreachable(&said.complaint))
    }

    /// What is in the top directory of a commit.
    pub fn entries(&self, commit: &str) -> Result<Vec<Entry>, DataBranchError> {
        let listed = self.accepted(&["ls-tree", "-z", commit], None)?;
        let entry = |line: &[u8]| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let (head, name) = line.split_at(tab);
            let (kind, object) = std::str::from_utf8(head).ok()?.rsplit_once(' ')?;
            Some(Entry {
                kind: kind.to_owned(),
                object: object.to_owned(),
                name: name.get(1..)?.to_vec(),
            })
        };
        listed
            .split(|byte| *byte == 0)
            .filter(|line| !line.is_empty())
            .map(|line| {
                entry(line).ok_or_else(|| DataBranchError::git("an unreadable list of files"))
            })
            .collect()
    }

    /// The contents of blobs, brought over in one go.
    pub fn contents(&self, blobs: &[&str]) -> Result<Vec<Vec<u8>>, DataBranchError> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let list = blobs.join("\n") + "\n";
        // A server that knows no filters has given everything already.
        if let Some(contents) = self.batch(&list, blobs.len())? {
            return Ok(contents);
        }
        // As git itself brings over what a partial clone lacks.
        let said = self.run(
            &[
                "-c",
                "fetch.negotiationAlgorithm=noop",
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-auto-maintenance",
                "--filter=blob:none",
                "--stdin",
                "data",
            ],
            Some(list.as_bytes()),
        )?;
        if !said.is_ok {
            return Err(self.unreachable(&said.complaint));
        }
        self.batch(&list, blobs.len())?
            .ok_or_else(|| DataBranchError::git("a file was not brought over"))
    }

    /// What is here of a list of blobs; `None` when one is missing.
    fn batch(&self, list: &str, count: usize) -> Result<Option<Vec<Vec<u8>>>, DataBranchError> {
        let said = self.accepted(&["cat-file", "--batch", "--buffer"], Some(list.as_bytes()))?;
        let mut contents = Vec::with_capacity(count);
        let mut rest = said.as_slice();
        let unreadable = || DataBranchError::git("an unreadable list of contents");
        while !rest.is_empty() {
            // `OBJECT blob SIZE`, the content, a line's end; or `OBJECT missing`.
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .ok_or_else(unreadable)?;
            let (head, after) = rest.split_at(end);
            let head = String::from_utf8_lossy(head);
            let Some(size) = head.rsplit(' ').next().and_then(|size| size.parse().ok()) else {
                return Ok(None);
            };
            let content: &[u8] = after.get(1..=size).ok_or_else(unreadable)?;
            contents.push(content.to_vec());
            rest = after.get(size + 2..).ok_or_else(unreadable)?;
        }
        Ok((contents.len() == count).then_some(contents))
    }

    /// Stores blobs, in one go.
    pub fn store(&self, contents: &[&str]) -> Result<Vec<String>, DataBranchError> {
        let mut list = String::new();
        for (number, content) in contents.iter().enumerate() {
            let name = format!("blob-{number}");
            let path = self.directory.path().join(&name);
            fs_err::write(path, content).map_err(|error| DataBranchError::local(&error))?;
            list.push_str(&name);
            list.push('\n');
        }
        let words = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        let said = self.accepted(&words, Some(list.as_bytes()))?;
        let objects: Vec<String> = line(&said).lines().map(str::to_owned).collect();
        if objects.len() == contents.len() {
            Ok(objects)
        } else {
            Err(DataBranchError::git("not every file was stored"))
        }
    }

    /// Stores a directory. The contents of other people's files need not be here.
    pub fn tree(&self, entries: &[Entry]) -> Result<String, DataBranchError> {
        let mut list = Vec::new();
        for entry in entries {
            list.extend_from_slice(format!("{} {}\t", entry.kind, entry.object).as_bytes());
            list.extend_from_slice(&entry.name);
            list.push(0);
        }
        let said = self.accepted(&["mktree", "-z", "--missing"], Some(&list))?;
        Ok(line(&said))
    }

    /// Stores a commit. The message travels on standard input: it is nobody's argument.
    pub fn commit(
        &self,
        tree: &str,
        parent: Option<&str>,
        message: &str,
    ) -> Result<String, DataBranchError> {
        let mut words = vec!["commit-tree", "-F", "-"];
        if let Some(parent) = parent {
            words.extend(["-p", parent]);
        }
        words.push(tree);
        let said = self.accepted(&words, Some(message.as_bytes()))?;
        Ok(line(&said))
    }

    /// Moves the branch to `commit`, which follows the commit that was fetched. The server compares
    /// and sets: where the branch is not what it was, this is lost, never forced.
    pub fn push(&self, commit: &str) -> Result<Pushed, DataBranchError> {
        let to = format!("{commit}:refs/heads/{}", self.remote.branch);
        let said = self.run(&["push", "--porcelain", "--no-verify", "data", &to], None)?;
        if said.is_ok {
            return Ok(Pushed::Done);
        }
        let told = format!("{}\n{}", String::from_utf8_lossy(&said.out), said.complaint);
        let is_lost = [
            "(fetch first)",
            "(non-fast-forward)",
            "(stale info)",
            "cannot lock ref",
            "failed to update ref",
            "incorrect old value",
            "reference already exists",
            "but expected",
        ]
        .iter()
        .any(|words| told.contains(words));
        if is_lost {
            return Ok(Pushed::Lost);
        }
        Err(self.unreachable(told.trim()))
    }

    fn text(&self, words: &[&str]) -> Result<String, DataBranchError> {
        self.accepted(words, None).map(|said| line(&said))
    }

    fn accepted(&self, words: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>, DataBranchError> {
        let said = self.run(words, input)?;
        if said.is_ok {
            Ok(said.out)
        } else {
            Err(DataBranchError::git(&said.complaint))
        }
    }

    fn unreachable(&self, complaint: &str) -> DataBranchError {
        DataBranchError::Remote {
            remote: self.remote.to_string(),
            why: last_words(complaint),
        }
    }

    fn run(&self, words: &[&str], input: Option<&[u8]>) -> Result<Said, DataBranchError> {
        let mut command = Command::new("git");
        command
            .current_dir(self.directory.path())
            .args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"])
            .arg("-c")
            .arg(format!("remote.data.url={}", self.remote.url))
            .args(["-c", "remote.data.promisor=true"])
            .args(["-c", "remote.data.partialclonefilter=blob:none"])
            .args(words)
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.directory.path())
            .env("GIT_TERMINAL_PROMPT", "0")
            // Nothing is brought over for the sake of a look: what is wanted is fetched by name.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file")
            .env("GIT_AUTHOR_NAME", "dokku-cli")
            .env("GIT_AUTHOR_EMAIL", "dokku-cli@localhost")
            .env("GIT_COMMITTER_NAME", "dokku-cli")
            .env("GIT_COMMITTER_EMAIL", "dokku-cli@localhost");
        for foreign in [
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_NAMESPACE",
        ] {
            command.env_remove(foreign);
        }
        for (name, value) in self.remote.credentials() {
            command.env(name, value);
        }
        if self.is_plain_ssh {
            let seconds = CONNECT.as_secs();
            command.env(
                "GIT_SSH_COMMAND",
                format!("ssh -o ConnectTimeout={seconds}"),
            );
        }
        let mut heard = Collected::until(self.begun.get() + self.patience, self.interrupts);
        let input = Input::Stream(Box::new(Cursor::new(input.unwrap_or_default().to_vec())));
        // git leaves the network to children of its own: they end with it.
        let end = child::run_group(&mut command, input, &mut heard)
            .map_err(|error| DataBranchError::local(&error))?;
        match end {
            End::Exited(status) => Ok(Said {
                is_ok: status.success(),
                complaint: heard.complaint(),
                out: heard.wrote.out,
            }),
            End::Stopped if self.interrupts.requests().0 > 0 => Err(DataBranchError::Stopped),
            End::Stopped => Err(DataBranchError::Silent {
                remote: self.remote.to_string(),
                seconds: self.patience.as_secs(),
            }),
        }
    }
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// The end of a complaint says most; all of it may be long.
fn last_words(complaint: &str) -> String {
    let lines: Vec<&str> = complaint
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("To ") && *line != "Done")
        .collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}
