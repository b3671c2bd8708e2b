//! `git-receive-pack`, `git-upload-pack` and `git:*`.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use super::answer::{info, verbose, warn, write_or_hang_up};
use super::arguments::{check_app, check_app_name};
use super::report::{Report, Style};
use super::{Call, Failure, Outcome, Verb, property};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::deploy::Deploy;
use crate::runtime::receive::{Pusher, receive};
use crate::runtime::repository::Repository;
use crate::runtime::{Apps, git};

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("git-receive-pack", receive_pack),
    Verb::new("git-upload-pack", upload_pack),
    Verb::new("git:report", report),
    Verb::new("git:set", set),
    Verb::new("git:status", status),
    Verb::new("git:sync", sync),
    Verb::new("git:from-image", from_image),
    Verb::new("git:load-image", from_image),
    Verb::new("git:from-archive", super::git_archive::from_archive),
    Verb::new("git:initialize", initialize),
    Verb::new("git:unlock", unlock),
];

/// The part that runs apps, or the failure that says there is none.
pub fn apps(host: &SandboxHost) -> Result<Arc<Apps>, Failure> {
    host.apps()
        .ok_or_else(|| Failure::new("This host runs no apps"))
}

/// The app of a git command (`'myapp'`, with or without a slash), made where it is missing.
fn pushed_app(call: &Call, io: &mut Io, host: &SandboxHost) -> Result<String, Failure> {
    let name = call.arg(0).replace('\'', "");
    let name = name
        .trim_start_matches('/')
        .trim_end_matches('/')
        .to_owned();
    let refused = |failure: Failure| Failure {
        code: 128,
        ..failure
    };
    if !host.store().has_app(&name) {
        check_app_name(&name).map_err(refused)?;
        let globals = host.store().globals()?;
        if globals
            .properties
            .get("apps.disable-autocreation")
            .is_some_and(|value| value == "true")
        {
            return Err(refused(Failure::new(format!("App {name} does not exist"))));
        }
        // Standard output is git's; of the words of apps:create only the warnings are shown.
        let (mut own, _, errors) = Io::captured(b"");
        super::apps::create_app(&name, call, &mut own, host)?;
        write_or_hang_up(&mut io.stderr, &errors.text());
    }
    Ok(name)
}

fn receive_pack(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let apps = apps(host)?;
    let app = pushed_app(call, io, host)?;
    let repository = apps.repository(host, &app);
    repository.ensure()?;
    let pusher = Pusher {
        stdin: std::mem::replace(&mut io.stdin, Box::new(std::io::empty())),
        stdout: Box::new(io.stdout.clone()),
        stderr: Box::new(io.stderr.clone()),
    };
    let code = receive(&repository, &apps.scratch(), pusher, |pushed, out| {
        let words = [
            "dokku",
            call.caller.key_name.as_str(),
            "git-hook",
            app.as_str(),
        ];
        let mut own = Io::new(
            Box::new(std::io::empty()),
            io.stdout.clone(),
            io.stderr.clone(),
        );
        if host
            .triggers()
            .fire("user-auth", &words, &call.caller, &mut own, host)
            .is_err()
        {
            write_or_hang_up(&mut io.stderr.clone(), " !     Access denied\n");
            return 1;
        }
        git::hook(host, &app, &call.caller, &pushed, out)
    })?;
    exit(code)
}

fn upload_pack(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let apps = apps(host)?;
    let app = pushed_app(call, io, host)?;
    let repository = apps.repository(host, &app);
    repository.ensure()?;
    let stdin = std::mem::replace(&mut io.stdin, Box::new(std::io::empty()));
    let command = repository.git(&["upload-pack", "."]);
    exit(crate::child::run(command, Some(stdin), &io.stdout, &io.stderr).into())
}

fn exit(code: i32) -> Outcome {
    match u8::try_from(code) {
        Ok(0) => Ok(()),
        code => Err(Failure::silent(code.unwrap_or(255))),
    }
}

fn report(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    super::report::answer(call, io, host, "git", Style::Bash, |host, app| {
        let apps = apps(host)?;
        let known = host.store().app(app)?;
        let globals = host.store().globals()?;
        let global = |key: &str| {
            globals
                .properties
                .get(&format!("git.{key}"))
                .cloned()
                .unwrap_or_default()
        };
        let own = |key: &str| known.property(&format!("git.{key}")).to_owned();
        let repository = apps.repository(host, app);
        let branch = git::deploy_branch(host, app)?;
        let mut report = Report::default();
        for (key, default) in [
            ("archive-max-files", "10000"),
            ("archive-max-size", "1073741824"),
            ("keep-git-dir", "false"),
        ] {
            let chosen = [own(key), global(key), default.to_owned()];
            let computed = chosen
                .into_iter()
                .find(|value| !value.is_empty())
                .unwrap_or_default();
            report.add(&format!("computed-{key}"), computed);
            report.add(&format!("global-{key}"), global(key));
        }
        report.add("computed-deploy-branch", branch.clone());
        report.add("global-deploy-branch", global("deploy-branch"));
        report.add("deploy-branch", own("deploy-branch"));
        report.add("keep-git-dir", own("keep-git-dir"));
        report.add("last-updated-at", last_updated_at(&repository, &branch)?);
        let variable = known.properties.get("git.rev-env-var").cloned();
        report.add(
            "rev-env-var",
            variable.unwrap_or_else(|| "GIT_REV".to_owned()),
        );
        // HEAD as it stands, which is not always the deploy branch (git's own word where it has no commit).
        report.add(
            "sha",
            repository
                .resolve("HEAD")?
                .unwrap_or_else(|| "HEAD".to_owned()),
        );
        report.add("source-image", own("source-image"));
        Ok(report)
    })
}

/// Seconds since 1970 at which the deploy branch last moved, empty where it has no commit.
fn last_updated_at(repository: &Repository, branch: &str) -> Result<String, Failure> {
    match fs_err::metadata(repository.path().join("refs/heads").join(branch)) {
        Ok(metadata) => {
            let modified = jiff::Timestamp::try_from(metadata.modified()?);
            Ok(modified
                .map(|time| time.as_second().to_string())
                .unwrap_or_default())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    const KEYS: &[&str] = &[
        "archive-max-files",
        "archive-max-size",
        "deploy-branch",
        "keep-git-dir",
        "rev-env-var",
        "source-image",
    ];
    property::set(call, io, host, "git", KEYS)
}

fn status(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    io.stderr
        .write_all(b"fatal: this operation must be run in a work tree\n")?;
    Err(Failure::silent(128))
}

fn initialize(call: &Call, _: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    Ok(apps(host)?.repository(host, call.arg(0)).ensure()?)
}

fn unlock(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    warn(io, "A deploy may be in progress.")?;
    host.store().unlock(call.arg(0))?;
    Ok(())
}

fn from_image(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let args: Vec<&String> = call
        .args
        .iter()
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    check_app(host, args.first().map_or("", |app| app.as_str()))?;
    let Some(image) = args.get(1) else {
        return Err(Failure::new("Please specify a docker image"));
    };
    info(io, "Generating build context")?;
    Err(Failure {
        lines: vec![
            format!(
                "This sandbox runs apps as plain processes: it cannot start the docker image {image}"
            ),
            "Deploy with 'git push', 'git:from-archive' or 'git:sync --build' instead".to_owned(),
        ],
        code: 1,
    })
}

fn sync(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (flags, words): (Vec<&String>, Vec<&String>) =
        call.args.iter().partition(|arg| arg.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|given| *given == flag);
    let word = |index: usize| words.get(index).map_or("", |word| word.as_str());
    let (app, remote, reference) = (word(0), word(1), word(2));
    check_app(host, app)?;
    if remote.is_empty() {
        return Err(Failure::new("Missing GIT_REMOTE parameter"));
    }
    let apps = apps(host)?;
    let repository = apps.repository(host, app);
    repository.ensure()?;
    let mut branch = git::deploy_branch(host, app)?;
    let before = repository.resolve(&format!("refs/heads/{branch}"))?;
    if before.is_none() {
        header_cloning(call, io, app, remote, reference)?;
        if !reference.is_empty() && is_branch(remote, reference) && !has("--skip-deploy-branch") {
            verbose(
                io,
                &format!("Detected branch, setting deploy-branch to {reference}"),
            )?;
            host.store().update_app(app, |known| {
                known.set_property("git.deploy-branch", reference);
            })?;
            reference.clone_into(&mut branch);
        }
    } else {
        verbose(
            io,
            &format!("Fetching remote code for {app} from {remote}#{reference}"),
        )?;
    }
    let wanted = if reference.is_empty() {
        branch.as_str()
    } else {
        reference
    };
    let spec = format!("+{wanted}:refs/heads/{branch}");
    // Git's own complaints go where Dokku sends them: standard output.
    let arguments = [
        "fetch",
        "--quiet",
        "--update-head-ok",
        "--end-of-options",
        remote,
        &spec,
    ];
    let code = crate::child::run(repository.git(&arguments), None, &io.stdout, &io.stdout);
    if code != 0 {
        return Err(Failure::silent(code));
    }
    let after = repository.resolve(&format!("refs/heads/{branch}"))?;
    let is_changed = before != after;
    if has("--build-if-changes") && !is_changed {
        verbose(io, "Skipping build as no changes were detected")?;
        return Ok(());
    }
    if !(has("--build") || has("--build-if-changes")) {
        return Ok(());
    }
    let deploy = Deploy::begin(
        host,
        app,
        &call.caller,
        io.stdout.clone(),
        ("build", "git:sync"),
    )?;
    let code = deploy.run(|deploy| {
        deploy.receive(after.as_deref())?;
        deploy.remember_source("git-sync", &format!("{remote}#{reference}"))
    })?;
    exit(code.into())
}

fn header_cloning(call: &Call, io: &mut Io, app: &str, remote: &str, reference: &str) -> Outcome {
    if !call.flags.quiet {
        info(io, &format!("Cloning {app} from {remote}#{reference}"))?;
    }
    Ok(())
}

fn is_branch(remote: &str, reference: &str) -> bool {
    let mut command = crate::runtime::repository::git();
    command.args([
        "ls-remote",
        "--exit-code",
        "--heads",
        "--end-of-options",
        remote,
        reference,
    ]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
