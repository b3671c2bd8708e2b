//! `domains:*`.

use super::answer::{info, info_quiet, verbose, warn};
use super::arguments::check_app;
use super::report::{self, Report, Style};
use super::{Call, Failure, Outcome, Verb};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::Scope;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("domains", show),
    Verb::new("domains:report", show),
    Verb::new("domains:add", add),
    Verb::new("domains:remove", remove),
    Verb::new("domains:set", set),
    Verb::new("domains:clear", clear),
    Verb::new("domains:reset", reset),
    Verb::new("domains:enable", enable),
    Verb::new("domains:disable", disable),
    Verb::new("domains:add-global", add_global),
    Verb::new("domains:remove-global", remove_global),
    Verb::new("domains:set-global", set_global),
    Verb::new("domains:clear-global", clear_global),
];

/// The domains that a new app gets: its own name if that is a domain, else one under each global domain.
pub fn default_domains(app: &str, host: &SandboxHost) -> Result<Vec<String>, Failure> {
    let globals = host.store().globals()?.domains;
    if app.contains('.') {
        return Ok(if globals.is_empty() {
            Vec::new()
        } else {
            vec![app.to_owned()]
        });
    }
    Ok(globals
        .iter()
        .map(|domain| format!("{app}.{domain}"))
        .collect())
}

/// Gives an app without domains its default ones, in Dokku's words; without a global domain it gets none.
pub fn set_up(app: &str, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let domains = default_domains(app, host)?;
    if domains.is_empty() {
        info_quiet(
            call,
            io,
            "Global server virtual host not set, disabling app vhost...",
        )?;
        switch(app, false, host)?;
    } else {
        info_quiet(call, io, "Creating new app virtual host file...")?;
        host.store().update_app(app, |app| app.domains = domains)?;
    }
    rebuild_proxy(app, io, host)
}

/// Dokku keeps the switch in the app's variables.
fn switch(app: &str, is_enabled: bool, host: &SandboxHost) -> Outcome {
    host.store()
        .update_app(app, |app| app.is_vhosts_enabled = is_enabled)?;
    let value = if is_enabled { "0" } else { "1" };
    host.store().update_env(Scope::App(app), |env| {
        env.insert("NO_VHOST".to_owned(), value.to_owned())
    })?;
    Ok(())
}

/// What a change of domains or ports does to the proxy, in Dokku's words.
pub fn rebuild_proxy(app: &str, io: &mut Io, host: &SandboxHost) -> Outcome {
    let known = host.store().app(app)?;
    if !host
        .runtime()
        .is_some_and(|runtime| runtime.is_running(host, app))
    {
        warn(io, &format!("No web listeners specified for {app}"))?;
    }
    let mut domains = known.domains.clone();
    domains.sort();
    for domain in domains.iter().filter(|_| known.is_vhosts_enabled) {
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

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    report::answer(call, io, host, "domains", Style::Bash, |host, app| {
        let mut report = Report::default();
        if !app.is_empty() {
            let known = host.store().app(app)?;
            report.add("app-enabled", known.is_vhosts_enabled.to_string());
            report.add("app-vhosts", known.domains.join(" "));
        }
        let globals = host.store().globals()?.domains;
        report.add("global-enabled", (!globals.is_empty()).to_string());
        report.add("global-vhosts", globals.join(" "));
        Ok(report)
    })
}

/// The app and the domains after it, all checked.
fn parse<'a>(call: &'a Call, host: &SandboxHost) -> Result<(&'a str, Vec<String>), Failure> {
    let app = call.arg(0);
    check_app(host, app)?;
    let domains = words(&call.args[1..]);
    if domains.is_empty() {
        return Err(Failure::new("Please specify a domain"));
    }
    Ok((app, domains))
}

fn words(args: &[String]) -> Vec<String> {
    args.iter()
        .filter(|arg| !arg.starts_with("--"))
        .cloned()
        .collect()
}

fn check(domains: &[String]) -> Outcome {
    let is_good = |domain: &String| {
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'*' | b'-');
        domain == "_"
            || (!domain.is_empty() && !domain.ends_with('.') && domain.bytes().all(is_allowed))
    };
    match domains.iter().find(|domain| !is_good(domain)) {
        Some(bad) => Err(Failure::new(format!("{bad} is invalid. exiting..."))),
        None => Ok(()),
    }
}

fn enable_if_off(app: &str, io: &mut Io, host: &SandboxHost) -> Outcome {
    if !host.store().app(app)?.is_vhosts_enabled {
        switch(app, true, host)?;
        rebuild_proxy(app, io, host)?;
    }
    Ok(())
}

fn add(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, domains) = parse(call, host)?;
    check(&domains)?;
    for domain in domains {
        let is_new = host.store().update_app(app, |app| {
            let is_new = !app.domains.contains(&domain);
            if is_new {
                app.domains.push(domain.clone());
            }
            is_new
        })?;
        if is_new {
            info(io, &format!("Added {domain} to {app}"))?;
        } else {
            info(io, &format!("Skipping: {domain} already added to {app}"))?;
        }
    }
    enable_if_off(app, io, host)?;
    rebuild_proxy(app, io, host)
}

fn remove(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, domains) = parse(call, host)?;
    for domain in domains {
        host.store()
            .update_app(app, |app| app.domains.retain(|known| *known != domain))?;
        info(io, &format!("Removed {domain} from {app}"))?;
    }
    rebuild_proxy(app, io, host)
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, domains) = parse(call, host)?;
    check(&domains)?;
    let text = domains.join(" ");
    host.store().update_app(app, |app| app.domains = domains)?;
    info(io, &format!("Set {text} for {app}"))?;
    enable_if_off(app, io, host)?;
    rebuild_proxy(app, io, host)
}

fn clear(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    host.store().update_app(app, |app| app.domains.clear())?;
    rebuild_proxy(app, io, host)?;
    Ok(info(io, &format!("Cleared domains in {app}"))?)
}

fn reset(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    clear(call, io, host)?;
    let app = call.arg(0);
    set_up(app, call, io, host)?;
    Ok(info(io, &format!("Reset domains for {app}"))?)
}

fn enable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    if host.store().app(app)?.is_vhosts_enabled {
        return Ok(info(
            io,
            &format!("Domains (VHOST) support is already enabled for app ({app})"),
        )?);
    }
    let domains = default_domains(app, host)?;
    if !domains.is_empty() {
        host.store().update_app(app, |app| app.domains = domains)?;
    }
    switch(app, true, host)?;
    rebuild_proxy(app, io, host)
}

fn disable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    if !host.store().app(app)?.is_vhosts_enabled {
        return Ok(info(
            io,
            &format!("Domains (VHOST) support is already disabled for app ({app})"),
        )?);
    }
    info(io, "App virtual host support disabled")?;
    host.store().update_app(app, |app| app.domains.clear())?;
    switch(app, false, host)?;
    rebuild_proxy(app, io, host)
}

fn add_global(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let domains = words(&call.args);
    check(&domains)?;
    for domain in domains {
        let is_new = host.store().update_globals(|globals| {
            let is_new = !globals.domains.contains(&domain);
            if is_new {
                globals.domains.push(domain.clone());
            }
            is_new
        })?;
        if is_new {
            info(io, &format!("Added {domain}"))?;
        } else {
            info(io, &format!("Skipping {domain}: already added"))?;
        }
    }
    Ok(())
}

fn remove_global(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    for domain in words(&call.args) {
        host.store()
            .update_globals(|globals| globals.domains.retain(|known| *known != domain))?;
        info(io, &format!("Removed {domain}"))?;
    }
    Ok(())
}

fn set_global(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let domains = words(&call.args);
    check(&domains)?;
    let text = domains.join(" ");
    host.store()
        .update_globals(|globals| globals.domains = domains)?;
    Ok(info(io, &format!("Set {text}"))?)
}

fn clear_global(_call: &Call, _io: &mut Io, host: &SandboxHost) -> Outcome {
    Ok(host
        .store()
        .update_globals(|globals| globals.domains.clear())?)
}
