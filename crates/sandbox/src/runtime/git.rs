//! What a push does: which branch deploys, and what becomes of each update.

use std::io::Write;

use super::deploy::{Deploy, Halt};
use super::receive::{Pushed, Update};
use crate::commands::{Caller, Failure};
use crate::host::SandboxHost;

/// The start of lines that Dokku writes over a progress line.
const OVER: &str = "\u{1b}[1G\u{1b}[K";

/// The branch that deploys an app.
pub fn deploy_branch(host: &SandboxHost, app: &str) -> Result<String, Failure> {
    Ok(chosen_branch(host, app)?.unwrap_or_else(|| "master".to_owned()))
}

/// The deploy branch that was set for the app or the host.
fn chosen_branch(host: &SandboxHost, app: &str) -> Result<Option<String>, Failure> {
    let known = host.store().app(app)?;
    let own = known.property("git.deploy-branch");
    if !own.is_empty() {
        return Ok(Some(own.to_owned()));
    }
    Ok(host
        .store()
        .globals()?
        .properties
        .get("git.deploy-branch")
        .cloned())
}

/// Whether pushes to this app build only (`ps:set APP skip-deploy true`).
pub fn is_deploy_skipped(host: &SandboxHost, app: &str) -> Result<bool, Failure> {
    let known = host.store().app(app)?;
    let own = known.property("ps.skip-deploy");
    if !own.is_empty() {
        return Ok(own == "true");
    }
    Ok(host
        .store()
        .globals()?
        .properties
        .get("ps.skip-deploy")
        .is_some_and(|value| value == "true"))
}

/// The `pre-receive` hook: deploys what was pushed to the deploy branch; the exit code.
pub fn hook(
    host: &SandboxHost,
    app: &str,
    caller: &Caller,
    pushed: &Pushed,
    out: Box<dyn Write + Send>,
) -> u8 {
    let out = crate::io::Out::new(out);
    for update in &pushed.updates {
        match take(host, app, caller, update, &pushed.env, out.clone()) {
            Ok(0) => {}
            Ok(code) => return code,
            Err(failure) => {
                let mut out = out.clone();
                for line in failure.lines {
                    // A pusher that has gone cannot be told.
                    let _ = writeln!(out, " !     {line}");
                }
                return failure.code;
            }
        }
    }
    0
}

fn take(
    host: &SandboxHost,
    app: &str,
    caller: &Caller,
    update: &Update,
    env: &[(String, String)],
    mut out: crate::io::Out,
) -> Result<u8, Failure> {
    let branch = deploy_branch(host, app)?;
    let name = update
        .refname
        .trim_start_matches("refs/heads/")
        .trim_start_matches("refs/tags/");
    let is_plain =
        update.refname.starts_with("refs/heads/") || update.refname.starts_with("refs/tags/");
    if !(is_plain && name == branch) {
        if chosen_branch(host, app)?.is_some() || update.is_deletion() {
            let _ = writeln!(
                out,
                "{OVER}-----> WARNING: deploy did not complete, you must push to {branch}."
            );
            let _ = writeln!(
                out,
                "{OVER}-----> for example, try 'git push <dokku> {name}:{branch}'"
            );
            return Ok(0);
        }
        let _ = writeln!(out, "{OVER}-----> Set {name} as deploy-branch");
        host.store()
            .update_app(app, |known| known.set_property("git.deploy-branch", name))?;
    }
    let deploy =
        Deploy::begin(host, app, caller, out, ("build", "git-hook"))?.with_variables(env.to_vec());
    deploy.run(|deploy| {
        deploy.receive(Some(&update.new))?;
        deploy.remember_source("git-push", &update.new)
    })
}

impl Deploy {
    /// Remembers where the running version came from.
    pub fn remember_source(&self, kind: &str, metadata: &str) -> Result<(), Halt> {
        self.fire("deploy-source-set", &[&self.app, kind, metadata], None);
        self.known(self.host.store().update_app(&self.app, |known| {
            kind.clone_into(&mut known.deploy_source);
            metadata.clone_into(&mut known.deploy_source_metadata);
        }))
    }
}
