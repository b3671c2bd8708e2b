//! `plugin`: the entries of the Dokku plugin, called by its shims on the host. Hidden from people.

mod backups;
mod subcommand;

use clap::{Args, Subcommand};

pub use self::backups::To;

use jiff::Timestamp;

use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{self, Place},
};

/// `plugin`
#[derive(Debug, Args)]
pub struct PluginArguments {
    /// The trigger, or how the plugin was called
    #[command(subcommand)]
    entry: Entry,
}

/// Where the plugin is entered.
#[derive(Debug, Subcommand)]
enum Entry {
    /// Before a build: may this commit be deployed?
    CorePostExtract {
        /// The app
        app: String,
        /// The directory with its code
        directory: String,
        /// The commit
        commit: String,
    },
    /// After variables of an app were changed
    PostConfigUpdate {
        /// The app
        app: String,
        /// `set`, `unset` or `clear`
        operation: String,
        /// The keys that were named
        keys: Vec<String>,
    },
    /// After an app was destroyed
    PostDelete {
        /// The app
        app: String,
    },
    /// In the background: send what waits to be told
    Notices,
    /// `dokku deploy-system:…`
    Subcommand {
        /// The words, from `deploy-system:` on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Lines of `dokku help`
    Commands {
        /// How the plugin was asked
        words: Vec<String>,
    },
}

/// Runs an entry of the plugin.
pub fn run(arguments: &PluginArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let place = Place::from_environment();
    let now = Timestamp::now();
    match &arguments.entry {
        Entry::CorePostExtract { app, commit, .. } => {
            let deploy = server::Deploy { app, commit };
            server::gate(&place, &deploy, now, invocation.ui)
        }
        Entry::PostConfigUpdate {
            app,
            operation,
            keys,
        } => {
            let change = server::Change {
                app,
                operation,
                keys,
            };
            server::variables_changed(&place, &change, now, invocation.ui)?;
            Ok(exit_codes::OK)
        }
        Entry::PostDelete { app } => {
            server::app_destroyed(&place, app)?;
            Ok(exit_codes::OK)
        }
        Entry::Notices => {
            server::send_notices(&place)?;
            Ok(exit_codes::OK)
        }
        Entry::Subcommand { words } => subcommand::run(words, &place, now, invocation),
        Entry::Commands { .. } => subcommand::help(invocation),
    }
}
