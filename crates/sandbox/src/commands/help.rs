//! `help` and `version`.

use std::io::Write;

use super::{Call, DOKKU_VERSION, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("", help),
    Verb::new("help", help),
    Verb::new("version", version),
    Verb::new("-v", version),
    Verb::new("--version", version),
];

/// The list of plugins as a recorded host prints it.
const PLUGINS: &str = include_str!("help/plugins.txt");

fn help(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    io.stdout.write_all(PLUGINS.as_bytes())?;
    let community = host.triggers().help_lines(&call.caller, host);
    if !community.is_empty() {
        if !call.flags.quiet {
            io.stdout.write_all(b"\nCommunity plugin commands:\n\n")?;
        }
        for line in community {
            say(io, &line)?;
        }
    }
    Ok(())
}

fn version(_call: &Call, io: &mut Io, _host: &SandboxHost) -> Outcome {
    Ok(say(io, &format!("dokku version {DOKKU_VERSION}"))?)
}
