//! Child processes of the chores.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The root of the repository, whatever the directory a chore is started in.
pub fn repository() -> anyhow::Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own
        .ancestors()
        .nth(2)
        .context("crates/xtask lies two levels below the root of the repository")?;
    if !root.join("Cargo.lock").is_file() {
        bail!(
            "{} is not this repository any more: build xtask again",
            root.display()
        );
    }
    Ok(root.to_owned())
}

/// A program, started in the root of the repository and without what `cargo run` added to the environment:
/// build scripts that watch those variables would run again in every nested call of cargo.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(repository()?);
    for (name, _) in env::vars_os() {
        let is_of_the_outer_cargo = name.to_str().is_some_and(|name| {
            [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        });
        if is_of_the_outer_cargo {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// The cargo that started this chore.
pub fn cargo() -> anyhow::Result<Command> {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// How a command reads in a message.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs with the terminal's own streams; a status other than 0 is an error.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs and returns stdout as text; a status other than 0 is an error that carries stderr.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}: {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| {
        format!(
            "`{}` answered with something else than UTF-8",
            shown(command)
        )
    })
}

/// Where a program lies: on the PATH, or where Debian keeps servers.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .chain(postgresql_directories())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Debian keeps PostgreSQL's server programs out of the PATH, one directory for each major version.
fn postgresql_directories() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect()
}

/// `$XDG_CACHE_HOME/dokku-deploy-system`, by default under `~/.cache`; without a home, in the target directory.
pub fn cache() -> anyhow::Result<PathBuf> {
    let of_the_user = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .filter(|directory| directory.is_absolute());
    match of_the_user {
        Some(directory) => Ok(directory.join("dokku-deploy-system")),
        None => Ok(repository()?.join("target/tools")),
    }
}

/// A program of this workspace, built beside this one.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = env::current_exe()?;
    let directory = own.parent().context("this program lies in no directory")?;
    let program = directory.join(name);
    if !program.is_file() {
        bail!(
            "{} is not there although the build succeeded",
            program.display()
        );
    }
    Ok(program)
}

/// A program of this workspace, built for release.
pub fn released(name: &str) -> anyhow::Result<PathBuf> {
    let directory = built("xtask")?
        .parent()
        .and_then(Path::parent)
        .context("the target directory")?
        .join("release");
    Ok(directory.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_and_an_unknown_one_is_not() {
        assert!(find("sh").unwrap().ends_with("sh"));
        assert_eq!(find("no-such-program-anywhere"), None);
    }

    #[test]
    fn a_failing_command_is_an_error_with_its_words_and_stderr() {
        let error = output(command("sh").unwrap().args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo no >&2; exit 3` ended with exit status: 3: no"
        );
    }

    #[test]
    fn the_repository_holds_this_crate() {
        assert!(
            repository()
                .unwrap()
                .join("crates/xtask/Cargo.toml")
                .is_file()
        );
    }
}
