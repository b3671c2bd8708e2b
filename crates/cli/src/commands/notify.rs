//! `dokku-cli notify`: whether messages arrive.

use clap::{Args, Subcommand, ValueEnum};
use dokku_deploy::{notification::sample, settings::NotifiedService};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    actor, exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    notify::{Deliveries, Patience, VARIABLES},
    origin, publish,
};

/// `notify`
#[derive(Debug, Args)]
pub struct NotifyArguments {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Send a sample to every service whose secret is set, or to one
    Test(TestArguments),
}

#[derive(Debug, Args)]
struct TestArguments {
    /// The service; otherwise all whose secrets are set
    service: Option<Service>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Service {
    Slack,
    Discord,
    Webhook,
    Datadog,
    Pagerduty,
}

impl From<Service> for NotifiedService {
    fn from(service: Service) -> Self {
        match service {
            Service::Slack => Self::Slack,
            Service::Discord => Self::Discord,
            Service::Webhook => Self::Webhook,
            Service::Datadog => Self::Datadog,
            Service::Pagerduty => Self::Pagerduty,
        }
    }
}

/// Runs `notify …`.
pub fn run(arguments: &NotifyArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let NotifyCommand::Test(arguments) = &arguments.command;
    test(arguments.service.map(NotifiedService::from), invocation)
}

fn test(service: Option<NotifiedService>, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let mut audience = publish::audience(invocation);
    if let Some(service) = service {
        audience = audience.only(service);
    }
    if audience.is_empty() {
        let whom = service.map_or("any service", NotifiedService::name);
        let mut failure = Failure::settings(format!("no secret for {whom} is set"));
        for (variable, what) in VARIABLES {
            failure = failure.hint(format!("{variable}: {what}"));
        }
        return Err(failure);
    }
    let malformed = audience.malformed().to_vec();
    for bad in &malformed {
        ui.warning(&bad.to_string());
    }
    let watch = Watch::begin()?;
    let host = invocation
        .target()
        .map_or_else(|_| String::new(), |target| target.host().to_owned());
    let entry = sample(&origin::begin(&actor::name(None)?, &host, None));
    let requests = audience.samples(&entry, Timestamp::now());
    let ends = Deliveries::begin(requests, Patience::default()).wait(&watch);
    let mut rows = Vec::new();
    let mut failed = 0;
    for (service, end) in &ends {
        match end {
            Ok(()) => ui.success(&format!("{} has taken the sample", service.name())),
            Err(why) => {
                failed += 1;
                ui.warning(&format!("{} was not told: {why}", service.name()));
            }
        }
        rows.push(json!({
            "service": service.as_str(),
            "is_delivered": end.is_ok(),
            "why": end.as_ref().err().map(ToString::to_string),
        }));
    }
    for bad in &malformed {
        rows.push(json!({
            "service": bad.service.as_str(),
            "is_delivered": false,
            "why": bad.to_string(),
        }));
    }
    let code = match (malformed.len(), failed) {
        (0, 0) => exit_codes::OK,
        (0, _) => exit_codes::HOST,
        _ => exit_codes::SETTINGS,
    };
    if ui.is_json() {
        ui.json(&json!({"services": rows, "exit_code": code}))?;
    }
    Ok(code)
}
