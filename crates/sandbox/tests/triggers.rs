//! Which triggers a push fires, and what becomes of it when one fails.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::project::{Project, ask};
use support::{Bed, text};

const TRIGGERS: &[&str] = &[
    "post-config-update",
    "core-post-extract",
    "post-extract",
    "builder-detect",
    "pre-receive-app",
    "pre-build",
    "post-build",
    "builder-build",
    "pre-release-builder",
    "post-release-builder",
    "pre-deploy",
    "builder-release",
    "scheduler-deploy",
    "docker-args-deploy",
    "post-container-create",
    "check-deploy",
    "scheduler-register-retired",
    "proxy-build-config",
    "core-post-deploy",
    "post-deploy",
    "deploy-source-set",
    "receive-app",
];

/// A plugin that writes down each trigger, and fails in the one that `fail` names.
fn install(bed: &Bed) -> std::path::PathBuf {
    let plugin = bed.path().join("root/plugins/witness");
    std::fs::create_dir_all(&plugin).unwrap();
    for trigger in TRIGGERS {
        let path = plugin.join(trigger);
        std::fs::write(&path, format!("#!/bin/sh\necho \"{trigger} $*\" >> {0}/log\n[ \"$(cat {0}/fail 2>/dev/null)\" != {trigger} ] || {{ echo witness fails >&2; exit 1; }}\n", plugin.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    plugin
}

#[test]
fn a_push_fires_triggers_in_the_recorded_order() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    let plugin = install(&bed);
    let commit = project.set_version("two");
    assert_eq!(project.push(&bed, "myapp").code, 0);
    let log = std::fs::read_to_string(plugin.join("log")).unwrap();
    let names: Vec<&str> = log
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "post-config-update",
            "core-post-extract",
            "post-extract",
            "builder-detect",
            "pre-receive-app",
            "pre-build",
            "post-build",
            "builder-build",
            "pre-release-builder",
            "post-release-builder",
            "pre-deploy",
            "builder-release",
            "scheduler-deploy",
            "docker-args-deploy",
            "docker-args-deploy",
            "post-container-create",
            "check-deploy",
            "scheduler-register-retired",
            "proxy-build-config",
            "docker-args-deploy",
            "proxy-build-config",
            "core-post-deploy",
            "post-deploy",
            "deploy-source-set",
        ]
    );
    assert!(
        log.starts_with("post-config-update myapp set GIT_REV\ncore-post-extract myapp /"),
        "{log}"
    );
    assert!(
        log.ends_with(&format!(
            "post-deploy myapp   latest\ndeploy-source-set myapp git-push {commit}\n"
        )),
        "{log}"
    );
}

#[test]
fn a_failing_trigger_has_the_recorded_effect() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    let plugin = install(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    let mut serves = "one".to_owned();
    // Exit code of the push, whether the new version serves, whether the lock's file stays.
    for (trigger, code, is_live, is_locked) in [
        ("core-post-extract", 1, false, false),
        ("post-extract", 0, true, false),
        ("pre-receive-app", 0, true, false),
        ("pre-build", 1, false, true),
        ("pre-deploy", 1, false, false),
        ("check-deploy", 1, false, false),
        ("post-deploy", 1, true, false),
        ("post-config-update", 0, true, false),
    ] {
        std::fs::write(plugin.join("fail"), trigger).unwrap();
        let commit = project.set_version(trigger);
        let pushed = project.push(&bed, "myapp");
        assert_eq!(pushed.code, code, "{trigger}: {}", pushed.stderr);
        assert_eq!(
            pushed.stderr.contains("(pre-receive hook declined)"),
            code == 1,
            "{trigger}"
        );
        assert!(
            pushed.stderr.contains("witness fails"),
            "{trigger}: {}",
            pushed.stderr
        );
        if is_live {
            trigger.clone_into(&mut serves);
        }
        let body = ask(bed.running.http(), "myapp.localhost", "/").1;
        assert!(body.starts_with(&format!("{serves} ")), "{trigger}: {body}");
        assert_eq!(
            text(&bed.run("config:get myapp GIT_REV").stdout).trim(),
            commit,
            "{trigger}"
        );
        let sha = bed.run("git:report myapp --git-sha");
        assert_eq!(text(&sha.stdout).trim() == commit, code == 0, "{trigger}");
        let locked = bed.run("apps:locked myapp").status.code();
        assert_eq!(locked == Some(0), is_locked, "{trigger}");
    }
}
