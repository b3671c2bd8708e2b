//! `plugn trigger NAME …` as plugins call it on the host: the few core triggers that they ask, else their own.

use std::io::Write;

use super::answer::finish;
use super::arguments::check_app;
use super::config_format::exported;
use super::{Caller, Failure, Outcome, execute_words};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::Scope;

/// Runs `plugn` with these words; the answer is the exit code.
pub fn execute(words: &[String], caller: &Caller, io: &mut Io, host: &SandboxHost) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["trigger", "config-get", "--global", key, ..]
        | ["trigger", "config-get-global", key, ..] => get(Scope::Global, key, io, host),
        ["trigger", "config-get", app, key, ..] => get(Scope::App(app), key, io, host),
        ["trigger", "config-export", app, global, merged, format, ..] => {
            export(app, *global == "true", *merged == "true", format, io, host)
        }
        ["trigger", "config-set", rest @ ..] => return set("config:set", rest, caller, io, host),
        ["trigger", "config-unset", app, key, rest @ ..] => {
            let has_restart = rest.first() == Some(&"true");
            let flags: &[&str] = if has_restart { &[] } else { &["--no-restart"] };
            return set(
                "config:unset",
                &[flags, &[app, key]].concat(),
                caller,
                io,
                host,
            );
        }
        ["trigger", "git-deploy-branch", app, ..] => deploy_branch(app, io, host),
        ["trigger", trigger, args @ ..] => host
            .triggers()
            .fire(trigger, args, caller, io, host)
            .map_err(|failed| Failure::silent(failed.code)),
        _ => Err(Failure::new(
            "the sandbox's plugn knows `plugn trigger NAME …` only",
        )),
    };
    finish(outcome, io)
}

/// Unset, missing and unreadable look alike: nothing, exit code 0.
fn get(scope: Scope<'_>, key: &str, io: &mut Io, host: &SandboxHost) -> Outcome {
    match host
        .store()
        .env(scope)
        .ok()
        .and_then(|env| env.get(key).cloned())
    {
        Some(value) => Ok(io.stdout.write_all(value.as_bytes())?),
        None => Ok(()),
    }
}

fn export(
    app: &str,
    is_global: bool,
    is_merged: bool,
    format: &str,
    io: &mut Io,
    host: &SandboxHost,
) -> Outcome {
    let env = if is_global {
        host.store().env(Scope::Global)?
    } else {
        check_app(host, app)?;
        if is_merged {
            host.store().merged_env(app)?
        } else {
            host.store().env(Scope::App(app))?
        }
    };
    Ok(io.stdout.write_all(exported(&env, format)?.as_bytes())?)
}

fn set(verb: &str, words: &[&str], caller: &Caller, io: &mut Io, host: &SandboxHost) -> u8 {
    let words: Vec<String> = std::iter::once(&verb)
        .chain(words)
        .map(|word| (*word).to_owned())
        .collect();
    execute_words(&words, caller.clone(), io, host)
}

fn deploy_branch(app: &str, io: &mut Io, host: &SandboxHost) -> Outcome {
    let own = host
        .store()
        .app(app)?
        .property("git.deploy-branch")
        .to_owned();
    let global = super::property::global(host, "git.deploy-branch")?;
    let branch = [own, global].into_iter().find(|branch| !branch.is_empty());
    Ok(writeln!(
        io.stdout,
        "{}",
        branch.as_deref().unwrap_or("master")
    )?)
}
