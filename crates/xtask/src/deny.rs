//! cargo-deny: found, or built once into the user's cache, because no registry has a current binary of it.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::{program, say};

/// The version that deny.toml is written for.
const VERSION: &str = "0.20.2";

/// Where RustSec publishes what it knows.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";

/// Licences, bans and sources: all that needs no network.
pub fn check_graph() -> anyhow::Result<()> {
    let deny = find_or_install()?;
    program::run(program::command(deny)?.args(["--locked", "check", "bans", "licenses", "sources"]))
}

/// Known vulnerabilities; `None` when the database cannot be reached from here, which is not a pass.
pub fn check_advisories() -> anyhow::Result<Option<()>> {
    let is_reachable = program::output(
        program::command("timeout")?
            .args(["20", "git", "ls-remote", "--heads", ADVISORIES])
            .env("GIT_TERMINAL_PROMPT", "0"),
    )
    .is_ok();
    if !is_reachable {
        return Ok(None);
    }
    let deny = find_or_install()?;
    program::run(program::command(deny)?.args(["--locked", "check", "advisories"]))?;
    Ok(Some(()))
}

fn find_or_install() -> anyhow::Result<PathBuf> {
    let root = program::cache()?.join(format!("cargo-deny-{VERSION}"));
    let cached = root.join("bin/cargo-deny");
    for place in program::find("cargo-deny")
        .into_iter()
        .chain([cached.clone()])
    {
        if is_current(&place) {
            return Ok(place);
        }
    }
    say::line(&format!(
        "cargo-deny {VERSION} is not here: building it once into {} (1 to 2 minutes)",
        root.display()
    ))?;
    // Unoptimised it builds three times as fast and still checks this graph in 3 seconds. The build directory is
    // cargo's own temporary one, which is removed at the end.
    program::run(
        program::cargo()?
            .args(["install", "cargo-deny", "--version", VERSION])
            .args(["--locked", "--debug", "--quiet", "--root"])
            .arg(&root)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR"),
    )
    .context("cargo-deny could not be built from crates.io")?;
    Ok(cached)
}

/// An older one may not understand deny.toml or today's Cargo.lock.
fn is_current(place: &PathBuf) -> bool {
    program::command(place)
        .and_then(|mut command| program::output(command.arg("--version")))
        .is_ok_and(|answer| answer.trim() == format!("cargo-deny {VERSION}"))
}
