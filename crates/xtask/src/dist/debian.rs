//! The package for Debian: the static program, its completions and its manual.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::program;

/// What Debian calls a target; nothing for those that it does not run.
pub fn architecture(target: &str) -> Option<&'static str> {
    match target {
        "x86_64-unknown-linux-musl" | "x86_64-unknown-linux-gnu" => Some("amd64"),
        "aarch64-unknown-linux-musl" | "aarch64-unknown-linux-gnu" => Some("arm64"),
        _ => None,
    }
}

/// (in the archive, in the system)
const FILES: [(&str, &str, u32); 6] = [
    ("dokku-cli", "usr/bin/dokku-cli", 0o755),
    (
        "completions/dokku-cli.bash",
        "usr/share/bash-completion/completions/dokku-cli",
        0o644,
    ),
    (
        "completions/_dokku-cli",
        "usr/share/zsh/vendor-completions/_dokku-cli",
        0o644,
    ),
    (
        "completions/dokku-cli.fish",
        "usr/share/fish/vendor_completions.d/dokku-cli.fish",
        0o644,
    ),
    ("LICENSE", "usr/share/doc/dokku-cli/copyright", 0o644),
    (
        "CHANGELOG.md",
        "usr/share/doc/dokku-cli/changelog.md",
        0o644,
    ),
];

/// Builds the package from the files of the archive.
pub fn package(
    dist: &Path,
    stage: &Path,
    version: &str,
    architecture: &str,
) -> anyhow::Result<PathBuf> {
    let root = dist.join("stage").join(format!("deb-{architecture}"));
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for (from, to, mode) in FILES {
        install(&stage.join(from), &root.join(to), mode)?;
    }
    for page in fs::read_dir(stage.join("man"))? {
        let page = page?;
        let to = root.join("usr/share/man/man1").join(page.file_name());
        install(&page.path(), &to, 0o644)?;
    }
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(version, architecture))?;
    let package = dist.join(format!("dokku-cli_{version}_{architecture}.deb"));
    program::run(
        program::command("dpkg-deb")?
            .args(["--root-owner-group", "--build"])
            .arg(&root)
            .arg(&package),
    )?;
    Ok(package)
}

fn control(version: &str, architecture: &str) -> String {
    format!(
        "Package: dokku-cli\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Dokku Deploy System <noreply@example.com>\n\
         Section: admin\nPriority: optional\nDepends: git, openssh-client\n\
         Description: deploys, locks and backups for Dokku hosts\n One program that deploys to Dokku hosts and tells the truth about it.\n"
    )
}

fn install(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}
