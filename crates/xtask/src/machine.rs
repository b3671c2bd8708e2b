//! What the machine needs beside Rust, and how Debian gives it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::{linters, program, say};

/// What a chore is going to use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// git, OpenSSH's client, Python and OpenSSL: what the quick tests use.
    Tools,
    /// PostgreSQL as well, which the demonstration's app has.
    Demo,
    /// The engines of the tests as well.
    Everything,
}

/// (program, Debian's package, the smallest need that includes it)
const PROGRAMS: &[(&str, &str, Need)] = &[
    ("git", "git", Need::Tools),
    ("ssh", "openssh-client", Need::Tools),
    ("ssh-keygen", "openssh-client", Need::Tools),
    ("python3", "python3", Need::Tools),
    ("openssl", "openssl", Need::Tools),
    ("setpriv", "util-linux", Need::Tools),
    ("script", "bsdutils", Need::Tools),
    ("dpkg-deb", "dpkg", Need::Tools),
    ("psql", "postgresql-client", Need::Demo),
    ("initdb", "postgresql", Need::Demo),
    ("mariadbd", "mariadb-server", Need::Everything),
    ("mariadb-dump", "mariadb-client", Need::Everything),
    ("redis-server", "redis-server", Need::Everything),
    ("redis-cli", "redis-tools", Need::Everything),
    ("pigz", "pigz", Need::Everything),
    ("systemd-analyze", "systemd", Need::Everything),
    ("chromium", "chromium", Need::Everything),
    ("chromedriver", "chromium-driver", Need::Everything),
];

/// A program that is not here.
pub struct Missing {
    program: &'static str,
    package: &'static str,
}

/// What is needed and not here.
pub fn missing(need: Need) -> Vec<Missing> {
    let venv = Missing {
        program: "python3 -m venv",
        package: "python3-venv",
    };
    PROGRAMS
        .iter()
        .filter(|(_, _, least)| *least <= need)
        .filter(|(program, _, _)| program::find(program).is_none())
        .map(|(program, package, _)| Missing { program, package })
        .chain((!has_venv()).then_some(venv))
        .collect()
}

/// Debian's Python has the module and leaves out what it needs.
fn has_venv() -> bool {
    program::command("python3").is_ok_and(|mut python| {
        program::output(python.args(["-c", "import ensurepip, venv"])).is_ok()
    })
}

/// Fails when something is missing, with the way to get it.
pub fn check(need: Need) -> anyhow::Result<()> {
    let missing = missing(need);
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "not on this machine: {}. Install with `cargo xtask setup` as root, or: {}",
        programs(&missing),
        by_hand(&missing)
    )
}

/// Installs by apt what is missing: said first, asked unless `is_confirmed`.
pub fn set_up(need: Need, is_confirmed: bool) -> anyhow::Result<ExitCode> {
    let lacking = missing(need);
    if lacking.is_empty() {
        linters::install()?;
        say::line("Everything that is needed is on this machine.")?;
        return Ok(ExitCode::SUCCESS);
    }
    say::line(&format!("Not on this machine: {}.", programs(&lacking)))?;
    if program::output(program::command("id")?.arg("-u"))?.trim() != "0" {
        bail!("only root can install packages: {}", by_hand(&lacking));
    }
    if program::find("apt-get").is_none() {
        bail!("there is no apt-get here: install the programs by this system's own means");
    }
    let packages = packages(&lacking);
    if !is_confirmed && !say::is_agreed(&format!("Install by apt: {}?", packages.join(" ")))? {
        bail!("nothing was installed; `cargo xtask setup --yes` asks no question");
    }
    let _held_back = HeldBackServices::begin()?;
    let quiet = ["-y", "-qq", "--no-install-recommends"];
    program::run(program::command("apt-get")?.args(["update", "-qq"]))?;
    program::run(
        program::command("apt-get")?
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("install")
            .args(quiet)
            .args(&packages),
    )?;
    check(need)?;
    linters::install()?;
    say::line(&format!("Installed: {}.", packages.join(" ")))?;
    Ok(ExitCode::SUCCESS)
}

fn programs(missing: &[Missing]) -> String {
    let names: Vec<_> = missing.iter().map(|one| one.program).collect();
    names.join(", ")
}

fn packages(missing: &[Missing]) -> Vec<&'static str> {
    let names: BTreeSet<_> = missing.iter().map(|one| one.package).collect();
    names.into_iter().collect()
}

fn by_hand(missing: &[Missing]) -> String {
    format!("apt-get install {}", packages(missing).join(" "))
}

/// Debian starts a server as soon as its package is installed. The tests start their own private ones, so while
/// this value lives a policy forbids that; a policy that is there already is left as it is.
struct HeldBackServices {
    is_ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl HeldBackServices {
    fn begin() -> anyhow::Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { is_ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {POLICY}"))?;
        let policy = Self { is_ours: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(policy)
    }
}

impl Drop for HeldBackServices {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        match fs::remove_file(POLICY) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                say::failure(&anyhow::anyhow!(
                    "{POLICY} keeps services from starting and could not be removed: {error}"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_once_for_several_programs() {
        let missing = [
            Missing {
                program: "ssh",
                package: "openssh-client",
            },
            Missing {
                program: "ssh-keygen",
                package: "openssh-client",
            },
            Missing {
                program: "git",
                package: "git",
            },
        ];
        assert_eq!(programs(&missing), "ssh, ssh-keygen, git");
        assert_eq!(by_hand(&missing), "apt-get install git openssh-client");
    }
}
