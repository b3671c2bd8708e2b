//! `git:from-archive`: a tarball becomes a commit, and is deployed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;

use super::answer::{info, verbose};
use super::arguments::check_app;
use super::git::apps;
use super::{Call, Failure, Outcome};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::deploy::Deploy;
use crate::runtime::git;
use crate::runtime::repository::{self, Repository};

/// `git:from-archive [--archive-type TYPE] APP --|FILE [NAME] [EMAIL]`
pub fn from_archive(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let mut words = Vec::new();
    let mut kind = "tar".to_owned();
    let mut given = call.args.iter();
    while let Some(word) = given.next() {
        if word == "--archive-type" {
            kind = given.next().cloned().unwrap_or_default();
        } else if word == "--" || !word.starts_with("--") {
            words.push(word.as_str());
        }
    }
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let (app, source) = (word(0), word(1));
    check_app(host, app)?;
    if source.is_empty() {
        return Err(Failure::new(
            "Please specify an archive url or -- to fetch the archive from stdin",
        ));
    }
    let decompress = match kind.as_str() {
        "tar" => "-x",
        "tar.gz" => "-xz",
        _ => {
            return Err(Failure::new(
                "Invalid archive type specified, valid archive types include: tar, tar.gz, zip",
            ));
        }
    };
    if source != "--" {
        return Err(Failure::new(
            "This sandbox takes archives from stdin only: give -- in place of the url",
        ));
    }
    let apps = apps(host)?;
    info(io, &format!("Fetching {kind} file from stdin"))?;
    let scratch = tempfile::Builder::new()
        .prefix("archive")
        .tempdir_in(apps.scratch())?;
    let archive = scratch.path().join("archive");
    let size = io::copy(&mut io.stdin, &mut fs::File::create(&archive)?)?;
    super::say(io, &size.to_string())?;
    info(io, "Generating build context")?;
    let extracted = scratch.path().join("extracted");
    fs::create_dir(&extracted)?;
    let mut tar = Command::new("tar");
    tar.arg(decompress)
        .arg("-f")
        .arg(&archive)
        .arg("-C")
        .arg(&extracted)
        .stdin(Stdio::null());
    let code = crate::child::run(tar, None, &io.stdout, &io.stdout);
    if code != 0 {
        return Err(Failure::silent(code));
    }
    let content = match only_directory(&extracted)? {
        Some(inner) => {
            verbose(io, "Stripping top-level archive folder components")?;
            inner
        }
        None => extracted,
    };
    info(io, "Updating git repository with specified build context")?;
    let repository = apps.repository(host, app);
    repository.ensure()?;
    let branch = git::deploy_branch(host, app)?;
    let before = repository.resolve(&format!("refs/heads/{branch}"))?;
    let commit = commit(
        &repository,
        &content,
        &branch,
        before.as_deref(),
        (word(2), word(3)),
    )?;
    let Some(commit) = commit else {
        return Err(Failure {
            lines: vec![
                "No changes detected, skipping git commit".to_owned(),
                "Call 'ps:rebuild' on app to rebuild the app from existing source".to_owned(),
            ],
            code: 1,
        });
    };
    let deploy = Deploy::begin(
        host,
        app,
        &call.caller,
        io.stdout.clone(),
        ("build", "git:from-archive"),
    )?;
    let code = deploy.run(|deploy| {
        deploy.receive(Some(&commit))?;
        deploy.remember_source(&kind, source)
    })?;
    if code == 0 {
        return Ok(());
    }
    // As a recorded Dokku: the branch has moved, and goes back by one commit.
    let reference = format!("refs/heads/{branch}");
    match before {
        Some(before) => repository.run(&["update-ref", &reference, &before])?,
        None => repository.run(&["update-ref", "-d", &reference])?,
    };
    Err(Failure::silent(code))
}

fn only_directory(path: &Path) -> io::Result<Option<PathBuf>> {
    let entries = fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    Ok(match entries.as_slice() {
        [only] if only.is_dir() => Some(only.clone()),
        _ => None,
    })
}

/// Commits a directory's content on a branch; `None` where that changes nothing.
fn commit(
    repository: &Repository,
    content: &Path,
    branch: &str,
    before: Option<&str>,
    (name, email): (&str, &str),
) -> Result<Option<String>, Failure> {
    let index = tempfile::Builder::new()
        .prefix("index")
        .tempdir_in(repository.path())?;
    let name = if name.is_empty() { "Dokku" } else { name };
    let email = if email.is_empty() {
        "automated@dokku.sh"
    } else {
        email
    };
    let run = |arguments: &[&str]| -> Result<String, Failure> {
        let mut command = repository::git();
        command
            .current_dir(content)
            .env("GIT_DIR", repository.path())
            .env("GIT_WORK_TREE", content)
            .env("GIT_INDEX_FILE", index.path().join("index"))
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_COMMITTER_NAME", name)])
            .envs([("GIT_AUTHOR_EMAIL", email), ("GIT_COMMITTER_EMAIL", email)])
            .args(arguments);
        let answer = command.output()?;
        if !answer.status.success() {
            return Err(Failure::new(String::from_utf8_lossy(&answer.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    };
    run(&["add", "--all", "--force", "."])?;
    let tree = run(&["write-tree"])?;
    let commit = match before {
        Some(before) => {
            if run(&["rev-parse", &format!("{before}^{{tree}}")])? == tree {
                return Ok(None);
            }
            let message = format!("Automated commit @ {}", jiff::Timestamp::now().as_second());
            run(&["commit-tree", &tree, "-p", before, "-m", &message])?
        }
        None => run(&["commit-tree", &tree, "-m", "Initial commit"])?,
    };
    run(&["update-ref", &format!("refs/heads/{branch}"), &commit])?;
    Ok(Some(commit))
}
