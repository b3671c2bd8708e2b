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
    let variable = |name: &str| std::env::var(name).ok();
    refuse_other_tag(&version, &variable)?;
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
    if target.contains("linux") {
        let plugin = plugin(&dist, &built, &target, &version)?;
        say::line(&format!("{}", plugin.display()))?;
    }
    if let Some(architecture) = debian::architecture(&target) {
        let about = debian::About {
            version: version.clone(),
            architecture: architecture.to_owned(),
            maintainer: maintainer(&variable)?,
            homepage: homepage(&variable),
            date: of_commit("%cD")?.trim().to_owned(),
        };
        let package = debian::package(&dist, &stage, &about)?;
        say::line(&format!("{}", package.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the plugin is installed from by hand: the archive that `dokku-cli server archive` makes, with the program of
/// the release in it.
fn plugin(dist: &Path, program: &Path, target: &str, version: &str) -> anyhow::Result<PathBuf> {
    let archive = dist.join(format!("deploy-system-{version}-{target}.tar.gz"));
    let own = program::repository()?.join("target/debug/dokku-cli");
    program::output(
        program::command(&own)?
            .args(["--quiet", "server", "archive", "--program"])
            .arg(program)
            .arg(&archive),
    )?;
    // A release has one list of checksums.
    fs::remove_file(dist.join(format!("deploy-system-{version}-{target}.tar.gz.sha256")))?;
    Ok(archive)
}

/// A variable of the environment.
type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Refuses to build what a tag does not name: the archives would be called otherwise than the release.
fn refuse_other_tag(version: &str, get: Get<'_>) -> anyhow::Result<()> {
    let is_tag = get("GITHUB_REF_TYPE").as_deref() == Some("tag");
    match get("GITHUB_REF_NAME").filter(|_| is_tag) {
        Some(tag) if tag != format!("v{version}") => {
            bail!("the tag {tag} is not v{version}, the version in Cargo.toml")
        }
        _ => Ok(()),
    }
}

/// Who answers for a package: who releases it on GitHub; elsewhere, whoever made the commit.
fn maintainer(get: Get<'_>) -> anyhow::Result<String> {
    let owner = get("GITHUB_REPOSITORY_OWNER").filter(|owner| !owner.is_empty());
    match owner {
        Some(owner) => Ok(format!("{owner} <{owner}@users.noreply.github.com>")),
        None => Ok(of_commit("%an <%ae>")?.trim().to_owned()),
    }
}

/// The page of the repository that releases it.
fn homepage(get: Get<'_>) -> Option<String> {
    let (server, name) = (get("GITHUB_SERVER_URL")?, get("GITHUB_REPOSITORY")?);
    Some(format!("{server}/{name}"))
}

/// A fact of the commit that is packed.
fn of_commit(format: &str) -> anyhow::Result<String> {
    let format = format!("--format={format}");
    program::output(program::command("git")?.args(["log", "-1", &format]))
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
    let time = of_commit("%ct")?;
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

    #[test]
    fn a_tag_names_the_version_and_its_owner_the_maintainer() {
        let run = |name: &str| match name {
            "GITHUB_REF_TYPE" => Some("tag".to_owned()),
            "GITHUB_REF_NAME" => Some("v1.2.3".to_owned()),
            "GITHUB_REPOSITORY_OWNER" => Some("acme".to_owned()),
            "GITHUB_REPOSITORY" => Some("acme/system".to_owned()),
            "GITHUB_SERVER_URL" => Some("https://github.com".to_owned()),
            _ => None,
        };
        assert!(refuse_other_tag("1.2.3", &run).is_ok());
        let error = refuse_other_tag("1.2.2", &run).unwrap_err().to_string();
        assert!(error.contains("the tag v1.2.3 is not v1.2.2"), "{error}");
        assert!(refuse_other_tag("1.2.2", &|_| None).is_ok());
        assert_eq!(
            maintainer(&run).unwrap(),
            "acme <acme@users.noreply.github.com>"
        );
        assert_eq!(
            homepage(&run).as_deref(),
            Some("https://github.com/acme/system")
        );
        assert!(maintainer(&|_| None).unwrap().contains('<'));
    }

    #[test]
    fn the_same_files_make_the_same_archive() {
        let directory = tempfile::tempdir().unwrap();
        let stage = directory.path().join("stage/x/dokku-cli-1.0.0");
        fs::create_dir_all(&stage).unwrap();
        fs::write(stage.join("dokku-cli"), "program").unwrap();
        let made = || {
            let path = archive(directory.path(), &stage, "x", "dokku-cli-1.0.0").unwrap();
            assert!(path.ends_with("dokku-cli-1.0.0-x.tar.gz"));
            fs::read(path).unwrap()
        };
        let first = made();
        // As if it were packed at another time.
        let file = fs::File::open(stage.join("dokku-cli")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(made(), first);
        assert_eq!(first[4..8], [0; 4], "gzip's own time");
    }
}
