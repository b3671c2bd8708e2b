//! The package for Debian: the program, its completions and its manual.

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
const FILES: [(&str, &str, u32); 5] = [
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
];

/// What is said of the package.
#[derive(Debug)]
pub struct About {
    /// The version of the workspace.
    pub version: String,
    /// Debian's name for the architecture.
    pub architecture: String,
    /// `NAME <ADDRESS>`.
    pub maintainer: String,
    /// The page of the project.
    pub homepage: Option<String>,
    /// When the packed commit was made, as RFC 2822 writes it.
    pub date: String,
}

/// Builds the package from the files of the archive.
pub fn package(dist: &Path, stage: &Path, about: &About) -> anyhow::Result<PathBuf> {
    let root = dist
        .join("stage")
        .join(format!("deb-{}", about.architecture));
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for (from, to, mode) in FILES {
        install(&stage.join(from), &root.join(to), mode)?;
    }
    let manual = root.join("usr/share/man/man1");
    for page in fs::read_dir(stage.join("man"))? {
        let page = page?;
        pack(&fs::read(page.path())?, &manual.join(page.file_name()))?;
    }
    let documents = root.join("usr/share/doc/dokku-cli");
    pack(changelog(about).as_bytes(), &documents.join("changelog"))?;
    let changes = fs::read(stage.join("CHANGELOG.md"))?;
    pack(&changes, &documents.join("CHANGELOG.md"))?;
    let depends = needs(&fs::read(stage.join("dokku-cli"))?);
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(about, &depends))?;
    let package = dist.join(format!(
        "dokku-cli_{}_{}.deb",
        version(&about.version),
        about.architecture
    ));
    program::run(
        program::command("dpkg-deb")?
            .args(["--root-owner-group", "--build"])
            .arg(&root)
            .arg(&package),
    )?;
    Ok(package)
}

/// Debian sorts `1.0.0~rc.1` before `1.0.0`, and `1.0.0-rc.1` after it.
fn version(version: &str) -> String {
    version.replacen('-', "~", 1)
}

/// What has to be installed with a program: git and ssh, and the libraries that it is linked with.
/// Those that are released are linked with none.
fn needs(program: &[u8]) -> Vec<String> {
    let mut depends = vec!["git".to_owned(), "openssh-client".to_owned()];
    let text = String::from_utf8_lossy(program);
    let versions = text.split("GLIBC_2.").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    if let Some(newest) = versions.max() {
        depends.push(format!("libc6 (>= 2.{newest})"));
    }
    if text.contains("libgcc_s.so.1\0") {
        depends.push("libgcc-s1".to_owned());
    }
    depends
}

fn control(about: &About, depends: &[String]) -> String {
    let homepage = about
        .homepage
        .as_ref()
        .map(|page| format!("Homepage: {page}\n"));
    format!(
        "Package: dokku-cli\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nSection: admin\nPriority: optional\n\
         Depends: {}\n{}\
         Description: deploys, locks and backups for Dokku hosts\n One program that deploys to Dokku hosts and tells the truth about it.\n",
        version(&about.version),
        about.architecture,
        about.maintainer,
        depends.join(", "),
        homepage.unwrap_or_default(),
    )
}

/// The one entry that Debian wants; what changed stands in the project's own.
fn changelog(about: &About) -> String {
    format!(
        "dokku-cli ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz beside this file.\n\n -- {}  {}\n",
        version(&about.version),
        about.maintainer,
        about.date
    )
}

/// Writes a text with gzip, the same bytes for the same text.
fn pack(text: &[u8], to: &Path) -> anyhow::Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(to, text)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o644))?;
    program::run(
        program::command("gzip")?
            .args(["-9", "--no-name", "--force", "--"])
            .arg(to),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_what_debian_wants_of_one() {
        let directory = tempfile::tempdir().unwrap();
        let stage = directory.path().join("stage/dokku-cli-1.0.0");
        for (from, _, _) in FILES {
            let file = stage.join(from);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "#!/bin/sh\n").unwrap();
        }
        fs::write(stage.join("CHANGELOG.md"), "# Changelog\n").unwrap();
        fs::create_dir(stage.join("man")).unwrap();
        for page in ["dokku-cli.1", "dokku-cli-lock:status.1"] {
            fs::write(stage.join("man").join(page), ".TH x 1\n").unwrap();
        }
        let about = About {
            version: "1.0.0-rc.1".into(),
            architecture: "amd64".into(),
            maintainer: "acme <acme@users.noreply.github.com>".into(),
            homepage: Some("https://github.com/acme/system".into()),
            date: "Wed, 25 Nov 2026 22:07:00 +0000".into(),
        };
        let package = package(directory.path(), &stage, &about).unwrap();
        assert!(package.ends_with("dokku-cli_1.0.0~rc.1_amd64.deb"));
        let said = |option: &str| {
            program::output(
                program::command("dpkg-deb")
                    .unwrap()
                    .arg(option)
                    .arg(&package),
            )
            .unwrap()
        };
        let fields = said("--field");
        for field in [
            "Version: 1.0.0~rc.1",
            "Maintainer: acme <acme@users.noreply.github.com>",
            "Depends: git, openssh-client\n",
            "Homepage: https://github.com/acme/system",
        ] {
            assert!(fields.contains(field), "{field}: {fields}");
        }
        let files = said("--contents");
        for file in [
            "-rwxr-xr-x root/root",
            "./usr/bin/dokku-cli\n",
            "./usr/share/man/man1/dokku-cli.1.gz\n",
            "./usr/share/man/man1/dokku-cli-lock:status.1.gz\n",
            "./usr/share/doc/dokku-cli/changelog.gz\n",
            "./usr/share/doc/dokku-cli/CHANGELOG.md.gz\n",
            "./usr/share/doc/dokku-cli/copyright\n",
            "./usr/share/zsh/vendor-completions/_dokku-cli\n",
        ] {
            assert!(files.contains(file), "{file}: {files}");
        }
    }

    #[test]
    fn libraries_are_needed_by_who_is_linked_with_them() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let depends = needs(&own);
        assert!(
            depends.iter().any(|need| need.starts_with("libc6 (>= 2.")),
            "{depends:?}"
        );
        assert_eq!(needs(b"\x7fELF static"), ["git", "openssh-client"]);
        assert_eq!(
            needs(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0libgcc_s.so.1\0")[2..],
            ["libc6 (>= 2.34)", "libgcc-s1"]
        );
    }
}
