//! Real `git push` through the real OpenSSH client to apps that really run.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use support::project::{Project, ask};
use support::{Bed, text};

#[test]
fn a_pushed_app_serves_and_a_second_push_replaces_it() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    let first = project.git(&["rev-parse", "HEAD"]);
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    assert!(
        pushed.says("=====> Application deployed:"),
        "{}",
        pushed.stderr
    );
    assert!(
        pushed.says(&format!(
            "       http://myapp.dokku.test:{}",
            bed.running.http().port()
        )),
        "{}",
        pushed.stderr
    );
    assert!(
        pushed
            .stderr
            .contains("* [new branch]      master -> master"),
        "{}",
        pushed.stderr
    );
    let http = bed.running.http();
    assert_eq!(
        ask(http, "myapp.dokku.test", "/"),
        (200, format!("one - {first} web.1"))
    );
    assert_eq!(ask(http, "myapp.localhost:8080", "/").0, 200);
    assert_eq!(ask(http, "other.localhost", "/").0, 404);
    let second = project.set_version("two");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    assert_eq!(
        ask(http, "myapp.dokku.test", "/").1,
        format!("two - {second} web.1")
    );
    assert_eq!(
        text(&bed.run("git:report myapp --git-sha").stdout).trim(),
        second
    );
}

#[test]
fn the_new_version_answers_as_soon_as_its_push_has_ended() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    project.set_version("two");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    let answer = ask(bed.running.http(), "myapp.localhost", "/");
    assert!(answer.1.starts_with("two"), "{answer:?}\n{}", pushed.stderr);
}

#[test]
fn a_failing_build_rejects_the_push_and_the_old_version_serves() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    let before = project.git(&["rev-parse", "HEAD"]);
    project.write("bin/build", "#!/bin/sh\necho about to fail\nexit 42\n");
    let rejected = project.set_version("two");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 1, "{}", pushed.stderr);
    assert!(
        pushed.says("about to fail") && pushed.says(" !     App build failed"),
        "{}",
        pushed.stderr
    );
    assert!(
        pushed
            .stderr
            .contains(" ! [remote rejected] master -> master (pre-receive hook declined)")
    );
    assert!(
        ask(bed.running.http(), "myapp.localhost", "/")
            .1
            .starts_with("one")
    );
    assert_eq!(
        text(&bed.run("config:get myapp GIT_REV").stdout).trim(),
        rejected
    );
    assert_eq!(
        text(&bed.run("git:report myapp --git-sha").stdout).trim(),
        before
    );
    // As recorded: the lock's file stays behind, and stops nobody.
    assert_eq!(bed.run("apps:locked myapp").status.code(), Some(0));
    project.write("bin/build", "#!/bin/sh\necho built > built.txt\n");
    project.set_version("three");
    assert_eq!(project.push(&bed, "myapp").code, 0);
    assert_eq!(bed.run("apps:locked myapp").status.code(), Some(1));
}

#[test]
fn a_crashing_start_rejects_the_push_and_the_old_version_serves() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert_eq!(project.push(&bed, "myapp").code, 0);
    project.write("Procfile", "web: echo boom; exit 1\n");
    project.commit("crash");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 1, "{}", pushed.stderr);
    assert!(
        pushed.says(" !     Could not start due to 1 failed checks (web.1)"),
        "{}",
        pushed.stderr
    );
    assert!(
        pushed.says("       boom") && pushed.says("parallel: This job failed:"),
        "{}",
        pushed.stderr
    );
    assert!(
        ask(bed.running.http(), "myapp.localhost", "/")
            .1
            .starts_with("one")
    );
    assert_eq!(bed.run("apps:locked myapp").status.code(), Some(1));
}

#[test]
fn another_branch_deploys_nothing_once_a_deploy_branch_is_known() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    let pushed = project.push_ref(&bed, "myapp", "master:other");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    assert!(
        pushed.stderr.contains("-----> Set other as deploy-branch"),
        "{}",
        pushed.stderr
    );
    assert_eq!(ask(bed.running.http(), "myapp.localhost", "/").0, 200);
    project.set_version("two");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0);
    assert!(
        pushed
            .stderr
            .contains("-----> WARNING: deploy did not complete, you must push to other.")
    );
    assert!(
        ask(bed.running.http(), "myapp.localhost", "/")
            .1
            .starts_with("one")
    );
    // HEAD of the repository is master, whatever the deploy branch is.
    assert_ne!(
        text(&bed.run("git:report myapp --git-sha").stdout).trim(),
        "HEAD"
    );
}
