//! `dokku-cli alias`: short names for apps, kept in the settings file.

use clap::{Args, Subcommand};
use dokku_deploy::app::AppName;
use serde_json::json;

use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    settings_file::{alias_key, edit, is_alias_name},
};

/// What `alias` takes.
#[derive(Debug, Args)]
pub struct AliasArguments {
    /// What to do; without it the aliases are listed
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What can be done with aliases.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the aliases
    List,
    /// Make NAME stand for APP
    #[command(visible_alias = "set")]
    Add {
        /// The alias: letters, digits and underscores
        name: String,
        /// The app
        app: String,
    },
    /// Forget an alias
    #[command(visible_aliases = ["rm", "delete"])]
    Remove {
        /// The alias
        name: String,
    },
}

/// Lists or changes the aliases.
pub fn run(arguments: &AliasArguments, invocation: &Invocation) -> Result<u8, Failure> {
    match &arguments.action {
        None | Some(Action::List) => list(invocation),
        Some(Action::Add { name, app }) => {
            let app = AppName::new(app)?;
            if !is_alias_name(name) {
                return Err(Failure::usage(format!(
                    "{name:?} cannot be an alias: letters, digits and underscores only"
                )));
            }
            change(name, Some(&app), invocation)?;
            let ui = invocation.ui;
            if ui.is_json() {
                ui.json(&json!({ "alias": name, "app": app, "result": "added" }))?;
            }
            ui.success(&format!("Alias '{name}' -> '{app}' added"));
            ui.info(&format!("Now you can use: dokku-cli logs {name}"));
            Ok(exit_codes::OK)
        }
        Some(Action::Remove { name }) => {
            let file = invocation.file()?;
            let is_odd = |(_, odd): &(usize, String)| odd.eq_ignore_ascii_case(name);
            if file.alias(name).is_none() && !file.odd_aliases().iter().any(is_odd) {
                return Err(Failure::usage(format!("Alias '{name}' not found")));
            }
            change(name, None, invocation)?;
            if invocation.ui.is_json() {
                invocation
                    .ui
                    .json(&json!({ "alias": name, "result": "removed" }))?;
            }
            invocation.ui.success(&format!("Alias '{name}' removed"));
            Ok(exit_codes::OK)
        }
    }
}

fn list(invocation: &Invocation) -> Result<u8, Failure> {
    let (ui, file) = (invocation.ui, invocation.file()?);
    let aliases = file.aliases();
    if ui.is_json() {
        let map: serde_json::Map<String, serde_json::Value> = aliases
            .into_iter()
            .map(|(name, app)| (name, app.into()))
            .collect();
        ui.json(&json!({ "aliases": map }))?;
        return Ok(exit_codes::OK);
    }
    ui.header("App Aliases");
    if aliases.is_empty() {
        ui.plain("  No aliases configured\n\n  Add with: dokku-cli alias add <name> <app>");
    }
    for (name, app) in aliases {
        ui.result(&crate::ui::visible(&format!("  {name} -> {app}")))?;
    }
    Ok(exit_codes::OK)
}

fn change(name: &str, app: Option<&AppName>, invocation: &Invocation) -> Result<(), Failure> {
    let key = alias_key(name);
    invocation.edit_file(|text| edit::with(text, &key, app.map(AppName::as_str)))
}
