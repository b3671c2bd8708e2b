//! `cargo xtask dist`: what a release holds for one target.

mod debian;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::{program, say};

/// The shells that completions are made for, and the files that they look for.
const SHELLS: [(&str, &str); 4] = [
    ("bash", "dokku-cli.bash"),
    ("zsh", "_dokku-cli"),
    ("fish", "dokku-cli.fish"),
    ("powershell", "dokku-cli.ps1"),
];

/// Builds for `target` (else this machine's own) and puts archive, package and SBOM into `target/dist`.
pub fn run(target: Option<&str>) -> anyhow::Result<ExitCode> {
    let target = match target {
        Some(target) => target.to_owned(),
        None => own_target()?,
    };
    let root = program::repository()?;
    let version = version(&root)?;
    let dist = root.join("target/dist");
    let name = format!("dokku-cli-{version}");
    let stage = dist.join("stage").join(&target).join(&name);
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    fs::create_dir_all(&stage)?;
    documents(&stage)?;
    let built = build(&target)?;
    let file = built.file_name().context("a program has a name")?;
    fs::copy(&built, stage.join(file))?;
    for text in ["LICENSE", "README.md", "CHANGELOG.md"] {
        fs::copy(root.join(text), stage.join(text))?;
    }
    copy_directory(&root.join("plugin"), &stage.join("plugin"))?;
    sbom::write(&dist.join("dokku-cli.cdx.json"), &version)?;
    let archive = archive(&dist, &stage, &target, &name)?;
    say::line(&format!("{}", archive.display()))?;
    if let Some(architecture) = debian::architecture(&target) {
        let package = debian::package(&dist, &stage, &version, architecture)?;
        say::line(&format!("{}", package.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Completions and manual come from the program itself, which has to run here, so from this machine's own build.
fn documents(stage: &Path) -> anyhow::Result<()> {
    program::run(program::cargo()?.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "dokku-cli",
    ]))?;
    let own = program::repository()?.join("target/debug/dokku-cli");
    program::run(program::command(&own)?.arg("manual").arg(stage.join("man")))?;
    fs::create_dir(stage.join("completions"))?;
    for (shell, file) in SHELLS {
        let script = program::output(program::command(&own)?.args(["completions", shell]))?;
        fs::write(stage.join("completions").join(file), script)?;
    }
    Ok(())
}

fn build(target: &str) -> anyhow::Result<PathBuf> {
    program::run(
        program::cargo()?
            .args([
                "build",
                "--release",
                "--locked",
                "--package",
                "dokku-cli",
                "--target",
            ])
            .arg(target),
    )?;
    let end = if target.contains("windows") {
        ".exe"
    } else {
        ""
    };
    let built = program::repository()?.join(format!("target/{target}/release/dokku-cli{end}"));
    if !built.is_file() {
        bail!(
            "{} is not there although the build succeeded",
            built.display()
        );
    }
    Ok(built)
}

/// The same files give the same bytes: sorted, with the commit's time, owned by nobody in particular.
fn archive(dist: &Path, stage: &Path, target: &str, name: &str) -> anyhow::Result<PathBuf> {
    let directory = stage.parent().context("the stage lies in a directory")?;
    let archive = dist.join(format!("{name}-{target}.tar.gz"));
    let time = program::output(program::command("git")?.args(["log", "-1", "--format=%ct"]))?;
    let is_gnu = program::output(program::command("tar")?.arg("--version"))?.contains("GNU");
    let mut tar = program::command("tar")?;
    if is_gnu {
        tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .arg(format!("--mtime=@{}", time.trim()));
    }
    program::run(
        tar.arg("-C")
            .arg(directory)
            .arg("-czf")
            .arg(&archive)
            .arg(name),
    )?;
    Ok(archive)
}

fn copy_directory(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The version of the workspace.
fn version(root: &Path) -> anyhow::Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .context("Cargo.toml names no version")
}

fn own_target() -> anyhow::Result<String> {
    let said = program::output(program::command("rustc")?.arg("-vV"))?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(
            version(&program::repository().unwrap()).unwrap(),
            env!("CARGO_PKG_VERSION")
        );
    }
}
