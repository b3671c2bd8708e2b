//! `dokku-cli info`: an app at a glance.

use dokku_deploy::{
    dokku::{
        domains, is_unknown_command, letsencrypt,
        ps::{self, PsReport, Running},
        report::Form,
        resource,
    },
    host::Host,
};
use serde_json::json;

use super::{missing, process::AppArguments, with_host};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

/// Shows processes, domains, certificate and limits of an app.
pub fn run(arguments: &AppArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let answers = with_host(invocation, |host, _| {
        let answers = host.ask_all(&[
            ps::report(&app),
            domains::report(&app, Form::Text),
            letsencrypt::active(&app),
            resource::report(&app),
        ]);
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        Ok((answers?, host.name().to_owned()))
    })?;
    let (answers, host) = answers;
    let [processes, names, certificate, limits] = answers.as_slice() else {
        return Err(Failure::internal("an answer got lost"));
    };
    let gone = || missing(&app, &host);
    let processes = ps::read_report(processes)?.ok_or_else(gone)?;
    let domains = domains::read(names)?.ok_or_else(gone)?.app;
    // Without the plugin there is no certificate of its.
    let has_certificate = !is_unknown_command(certificate)
        && letsencrypt::read_active(certificate)?.ok_or_else(gone)?;
    let limits = resource::read(limits)?.ok_or_else(gone)?;
    let ui = invocation.ui;
    if ui.is_json() {
        let limits: serde_json::Map<_, _> = limits
            .into_iter()
            .map(|(process, limits)| {
                let value = json!({ "memory": limits.memory, "cpu": limits.cpu });
                (process, value)
            })
            .collect();
        ui.json(&json!({
            "app": app,
            "deployed": processes.is_deployed,
            "containers": processes.containers,
            "domains": domains,
            "letsencrypt": has_certificate,
            "limits": limits,
        }))?;
        return Ok(exit_codes::OK);
    }
    ui.header(&format!("App Info: {app}"));
    let mut lines = vec!["Status".to_owned()];
    lines.extend(status(&processes));
    lines.extend([String::new(), "Domains".to_owned()]);
    lines.extend(or(
        domains.iter().map(|domain| format!("  {domain}")).collect(),
        "  No domains",
    ));
    lines.extend([String::new(), "SSL".to_owned()]);
    lines.push(
        if has_certificate {
            "  Let's Encrypt"
        } else {
            "  No SSL certificate"
        }
        .to_owned(),
    );
    lines.extend([String::new(), "Resources".to_owned()]);
    let limits = limits
        .iter()
        .map(|(process, limits)| {
            let shown = |limit: &Option<String>| limit.clone().unwrap_or_else(|| "-".into());
            format!(
                "  {}: memory {}, cpu {}",
                if process == resource::ALL {
                    "all"
                } else {
                    process
                },
                shown(&limits.memory),
                shown(&limits.cpu)
            )
        })
        .collect();
    lines.extend(or(limits, "  Default resources"));
    for line in lines {
        ui.result(&visible(&line))?;
    }
    Ok(exit_codes::OK)
}

fn status(processes: &PsReport) -> Vec<String> {
    let overall = match (processes.is_deployed, processes.running) {
        (false, _) => "  Not deployed",
        (true, Running::None) => "  Not running",
        (true, Running::Mixed) => "  Partly running",
        (true, Running::All) => "  Running",
    };
    let mut lines = vec![overall.to_owned()];
    lines.extend(
        processes
            .containers
            .iter()
            .map(|(name, state)| format!("  {name}: {state}")),
    );
    lines
}

fn or(lines: Vec<String>, otherwise: &str) -> Vec<String> {
    if lines.is_empty() {
        vec![otherwise.to_owned()]
    } else {
        lines
    }
}
