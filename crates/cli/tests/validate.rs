//! `dokku-cli validate`, as people run it.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test runs the program")]

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// Exit code, standard output, standard error.
type Ran = (i32, String, String);

fn project(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(".git")).unwrap();
    for (path, content) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

fn validate_in(directory: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_dokku-cli"))
        .arg("validate")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn validate(files: &[(&str, &[u8])], arguments: &[&str]) -> Ran {
    validate_in(project(files).path(), arguments)
}

const CONFIG: &str = ".dokku/config.yml";

#[test]
fn resolved_settings_of_an_environment_are_shown() {
    let config = b"resources: { memory: 512m }
release: { tasks: [{ name: Migrate, command: 'bin/migrate \"now\"' }] }
custom_domains: [www.example.com]
canary: { percent: 10 }
environments: { production: { scale: { web: 2 } } }
";
    let services = b"services: { postgres: { enabled: true, version: 16 } }";
    let files: [(&str, &[u8]); 2] = [(CONFIG, config), (".dokku/services.yml", services)];
    let (code, out, err) = validate(&files, &["--env", "production"]);
    assert_eq!(
        out,
        r#"branches:
  main: production
  master: production
environments:
  production:
    resources:
      memory: 512m
    scale:
      web: 2
    custom_domains: [www.example.com]
    release:
      tasks:
        - name: Migrate
          command: "bin/migrate \"now\""
          timeout: 120s
      when: before_traffic
    healthcheck:
      path: /health
      timeout: 10s
      attempts: 6
      wait: 5s
      status: [200]
    services:
      - kind: postgres
        shared: false
        version: "16"
    backup:
      retention_days: 14
      restore_test_days: 7
      restore_test_max_gib: 10
    security:
      block_on_critical: true
      severity: [CRITICAL, HIGH, MEDIUM]
    preview:
      clone_from: staging
      backup: true
    dashboard:
      branch: gh-pages
    inactive: [canary]
"#
    );
    assert_eq!(
        err,
        "✓ .dokku/config.yml and .dokku/services.yml are valid\nℹ Checked, but not acted on yet: canary\n"
    );
    assert_eq!(code, 0);
}

#[test]
fn every_mistake_of_both_files_is_told_at_once() {
    let files: [(&str, &[u8]); 2] = [
        (CONFIG, b"scale: { web: many }\n"),
        (
            ".dokku/services.yml",
            b"services:\n  postgress:\n    enabled: true\n",
        ),
    ];
    let (code, out, err) = validate(&files, &[]);
    assert_eq!(
        err,
        r#"✗ the settings are not valid

error: `scale.web` cannot be the text "many"
 --> .dokku/config.yml:1:15
  |
1 | scale: { web: many }
  |               ^^^^ expected a whole number from 0 to 100

error: "postgress" cannot be a key of `services`
 --> .dokku/services.yml:2:3
  |
2 |   postgress:
  |   ^^^^^^^^^ expected one of: postgres, mysql, mariadb, redis, mongo, rabbitmq, elasticsearch
  |
  = help: did you mean `postgres`?

2 errors in the settings

  docs/settings.md explains every key; `dokku-cli validate` checks again.
"#
    );
    assert_eq!((code, out.as_str()), (3, ""));
}

#[test]
fn programs_get_places_and_settings_as_json() {
    let (code, out, err) = validate(&[(CONFIG, b"a: 1\n")], &["--json"]);
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, err.as_str()), (3, ""));
    assert_eq!(result["valid"], false);
    assert_eq!(result["errors"][0]["path"], CONFIG);
    assert_eq!(result["errors"][0]["line"], 1);
    assert_eq!(result["errors"][0]["message"], "unknown key `a`");
    let (code, out, err) = validate(&[(CONFIG, b"scale: { web: 3 }\n")], &["--json"]);
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(result["valid"], true);
    assert_eq!(result["environments"]["preview"]["scale"]["web"], 3);
    assert_eq!(result["branches"]["develop"], "development");
}

#[test]
fn without_files_the_defaults_apply() {
    let (code, out, err) = validate(&[], &["--env", "staging"]);
    assert_eq!(code, 0);
    assert!(
        err.contains("neither .dokku/config.yml nor .dokku/services.yml"),
        "{err}"
    );
    assert!(out.contains("path: /health"), "{out}");
}

#[test]
fn the_files_are_found_from_a_directory_below() {
    let project = project(&[(CONFIG, b"scale: { web: 7 }\n"), ("src/deep/x", b"")]);
    let (code, out, _) = validate_in(&project.path().join("src/deep"), &["--env", "preview"]);
    assert_eq!(code, 0);
    assert!(out.contains("web: 7"), "{out}");
}

#[test]
fn workflows_that_cancel_deploys_are_warned_about() {
    let workflow = b"concurrency:\n  group: deploy\n  cancel-in-progress: true\njobs:\n  a:\n    uses: o/r/.github/workflows/deploy.yml@v1\n";
    let files: [(&str, &[u8]); 1] = [(".github/workflows/deploy.yml", workflow)];
    let (code, _, err) = validate(&files, &["--env", "staging"]);
    assert_eq!(code, 0);
    assert!(
        err.starts_with("⚠ a newer push would stop a running deploy"),
        "{err}"
    );
    assert!(err.contains(".github/workflows/deploy.yml:3:23"), "{err}");
    let (_, out, err) = validate(&files, &["--json"]);
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["warnings"][0]["line"], 3);
    assert_eq!(err, "");
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let fails = |files: &[(&str, &[u8])], why: &str| {
        let (code, out, err) = validate(files, &[]);
        assert_eq!((code, out.as_str()), (3, ""), "{err}");
        assert!(err.contains(why), "{err}");
    };
    fails(
        &[(CONFIG, b"scale: 1\n# \xff\n")],
        ".dokku/config.yml cannot be read: line 2 is not UTF-8",
    );
    fails(
        &[(".dokku/config.yml/x", b"")],
        "cannot be read: it is not a file",
    );
    fails(
        &[(".dokku/config.yaml", b"scale: {}")],
        "has to be named .dokku/config.yml",
    );
    fails(&[(CONFIG, &vec![b'#'; 3_000_000])], "the file is too large");
    let (code, _, err) = validate(&[], &["--env", "prod"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("expected production, staging, development or preview"),
        "{err}"
    );
}
