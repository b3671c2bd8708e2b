//! `dokku-cli validate`.

use std::env;

use clap::Args;
use dokku_deploy::{
    app::Environment,
    settings::{Fault, Settings},
};
use serde_json::{Map, Value, json};

use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    project::{CONFIG, Project, SERVICES},
    ui::{outline, visible},
};

/// What `validate` takes.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Show the settings of this environment only
    #[arg(long, value_name = "ENV")]
    pub env: Option<Environment>,
}

/// Checks the settings, and shows what they come to.
pub fn run(arguments: &ValidateArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let here = env::current_dir()?;
    let project = Project::around(&here)?;
    let warnings = project.workflow_warnings()?;
    if !ui.is_json() {
        for warning in &warnings {
            ui.warning(warning.render(false).trim_start_matches("warning: "));
        }
    }
    let settings = match project.settings() {
        Ok(settings) => settings,
        Err(faults) if ui.is_json() => {
            ui.json(&json!({ "valid": false, "errors": faults, "warnings": warnings }))?;
            return Ok(exit_codes::SETTINGS);
        }
        Err(faults) => return Err(faults.into()),
    };
    let environments: Vec<Environment> = match arguments.env {
        Some(environment) => vec![environment],
        None => Environment::ALL.to_vec(),
    };
    let result = result(&settings, &environments)?;
    if ui.is_json() {
        ui.json(&with_verdict(result, &warnings))?;
        return Ok(exit_codes::OK);
    }
    match project.files().as_slice() {
        [] => ui.info(&format!(
            "There is neither {CONFIG} nor {SERVICES}: the defaults apply"
        )),
        [file] => ui.success(&format!("{file} is valid")),
        files => ui.success(&format!("{} are valid", files.join(" and "))),
    }
    let inactive = inactive(&settings, &environments);
    if !inactive.is_empty() {
        ui.info(&format!(
            "Checked, but not acted on yet: {}",
            inactive.join(", ")
        ));
    }
    for line in outline(&result).lines() {
        ui.result(&visible(line))?;
    }
    Ok(exit_codes::OK)
}

/// The branches and the settings of each environment.
fn result(settings: &Settings, environments: &[Environment]) -> Result<Value, Failure> {
    let branches: Map<String, Value> = settings
        .branches()
        .iter()
        .filter(|(_, environment)| environments.contains(environment))
        .map(|(branch, environment)| (branch.to_owned(), environment.as_str().into()))
        .collect();
    let mut resolved = Map::new();
    for environment in environments {
        let value = serde_json::to_value(settings.resolve(*environment))
            .map_err(|error| Failure::internal(error.to_string()))?;
        resolved.insert(environment.as_str().to_owned(), value);
    }
    Ok(json!({ "branches": branches, "environments": resolved }))
}

fn with_verdict(result: Value, warnings: &[Fault]) -> Value {
    let mut whole = json!({ "valid": true, "warnings": warnings });
    if let (Value::Object(whole), Value::Object(result)) = (&mut whole, result) {
        whole.extend(result);
    }
    whole
}

fn inactive(settings: &Settings, environments: &[Environment]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for environment in environments {
        for name in settings.resolve(*environment).inactive {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}
