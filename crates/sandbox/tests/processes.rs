//! Processes of a pushed app: restart, scale, run, enter, logs, builds.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use std::process::Output;

use support::project::{Project, ask};
use support::{Bed, text};

fn pushed() -> (Bed, Project) {
    let bed = Bed::start();
    let project = Project::new(&bed);
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    (bed, project)
}

fn body(bed: &Bed) -> String {
    ask(bed.running.http(), "myapp.localhost", "/").1
}

fn image(bed: &Bed) -> String {
    let output = bed.run("ps:inspect myapp");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list[0]["State"]["Status"], "running", "{list}");
    assert_eq!(list[0]["Name"], "/myapp.web.1");
    list[0]["Image"].as_str().unwrap().to_owned()
}

/// Standard output, standard error and exit code.
fn all(output: &Output) -> (&str, &str, Option<i32>) {
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code(),
    )
}

#[test]
fn run_answers_with_the_commands_own_streams_and_code() {
    let (bed, _) = pushed();
    for (line, expected) in [
        ("run myapp echo hello", ("hello\n", "", Some(0))),
        (
            "run myapp sh -c 'echo out; echo err >&2; exit 3'",
            ("out\n", "err\n", Some(3)),
        ),
        (
            "run --env=FOO=bar myapp sh -c 'echo $FOO'",
            ("bar\n", "", Some(0)),
        ),
        ("run myapp cat", ("", "", Some(0))),
        ("run myapp", ("", "", Some(0))),
        (
            "run nope ls",
            ("", " !     App nope does not exist\n", Some(20)),
        ),
        (
            "run -e FOO=bar myapp ls",
            ("", " !     App  does not exist\n", Some(20)),
        ),
        (
            "enter myapp web echo 'hi there'",
            ("hi there\n", "", Some(0)),
        ),
        (
            "enter myapp web sh -c 'echo in; exit 5'",
            ("in\n", "", Some(5)),
        ),
        (
            "enter myapp nope ls",
            (
                "",
                " !     No containers found for type 'nope'\n !     Available types for app (myapp): web\n",
                Some(1),
            ),
        ),
    ] {
        assert_eq!(all(&bed.run(line)), expected, "{line}");
    }
    let output = bed.run("run myapp nosuchbinary");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("exec: \"nosuchbinary\": executable file not found in $PATH")
    );
    let binary = bed.run("run myapp head -c 300000 /dev/zero");
    assert_eq!(binary.stdout, vec![0; 300_000]);
    assert_eq!(
        text(&bed.run("run:list myapp --format json").stdout),
        "[]\n"
    );
}

#[test]
fn a_detached_command_is_listed_followed_and_stopped() {
    let (bed, _) = pushed();
    let name = text(
        &bed.run("run:detached myapp sh -c 'echo begun; sleep 1000'")
            .stdout,
    )
    .trim()
    .to_owned();
    assert!(name.starts_with("myapp.run."), "{name}");
    let list = bed.run("run:list myapp --format json");
    assert!(
        text(&list.stdout).contains(&format!("\"name\": \"{name}\"")),
        "{list:?}"
    );
    assert!(
        text(&list.stdout).contains("\"state\": \"running\""),
        "{list:?}"
    );
    assert_eq!(
        text(&bed.run(&format!("run:stop --container {name}")).stdout),
        format!("{name}\n")
    );
    let stopped = bed.run(&format!("run:stop --container {name}"));
    assert_eq!(
        all(&stopped),
        ("", " !     Specified container does not exist\n", Some(0))
    );
}

#[test]
fn a_command_that_is_stopped_from_outside_ends_with_137_and_so_does_one_past_its_time() {
    let (bed, _) = pushed();
    let mut client = bed
        .ssh()
        .args(["run", "myapp", "sh", "-c", "'echo begun; sleep 1000'"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut begun = [0; 6];
    std::io::Read::read_exact(client.stdout.as_mut().unwrap(), &mut begun).unwrap();
    assert_eq!(bed.run("run:stop --app myapp").status.code(), Some(0));
    assert_eq!(client.wait().unwrap().code(), Some(137));
    assert_eq!(
        bed.run("run --ttl-seconds 1 myapp sleep 1000")
            .status
            .code(),
        Some(137)
    );
}

#[test]
fn build_first_and_switch_later() {
    let (bed, project) = pushed();
    let before = image(&bed);
    assert_eq!(
        bed.run("ps:set myapp skip-deploy true").status.code(),
        Some(0)
    );
    project.set_version("two");
    let pushed = project.push(&bed, "myapp");
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    assert!(
        pushed.says("-----> Skipping deployment"),
        "{}",
        pushed.stderr
    );
    assert!(body(&bed).starts_with("one"));
    assert_eq!(image(&bed), before);
    let grep = bed.run("run myapp grep -c two server.py");
    assert_eq!(text(&grep.stdout), "1\n");
    assert_eq!(bed.run("ps:set myapp skip-deploy").status.code(), Some(0));
    let restarted = bed.run("ps:restart myapp");
    assert_eq!(restarted.status.code(), Some(0), "{restarted:?}");
    assert!(body(&bed).starts_with("two"));
    assert_ne!(image(&bed), before);
}

#[test]
fn a_first_deploy_that_was_only_built_goes_live_by_rebuild() {
    let bed = Bed::start();
    let project = Project::new(&bed);
    assert!(bed.run("apps:create myapp").status.success());
    bed.run("ps:set myapp skip-deploy true");
    assert_eq!(project.push(&bed, "myapp").code, 0);
    bed.run("ps:set myapp skip-deploy");
    for line in ["ps:restart myapp", "ps:start myapp"] {
        assert_eq!(
            all(&bed.run(line)),
            ("", " !     App myapp has not been deployed\n", Some(0))
        );
    }
    assert_eq!(ask(bed.running.http(), "myapp.localhost", "/").0, 502);
    assert_eq!(bed.run("ps:rebuild myapp").status.code(), Some(0));
    assert!(body(&bed).starts_with("one"));
}

#[test]
fn variables_arrive_with_a_restart_and_a_stopped_app_starts_again() {
    let (bed, _) = pushed();
    assert!(
        bed.run("config:set --no-restart myapp GREETING=hello")
            .status
            .success()
    );
    assert!(body(&bed).starts_with("one - "));
    let set = bed.run("config:set myapp GREETING=welcome");
    assert!(
        text(&set.stdout).contains("-----> Restarting app myapp\n-----> Releasing myapp...\n"),
        "{set:?}"
    );
    assert!(body(&bed).starts_with("one welcome "));
    assert!(bed.run("ps:stop myapp").status.success());
    assert_eq!(ask(bed.running.http(), "myapp.localhost", "/").0, 502);
    assert_eq!(
        text(&bed.run("ps:report myapp --running").stdout),
        "false\n"
    );
    assert_eq!(text(&bed.run("run myapp echo x").stdout), "x\n");
    let started = bed.run("ps:start myapp");
    assert_eq!(
        text(&started.stderr),
        " !     App has been detected as not running, releasing\n"
    );
    assert!(body(&bed).starts_with("one welcome "));
    assert_eq!(
        text(&bed.run("ps:start myapp").stderr),
        " !     App myapp already running\n"
    );
}

#[test]
fn scale_starts_and_ends_processes_of_one_type() {
    let (bed, _) = pushed();
    assert_eq!(
        text(&bed.run("ps:scale myapp").stdout),
        "-----> Scaling for myapp\nproctype: qty\n--------: ---\nweb:  1\nworker: 0\n"
    );
    let scaled = bed.run("ps:scale myapp web=2 worker=1");
    assert!(scaled.status.success(), "{scaled:?}");
    let dynos: std::collections::BTreeSet<String> = (0..4)
        .map(|_| body(&bed).rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(dynos.into_iter().collect::<Vec<_>>(), ["web.1", "web.2"]);
    assert_eq!(text(&bed.run("ps:report myapp --processes").stdout), "3\n");
    let bad = bed.run("ps:scale myapp web=x");
    assert_eq!(
        all(&bad),
        (
            "-----> Scaling myapp processes: web=x\n",
            " !     Invalid count for process type web\n",
            Some(1)
        )
    );
    assert!(
        bed.run("ps:scale --skip-deploy myapp worker=0")
            .status
            .success()
    );
    assert_eq!(text(&bed.run("ps:report myapp --processes").stdout), "3\n");
}

#[test]
fn logs_carry_times_and_colours_and_can_be_followed() {
    let (bed, _) = pushed();
    let output = bed.run("logs myapp --num 1");
    let line = text(&output.stdout);
    assert!(
        line.starts_with("\u{1b}[36m20") && line.contains("Z app[web.1]:\u{1b}[0m "),
        "{line:?}"
    );
    assert_eq!(line.lines().count(), 1);
    let plain = bed.run("logs myapp --quiet");
    assert!(
        text(&plain.stdout).starts_with("listening on "),
        "{plain:?}"
    );
    let mut tail = bed
        .ssh()
        .args(["logs", "myapp", "--tail", "--quiet"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut followed = std::io::BufReader::new(tail.stdout.take().unwrap());
    let mut heard = String::new();
    // The first line was there before; that the follower reads it tells that it has begun.
    std::io::BufRead::read_line(&mut followed, &mut heard).unwrap();
    assert!(heard.starts_with("listening on "), "{heard:?}");
    assert!(body(&bed).starts_with("one"));
    while !heard.contains("GET / ") {
        std::io::BufRead::read_line(&mut followed, &mut heard).unwrap();
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    bed.run("apps:create empty");
    assert_eq!(
        all(&bed.run("logs empty")),
        ("", " !     App empty has not been deployed\n", Some(1))
    );
}

#[test]
fn builds_are_recorded_with_their_output() {
    let (bed, project) = pushed();
    project.write("bin/build", "#!/bin/sh\nexit 1\n");
    project.commit("bad");
    assert_eq!(project.push(&bed, "myapp").code, 1);
    let list: serde_json::Value =
        serde_json::from_slice(&bed.run("builds:list myapp --format json").stdout).unwrap();
    assert_eq!(
        (&list[0]["status"], &list[0]["display_status"]),
        (&"running".into(), &"abandoned".into())
    );
    assert_eq!(
        (&list[1]["status"], &list[1]["source"]),
        (&"succeeded".into(), &"git-hook".into())
    );
    let id = list[1]["id"].as_str().unwrap();
    let output = bed.run(&format!("builds:output myapp {id}"));
    assert!(
        text(&output.stdout).contains("=====> Application deployed:\n"),
        "{output:?}"
    );
}

#[test]
fn a_destroyed_app_leaves_nothing_and_a_deploy_that_runs_keeps_others_out() {
    let (bed, project) = pushed();
    // The build waits until it is told to go on: no sleep decides who comes first.
    let gate = bed.path().join("gate");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&gate)
            .status()
            .unwrap()
            .success()
    );
    project.write(
        "bin/build",
        &format!("#!/bin/sh\necho waiting\ncat {}\n", gate.display()),
    );
    project.commit("slow");
    let mut slow = project.push_command(&bed, "myapp", "master:master");
    let mut slow = slow.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(slow.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut said, &mut line).unwrap(),
            0
        );
    }
    let refused = bed.run("ps:rebuild myapp");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).starts_with(" !     myapp currently has a deploy lock in place. Exiting...\n !     Run 'apps:unlock' to release the existing deploy lock\n"), "{refused:?}");
    assert_eq!(bed.run("ps:restart myapp").status.code(), Some(0));
    std::fs::write(&gate, "go\n").unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    assert!(slow.wait().unwrap().success(), "{rest}");
    let destroyed = bed.run("apps:destroy myapp --force");
    assert!(destroyed.status.success(), "{destroyed:?}");
    assert_eq!(ask(bed.running.http(), "myapp.localhost", "/").0, 404);
    let kept = std::fs::read_dir(bed.path().join("root/lib/data/images"))
        .unwrap()
        .count();
    assert_eq!(kept, 0);
}
