//! `letsencrypt:*`: a stand-in for the third-party plugin, absent until it is switched on over the control socket.
//!
//! It gets no certificate: it marks the app as TLS-enabled, as `certs:report` and `urls` then show.

use super::answer::{header, info};
use super::arguments::check_app;
use super::report::{self, Report, Style};
use super::{Call, Failure, Outcome, Verb, property, say, stand_in};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::StoreError;

/// Verbs of this plugin; known only while it is installed.
pub const VERBS: &[Verb] = &[
    Verb::new("letsencrypt:enable", enable),
    Verb::new("letsencrypt:disable", disable),
    Verb::new("letsencrypt:active", active),
    Verb::new("letsencrypt:list", list),
    Verb::new("letsencrypt:auto-renew", auto_renew),
    Verb::new("letsencrypt:set", set),
    Verb::new("letsencrypt:help", help),
    Verb::new("certs:report", certs),
];

const ENABLED: &str = "letsencrypt.enabled";
const HTTPS: &str = "https:443:5000";

/// Whether the stand-in is switched on.
pub fn is_installed(host: &SandboxHost) -> bool {
    stand_in::is_installed(host, "letsencrypt")
}

/// Switches the stand-in on or off.
pub fn install(host: &SandboxHost, is_installed: bool) -> Result<(), StoreError> {
    stand_in::install(host, "letsencrypt", is_installed)
}

fn email(app: &str, host: &SandboxHost) -> Result<String, Failure> {
    let own = host
        .store()
        .app(app)?
        .property("letsencrypt.email")
        .to_owned();
    if own.is_empty() {
        property::global(host, "letsencrypt.email")
    } else {
        Ok(own)
    }
}

fn enable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    header(call, io, &format!("Enabling letsencrypt for {app}"))?;
    if email(app, host)?.is_empty() {
        return Err(Failure::new(format!(
            "Cannot request a certificate without an e-mail address; use dokku letsencrypt:set {app} email <e-mail>"
        )));
    }
    info(io, "Certificate retrieved successfully.")?;
    info(io, "Installing let's encrypt certificates")?;
    host.store().update_app(app, |app| {
        app.set_property(ENABLED, "true");
        if !app.ports.is_empty() && !app.ports.iter().any(|port| port.starts_with("https:")) {
            app.ports.push(HTTPS.to_owned());
        } else if app.ports.is_empty() {
            app.ports = vec!["http:80:5000".to_owned(), HTTPS.to_owned()];
        }
    })?;
    super::domains::rebuild_proxy(app, io, host)
}

fn disable(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let app = call.arg(0);
    check_app(host, app)?;
    header(call, io, &format!("Disabling letsencrypt for app {app}"))?;
    host.store().update_app(app, |app| {
        app.set_property(ENABLED, "");
        app.ports.retain(|port| port != HTTPS);
    })?;
    super::domains::rebuild_proxy(app, io, host)
}

fn active(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    let is_active = host.store().app(call.arg(0))?.property(ENABLED) == "true";
    say(io, &is_active.to_string())?;
    if is_active {
        Ok(())
    } else {
        Err(Failure::silent(1))
    }
}

fn list(_call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    say(
        io,
        "-----> App name           Certificate Expiry        Time before expiry        Time before renewal",
    )?;
    for name in host.store().apps()? {
        if host.store().app(&name)?.property(ENABLED) == "true" {
            say(
                io,
                &format!(
                    "{name:25} {:25} {:25} {}",
                    "-", "89d, 23h, 59m, 59s", "59d, 23h, 59m, 59s"
                ),
            )?;
        }
    }
    Ok(())
}

/// Its certificates never end.
fn auto_renew(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    header(call, io, "Auto-renewing all apps...")?;
    for name in host.store().apps()? {
        if host.store().app(&name)?.property(ENABLED) == "true" {
            say(
                io,
                &format!("       {name} still has 59d, 23h, 59m, 59s days left before renewal"),
            )?;
        }
    }
    header(call, io, "Finished auto-renewal")?;
    Ok(())
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    property::set(
        call,
        io,
        host,
        "letsencrypt",
        &["dns-provider", "email", "graceperiod", "server"],
    )
}

fn help(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    say(
        io,
        "Usage: dokku letsencrypt[:COMMAND]\n\nManage the letsencrypt integration\n\nAdditional commands:",
    )?;
    for line in [
        "letsencrypt:active <app>                   Verify if letsencrypt is active for an app",
        "letsencrypt:auto-renew [<app>]             Auto-renew app if renewal is necessary",
        "letsencrypt:disable <app>                  Disable letsencrypt for an app",
        "letsencrypt:enable <app>                   Enable or renew letsencrypt for an app",
        "letsencrypt:list                           List letsencrypt-secured apps",
        "letsencrypt:set <app> <property> (<value>) Set or clear a letsencrypt property",
    ] {
        say(io, &format!("    {line}"))?;
    }
    Ok(())
}

fn certs(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    report::answer(call, io, host, "ssl", Style::Bash, |host, app| {
        let known = host.store().app(app)?;
        let is_enabled = known.property(ENABLED) == "true";
        let mut report = Report::default();
        report.add("dir", format!("/home/dokku/{app}/tls"));
        report.add("enabled", is_enabled.to_string());
        report.add("expires-at", "");
        report.add(
            "hostnames",
            if is_enabled {
                known.domains.join(" ")
            } else {
                String::new()
            },
        );
        report.add("issuer", if is_enabled { "sandbox" } else { "" });
        report.add("starts-at", "");
        report.add("subject", "");
        report.add("verified", if is_enabled { "self signed" } else { "" });
        Ok(report)
    })
}
