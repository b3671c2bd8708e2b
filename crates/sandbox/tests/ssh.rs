//! The sandbox through the real OpenSSH client.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use dokku_sandbox::{Options, Sandbox, StartError};
use support::{Bed, feed, make_key, text};

#[test]
fn version_answers_and_connections_are_counted() {
    let bed = Bed::start();
    let output = bed.run("version");
    assert_eq!(
        (text(&output.stdout), output.status.code()),
        ("dokku version 0.38.27\n", Some(0))
    );
    let counts = &bed.control(r#"{"do":"statistics","reset":true}"#)["statistics"];
    assert_eq!(
        (&counts["connections"], &counts["handshakes"]),
        (&1.into(), &1.into())
    );
    assert_eq!(counts["commands"], serde_json::json!(["version"]));
    assert_eq!(
        bed.control(r#"{"do":"statistics"}"#)["statistics"]["connections"],
        0
    );
}

#[test]
fn a_master_connection_carries_many_commands() {
    let bed = Bed::start();
    let master = bed.master();
    bed.control(r#"{"do":"statistics","reset":true}"#);
    for name in ["a", "b", "c"] {
        assert!(
            master
                .ssh()
                .args(["apps:create", name])
                .output()
                .unwrap()
                .status
                .success()
        );
    }
    assert_eq!(
        text(&master.ssh().arg("apps:list").output().unwrap().stdout),
        "=====> My Apps\na\nb\nc\n"
    );
    let counts = &bed.control(r#"{"do":"statistics"}"#)["statistics"];
    assert_eq!(
        (&counts["connections"], &counts["sessions"]),
        (&0.into(), &4.into())
    );
}

#[test]
fn a_key_that_is_not_listed_is_refused() {
    let bed = Bed::start();
    let other = bed.path().join("other");
    make_key(&other, "eve");
    let output = Command::new("ssh")
        .args(bed.ssh_options(&other))
        .args(["dokku@127.0.0.1", "version"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(
        text(&output.stderr).contains("Permission denied (publickey)"),
        "{output:?}"
    );
    let output = Command::new("ssh")
        .args(bed.ssh_options(&bed.path().join("key")))
        .args(["root@127.0.0.1", "version"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    let counts = &bed.control(r#"{"do":"statistics"}"#)["statistics"];
    assert_eq!(
        (&counts["handshakes"], &counts["commands"]),
        (&0.into(), &serde_json::json!([]))
    );
}

#[test]
fn two_sandboxes_on_one_root_are_refused() {
    let bed = Bed::start();
    let again = Sandbox::start(&Options {
        root: bed.path().join("root"),
        ssh: "127.0.0.1:0".parse().unwrap(),
        http: "127.0.0.1:0".parse().unwrap(),
        authorized_key: bed.path().join("key.pub"),
        domain: None,
        pace: dokku_sandbox::runtime::Pace::default(),
    });
    assert!(matches!(again, Err(StartError::Occupied(_))));
}

#[test]
fn state_outlives_the_sandbox() {
    let bed = Bed::start();
    assert!(
        bed.run("config:set --global --no-restart K=v")
            .status
            .success()
    );
    let Bed { running, directory } = bed;
    let key = running.host_key().to_owned();
    drop(running);
    let again = Sandbox::start(&Options {
        root: directory.path().join("root"),
        ssh: "127.0.0.1:0".parse().unwrap(),
        http: "127.0.0.1:0".parse().unwrap(),
        authorized_key: directory.path().join("key.pub"),
        domain: None,
        pace: dokku_sandbox::runtime::Pace::default(),
    })
    .unwrap();
    assert_eq!(again.host_key(), key);
    assert_eq!(
        again
            .host()
            .store()
            .env(dokku_sandbox::store::Scope::Global)
            .unwrap()["K"],
        "v"
    );
}

/// A plugin whose `cat` and `count` take and give as much as the client likes.
fn install_probe(bed: &Bed) {
    let subcommands = bed.path().join("root/plugins/probe/subcommands");
    std::fs::create_dir_all(&subcommands).unwrap();
    for (name, script) in [
        ("cat", "#!/bin/sh\nexec cat\n"),
        ("count", "#!/bin/sh\nexec wc -c\n"),
    ] {
        std::fs::write(subcommands.join(name), script).unwrap();
        std::fs::set_permissions(
            subcommands.join(name),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }
}

#[test]
fn twenty_megabytes_pass_both_ways_at_once_over_a_master_connection() {
    let bed = Bed::start();
    install_probe(&bed);
    let master = bed.master();
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000_000).collect();
    let mut command = master.ssh();
    let output = feed(command.arg("probe:cat"), &bytes);
    assert!(output.status.success());
    assert!(
        output.stdout == bytes,
        "{} bytes came back",
        output.stdout.len()
    );
    let output = feed(master.ssh().arg("probe:count"), &bytes);
    assert_eq!(text(&output.stdout).trim(), "20000000");
}

#[test]
fn the_next_command_of_a_verb_fails_as_asked_and_then_no_more() {
    let bed = Bed::start();
    bed.control(r#"{"do":"fail","verb":"apps:create","stderr":" !     no space left\n","exit":3}"#);
    let output = bed.run("apps:create x");
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(3), " !     no space left\n")
    );
    assert_eq!(bed.run("apps:exists x").status.code(), Some(20));
    assert!(bed.run("apps:create x").status.success());
}

#[test]
fn refused_connections_work_again_afterwards() {
    let bed = Bed::start();
    bed.control(r#"{"do":"faults","plan":{"refuse":true}}"#);
    let output = bed.run("version");
    assert_eq!(output.status.code(), Some(255));
    assert!(
        text(&output.stderr).contains("Connection refused"),
        "{output:?}"
    );
    bed.control(r#"{"do":"faults","plan":{}}"#);
    assert!(bed.run("version").status.success());
}

#[test]
fn a_port_is_closed_and_open_as_soon_as_that_is_answered() {
    let bed = Bed::start();
    let connect = || std::net::TcpStream::connect(bed.running.ssh()).map_err(|error| error.kind());
    for round in 0..50 {
        bed.control(r#"{"do":"faults","plan":{"refuse":true}}"#);
        let refused = connect().unwrap_err();
        assert_eq!(
            refused,
            std::io::ErrorKind::ConnectionRefused,
            "round {round}"
        );
        bed.control(r#"{"do":"faults","plan":{}}"#);
        connect().unwrap();
    }
}

#[test]
fn a_connection_is_cut_after_so_many_bytes() {
    let bed = Bed::start();
    install_probe(&bed);
    let master = bed.master();
    bed.control(r#"{"do":"faults","plan":{"drop_after":100000}}"#);
    let output = feed(master.ssh().arg("probe:cat"), &vec![7; 1_000_000]);
    assert_eq!(output.status.code(), Some(255));
    assert!(
        output.stdout.len() < 100_000 && output.stdout.len() > 50_000,
        "{}",
        output.stdout.len()
    );
    assert!(bed.run("version").status.success());
}

#[test]
fn a_delay_costs_a_warm_command_about_two_round_trips_and_a_cold_one_more() {
    let bed = Bed::start();
    let master = bed.master();
    assert!(master.ssh().arg("version").status().unwrap().success());
    bed.control(r#"{"do":"faults","plan":{"delay_ms":200}}"#);
    let started = Instant::now();
    assert!(
        master
            .ssh()
            .arg("version")
            .output()
            .unwrap()
            .status
            .success()
    );
    let warm = started.elapsed();
    assert!(
        warm >= Duration::from_millis(400) && warm < Duration::from_millis(1100),
        "{warm:?}"
    );
    let started = Instant::now();
    assert!(bed.run("version").status.success());
    let cold = started.elapsed();
    assert!(cold >= Duration::from_secs(1), "{cold:?}");
}

#[test]
fn a_silent_host_keeps_the_client_waiting_until_it_speaks_again() {
    let bed = Bed::start();
    bed.control(r#"{"do":"faults","plan":{"hang":true}}"#);
    let mut child = bed
        .ssh()
        .arg("version")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The connection is there, yet nothing passes.
    while bed.control(r#"{"do":"statistics"}"#)["statistics"]["connections"] == 0 {
        std::thread::yield_now();
    }
    assert_eq!(
        bed.control(r#"{"do":"statistics"}"#)["statistics"]["handshakes"],
        0
    );
    assert!(child.try_wait().unwrap().is_none());
    bed.control(r#"{"do":"faults","plan":{}}"#);
    assert!(child.wait().unwrap().success());
}

#[test]
fn too_long_a_line_is_refused_and_the_longest_passes() {
    let bed = Bed::start();
    assert!(bed.run("apps:create a").status.success());
    let value = "x".repeat(120_000);
    assert!(
        bed.run(&format!("config:set --no-restart a K={value}"))
            .status
            .success()
    );
    // Two words, since one could not even be given to the client.
    let output = bed
        .ssh()
        .args([
            "config:set --no-restart a",
            &format!("K={value}"),
            &format!("L={value}"),
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(
        text(&bed.run("config:get a K").stdout).trim().len(),
        120_000
    );
}

#[test]
fn the_letsencrypt_stand_in_is_absent_until_it_is_switched_on() {
    let bed = Bed::start();
    assert!(bed.run("apps:create a").status.success());
    let output = bed.run("letsencrypt:enable a");
    assert!(
        text(&output.stderr).contains("is not a dokku command"),
        "{output:?}"
    );
    bed.control(r#"{"do":"letsencrypt","installed":true}"#);
    let output = bed.run("letsencrypt:enable a");
    assert!(text(&output.stderr).contains("e-mail"), "{output:?}");
    assert!(
        bed.run("letsencrypt:set a email a@example.com")
            .status
            .success()
    );
    assert!(bed.run("letsencrypt:enable a").status.success());
    assert_eq!(
        text(&bed.run("certs:report a --ssl-enabled").stdout),
        "true\n"
    );
    assert_eq!(text(&bed.run("url a").stdout), "https://a.dokku.test\n");
    assert!(text(&bed.run("plugin:list").stdout).contains("  letsencrypt "));
}

#[test]
fn an_imported_file_loses_invalid_keys_and_keeps_the_rest() {
    let bed = Bed::start();
    assert!(bed.run("apps:create a").status.success());
    let output = bed.run_with("config:import --no-restart a -", b"GOOD=1\nBAD.KEY=2\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stdout).contains("-----> Deleting invalid key BAD.KEY from config for a\n")
    );
    assert_eq!(text(&bed.run("config:keys a").stdout), "GOOD\n");
    assert!(text(&bed.run("domains:help").stdout).contains("    domains:add\n"));
    assert_eq!(bed.run("nosuch:help").status.code(), Some(1));
}
