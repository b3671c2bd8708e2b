//! `dokku-cli ssl`: whether an app is reached by https, and certificates of Let's Encrypt.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    audit::Action,
    command::DokkuCommand,
    dokku::{certs, is_unknown_command, letsencrypt, report::Form},
    host::Host,
};
use serde_json::json;

use super::{
    app_command::{Change, perform_after},
    app_words::Words,
    missing, with_host,
};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

/// What `ssl` takes.
#[derive(Debug, Args)]
#[command(override_usage = "dokku-cli ssl [OPTIONS] [APP] [enable|disable|status]")]
pub struct SslArguments {
    /// The app, then what to do; `enable APP` is understood too. Without an action the certificate
    /// is shown
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// Shows, gets or gives up the certificate.
pub fn run(arguments: &SslArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let actions = ["enable", "disable", "status"];
    let words = Words::read("ssl", &arguments.words, &actions, 0, invocation)?;
    if let Some(word) = words.others.first() {
        return Err(Failure::usage(format!("Unexpected argument: {word}")));
    }
    let app = invocation.app(words.app)?;
    let (command, what, doing, done) = match words.action {
        Some("enable") => (
            letsencrypt::enable(&app),
            "enable",
            "Enabling",
            "SSL enabled",
        ),
        Some("disable") => (
            DokkuCommand::on("letsencrypt:disable", &app),
            "disable",
            "Disabling",
            "SSL disabled",
        ),
        _ => return status(&app, invocation),
    };
    invocation.ui.info(&format!("{doing} SSL for {app}..."));
    let change = Change {
        app: &app,
        action: Action::Ssl,
        what: what.to_owned(),
        done,
    };
    let is_possible = |host: &dyn Host| -> Result<(), Failure> {
        let answer = host.ask(&letsencrypt::active(&app))?;
        if is_unknown_command(&answer) {
            return Err(Failure::new(
                exit_codes::HOST,
                format!("{} has no plugin letsencrypt", host.name()),
            )
            .hint("As root on the host: dokku plugin:install https://github.com/dokku/dokku-letsencrypt.git"));
        }
        letsencrypt::read_active(&answer)?
            .map(drop)
            .ok_or_else(|| missing(&app, host.name()))
    };
    perform_after(is_possible, &command, &change, invocation)
}

fn status(app: &AppName, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let (is_lets_encrypt, certificate) = with_host(invocation, |host, _| {
        let gone = || missing(app, host.name());
        let answers: Result<Vec<_>, _> = host
            .ask_all(&[letsencrypt::active(app), certs::report(app, Form::Text)])
            .into_iter()
            .collect();
        let answers = answers?;
        let [active, certificate] = answers.as_slice() else {
            return Err(Failure::internal("an answer got lost"));
        };
        // Without the plugin there is no certificate of its.
        let is_lets_encrypt =
            !is_unknown_command(active) && letsencrypt::read_active(active)?.ok_or_else(gone)?;
        let certificate = certs::read(certificate)?.ok_or_else(gone)?;
        Ok((is_lets_encrypt, certificate))
    })?;
    let is_enabled = is_lets_encrypt || certificate.is_enabled;
    if ui.is_json() {
        ui.json(&json!({
            "app": app,
            "enabled": is_enabled,
            "letsencrypt": is_lets_encrypt,
            "hostnames": certificate.hostnames,
            "expires_at": Some(&certificate.expires_at).filter(|text| !text.is_empty()),
        }))?;
        return Ok(exit_codes::OK);
    }
    ui.header(&format!("SSL Status: {app}"));
    if !is_enabled {
        ui.result("No SSL certificate")?;
        return Ok(exit_codes::OK);
    }
    ui.result(if is_lets_encrypt {
        "A certificate of Let's Encrypt"
    } else {
        "A certificate of its own"
    })?;
    for (what, text) in [
        ("for", certificate.hostnames.join(", ")),
        ("until", certificate.expires_at),
    ] {
        if !text.is_empty() {
            ui.result(&visible(&format!("  {what} {text}")))?;
        }
    }
    Ok(exit_codes::OK)
}
