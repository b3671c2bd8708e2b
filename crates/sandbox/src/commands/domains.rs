//! `domains:*`.

use super::answer::{info, verbose, warn};
use super::{Failure, Outcome, Verb};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[];

/// The domain that a new app gets: its own name if that is a domain, else under the first global domain.
pub fn default_domain(app: &str, host: &SandboxHost) -> Result<Option<String>, Failure> {
    if app.contains('.') {
        return Ok(Some(app.to_owned()));
    }
    Ok(host
        .store()
        .globals()?
        .domains
        .first()
        .map(|domain| format!("{app}.{domain}")))
}

/// What a change of domains or ports does to the proxy, in Dokku's words.
pub fn rebuild_proxy(app: &str, io: &mut Io, host: &SandboxHost) -> Outcome {
    let known = host.store().app(app)?;
    let listens = host
        .runtime()
        .is_some_and(|runtime| runtime.is_running(host, app));
    if !listens {
        warn(io, &format!("No web listeners specified for {app}"))?;
    }
    for domain in &known.domains {
        info(
            io,
            &format!("Configuring {domain}...(using built-in template)"),
        )?;
    }
    info(io, "Creating http nginx.conf")?;
    verbose(io, "Reloading nginx")?;
    if let Some(runtime) = host.runtime() {
        runtime.reroute(host, app);
    }
    Ok(())
}
