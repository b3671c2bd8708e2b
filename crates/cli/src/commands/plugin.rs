//! `plugin`: the entries of the Dokku plugin, called by its shims on the host. Hidden from people.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::{
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
    }
}
