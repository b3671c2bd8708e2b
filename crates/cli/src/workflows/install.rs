//! The action that installs the program, against releases in a directory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use github_sandbox::runner::{JobRan, Run, Workflow};
use serde_json::json;
use tempfile::TempDir;

use super::{HOSTILE, github, root};

const ARCHIVE: &str = "dokku-cli-9.9.9-x86_64-unknown-linux-musl.tar.gz";

/// A release of a program that says its version, and a place to install it.
struct Release {
    directory: TempDir,
}

impl Release {
    fn new() -> Self {
        let release = Self {
            directory: TempDir::new().unwrap(),
        };
        let made = release.path("releases/v9.9.9");
        fs::create_dir_all(&made).unwrap();
        fs::create_dir(release.path("temp")).unwrap();
        let inside = release.path("dokku-cli-9.9.9");
        fs::create_dir(&inside).unwrap();
        script(&inside.join("dokku-cli"), "echo \"dokku-cli v9.9.9\"");
        sh(
            &release.path(""),
            &format!("tar -czf {}/{ARCHIVE} dokku-cli-9.9.9", made.display()),
        );
        sh(&made, &format!("sha256sum {ARCHIVE} >SHA256SUMS"));
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a `gh` into the PATH that answers to `attestation verify` with this.
    fn gh(&self, status: u8) {
        fs::create_dir_all(self.path("bin")).unwrap();
        let text = format!(
            "echo \"$*\" >>{}; [ \"$2\" = --help ] || exit {status}",
            self.path("gh.log").display()
        );
        script(&self.path("bin/gh"), &text);
    }

    /// As if the release, and nothing else, were built from this checkout.
    fn cargo(&self) {
        fs::create_dir_all(self.path("bin")).unwrap();
        let log = self.path("cargo.log");
        let text = format!(
            "echo \"$*\" >>{}; while [ \"$1\" != --target-dir ]; do shift; done; mkdir -p \"$2/release\"; \
             printf '#!/bin/sh\\necho dokku-cli of the checkout\\n' >\"$2/release/dokku-cli\"; chmod +x \"$2/release/dokku-cli\"",
            log.display()
        );
        script(&self.path("bin/cargo"), &text);
    }

    fn install(&self, inputs: serde_json::Value) -> JobRan {
        self.install_given(inputs, json!({}))
    }

    fn install_given(&self, inputs: serde_json::Value, given: serde_json::Value) -> JobRan {
        let action = root().join(".github/actions/install");
        let workflow = Workflow::parse(&fs::read_to_string(action.join("action.yml")).unwrap());
        fs::write(self.path("path"), "").unwrap();
        let text = |path: PathBuf| path.display().to_string();
        let environment = [
            ("PATH", format!("{}:/usr/bin:/bin", text(self.path("bin")))),
            ("GITHUB_ACTION_PATH", text(action)),
            ("GITHUB_PATH", text(self.path("path"))),
            ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
            ("RUNNER_TEMP", text(self.path("temp"))),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
            (
                "DOKKU_CLI_RELEASES",
                format!("file://{}", text(self.path("releases"))),
            ),
        ];
        let run = Run {
            github: github("push"),
            inputs,
            secrets: json!({}),
            given,
            vars: json!({}),
            directory: self.path(""),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        };
        run.jobs(&workflow).remove("action").unwrap().unwrap()
    }

    fn is_installed(&self) -> bool {
        self.path("temp/dokku-cli/bin/dokku-cli").exists()
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn sh(directory: &Path, line: &str) {
    let status = Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .status();
    assert!(status.unwrap().success(), "{line}");
}

fn released() -> serde_json::Value {
    json!({"source": "release", "version": "v9.9.9", "token": "ghs_x"})
}

fn told(ran: &JobRan) -> &str {
    &ran.steps.last().unwrap().stdout
}

#[test]
fn a_release_is_fetched_checked_and_put_into_the_path() {
    let release = Release::new();
    release.gh(0);
    let ran = release.install(released());
    assert!(ran.is_success, "{ran:?}");
    assert!(told(&ran).ends_with("dokku-cli v9.9.9\n"), "{}", told(&ran));
    let path = fs::read_to_string(release.path("path")).unwrap();
    assert_eq!(
        path.trim(),
        release.path("temp/dokku-cli/bin").display().to_string()
    );
    let asked = fs::read_to_string(release.path("gh.log")).unwrap();
    assert!(
        asked.contains("--repo acme/dokku-deploy-system --signer-workflow acme/dokku-deploy-system/.github/workflows/release.yml"),
        "{asked}"
    );
    // What came from the cache is checked too, and nothing is fetched again.
    fs::remove_dir_all(release.path("releases")).unwrap();
    assert!(release.install(released()).is_success);
}

#[test]
fn what_was_fetched_is_kept_for_the_next_run_by_version_and_machine() {
    let release = Release::new();
    let ran = release.install(released());
    let key = "dokku-cli-9.9.9-x86_64-unknown-linux-musl";
    let directory = release.path("temp/dokku-cli/9.9.9").display().to_string();
    let actions: Vec<&str> = ran.used.iter().map(|used| &*used.action).collect();
    assert_eq!(actions, ["actions/cache/restore", "actions/cache/save"]);
    for used in &ran.used {
        assert_eq!((&*used.with["key"], &used.with["path"]), (key, &directory));
    }
    // What is kept is the archive and its checksums, not what was unpacked.
    let mut kept: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    kept.sort();
    assert_eq!(kept, ["SHA256SUMS", ARCHIVE]);
    let hit = json!({"cache": {"cache-hit": "true"}});
    let ran = release.install_given(released(), hit);
    assert!(ran.is_success, "{ran:?}");
    assert_eq!(ran.used.len(), 1, "{ran:?}");
    // A cache that somebody has written into is no release.
    let archive = Path::new(&directory).join(ARCHIVE);
    fs::write(&archive, "something else").unwrap();
    let ran = release.install(released());
    assert!(
        told(&ran).contains("does not match its checksum"),
        "{ran:?}"
    );
}

#[test]
fn the_checkout_is_built_when_that_is_asked_for() {
    let release = Release::new();
    release.cargo();
    let ran = release.install(json!({"source": "build", "version": "", "token": ""}));
    assert!(ran.is_success, "{ran:?}");
    assert_eq!(told(&ran), "dokku-cli of the checkout\n");
    assert!(ran.used.is_empty(), "a build is not cached: {ran:?}");
    let asked = fs::read_to_string(release.path("cargo.log")).unwrap();
    let manifest = root().join(".github/actions/install/../../../Cargo.toml");
    for word in [
        "build --release --locked",
        "--package dokku-cli",
        &format!("--manifest-path {}", manifest.display()),
    ] {
        assert!(asked.contains(word), "{word}: {asked}");
    }
    assert!(release.is_installed());
    // The action of the repository hands on what it is asked for.
    let outer = Workflow::parse(&fs::read_to_string(root().join("action.yml")).unwrap());
    let step = &outer.jobs[0].1.steps[0];
    assert_eq!(step.uses.as_deref(), Some("$/.github/actions/install"));
    let handed: Vec<&str> = step.with.iter().map(|(_, value)| &**value).collect();
    assert_eq!(handed, ["${{ inputs.source }}", "${{ inputs.version }}"]);
}

#[test]
fn without_gh_the_checksum_alone_counts_and_that_is_said() {
    let release = Release::new();
    let ran = release.install(released());
    assert!(ran.is_success, "{ran:?}");
    assert!(
        told(&ran).starts_with("::notice::gh is not here"),
        "{}",
        told(&ran)
    );
}

#[test]
fn an_archive_that_was_tampered_with_is_never_unpacked() {
    let release = Release::new();
    let archive = release.path("releases/v9.9.9").join(ARCHIVE);
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(b'x');
    fs::write(&archive, bytes).unwrap();
    let ran = release.install(released());
    assert!(!ran.is_success);
    assert!(
        told(&ran).contains("does not match its checksum"),
        "{ran:?}"
    );
    assert!(!release.is_installed());

    let release = Release::new();
    fs::write(release.path("releases/v9.9.9/SHA256SUMS"), "").unwrap();
    let ran = release.install(released());
    assert!(told(&ran).contains("names no checksum"), "{ran:?}");
    assert!(!release.is_installed());

    let release = Release::new();
    release.gh(1);
    let ran = release.install(released());
    assert!(told(&ran).contains("has no attestation of"), "{ran:?}");
    assert!(!release.is_installed());
}

#[test]
fn a_version_that_is_none_and_a_release_that_is_not_there_are_told() {
    let release = Release::new();
    for (input, expected) in [
        (
            json!({"source": "release", "version": HOSTILE}),
            "is no version",
        ),
        (
            json!({"source": HOSTILE, "version": ""}),
            "expected release or build",
        ),
        (
            json!({"source": "release", "version": "1.2.3"}),
            "cannot be fetched; before the first release",
        ),
    ] {
        let ran = release.install(input);
        assert!(!ran.is_success);
        assert!(told(&ran).contains(expected), "{ran:?}");
    }
    assert!(!release.path("canary").exists());
    assert!(!release.is_installed());
}
