//! The one connection of a run.

use dokku_sandbox::faults::Plan;

use crate::{
    deploy::Shop,
    support::{Processes, TestHost, await_until},
};

#[test]
fn several_commands_take_one_connection_and_one_handshake() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["config:set", "shop", "A=1"])
        .prints("", "ℹ Setting config for shop...\n✓ Config updated\n");
    let counts = host.counts();
    assert!(counts.commands.len() >= 2, "{counts:?}");
    assert_eq!(
        (counts.connections, counts.handshakes),
        (1, 1),
        "{counts:?}"
    );
}

#[test]
fn nothing_is_left_when_the_program_has_ended() {
    let host = TestHost::start();
    host.cli(&["list", "-q"]).prints("", "");
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
    assert_eq!(Processes::naming(&host.runtime()), Vec::<String>::new());
}

#[test]
fn a_key_that_is_not_there_leaves_the_choice_to_ssh_and_is_said() {
    let host = TestHost::start();
    let ran = host.cli(&["list"]).env("SSH_KEY", "/no/such key").run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("⚠ The ssh key /no/such key does not exist; ssh uses its own keys\n"),
        "{ran:?}"
    );
}

/// Makes masters unable to listen, as on a file system without sockets.
fn take_sockets_away(host: &TestHost) {
    let ssh = host.home().join("bin/ssh");
    let text = std::fs::read_to_string(&ssh).unwrap();
    let cannot_listen = r#"#!/bin/bash
words=()
for word; do
  case "$*" in *ControlMaster=yes*) case $word in */s0) word=/no/such/directory/s;; esac;; esac
  words+=("$word")
done
set -- "${words[@]}"
"#;
    std::fs::write(&ssh, text.replace("#!/bin/sh\n", cannot_listen)).unwrap();
}

#[test]
fn without_sockets_a_deploy_pushes_all_the_same() {
    let host = TestHost::start();
    take_sockets_away(&host);
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "1 -");
    let counts = host.counts();
    assert!(counts.connections > 2, "{counts:?}");
}

#[test]
fn a_deploy_takes_one_connection_for_its_commands_and_its_push() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let counts = host.counts();
    assert_eq!(
        (counts.connections, counts.handshakes),
        (1, 1),
        "{counts:?}"
    );
    assert!(
        counts
            .commands
            .iter()
            .any(|command| command.starts_with("git-receive-pack")),
        "{counts:?}"
    );
}

#[test]
fn a_host_that_falls_silent_during_a_push_leaves_the_outcome_unknown() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    // A build that does not end before the host is gone.
    let (begun, go) = (host.home().join("begun"), host.home().join("go"));
    shop.write(
        "bin/build",
        &format!(
            "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done\n",
            begun.display(),
            go.display()
        ),
    );
    shop.make_executable("bin/build");
    shop.commit("a slow build");
    let started = shop.deploy(&["--yes"]).env("DOKKU_TIMEOUT", "3s").start();
    await_until("the build", || begun.exists());
    host.fault(Plan {
        hang: true,
        ..Plan::default()
    });
    let ran = started.finish();
    std::fs::write(&go, "").unwrap();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr.contains("cannot reach HOST: Timeout, server"),
        "{ran:?}"
    );
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}

#[test]
fn where_no_socket_can_be_made_each_command_connects_by_itself() {
    let host = TestHost::start();
    host.create_app("shop");
    take_sockets_away(&host);
    host.cli(&["-q", "list"]).prints("shop\n", "");
    let ran = host.cli(&["-v", "list"]).run();
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), "shop\n"),
        "{ran:?}"
    );
    assert_eq!(
        ran.stderr
            .matches("HOST: one connection cannot be shared")
            .count(),
        1,
        "{ran:?}"
    );
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}

#[test]
fn a_connection_that_is_gone_before_a_command_is_sent_is_made_anew() {
    let host = TestHost::start();
    host.create_app("shop");
    host.close_gate();
    let running = host.cli(&["-q", "config:set", "shop", "A=1"]).start();
    host.await_command("--quiet config:import");
    // Its master takes nothing more than what it has.
    host.tell_shared_connection("stop");
    host.open_gate();
    let ran = running.finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let counts = host.counts();
    assert_eq!(counts.connections, 2, "{counts:?}");
    // Set, look whether the app runs, record: none of them twice.
    assert_eq!(counts.commands.len(), 3, "{counts:?}");
}

#[test]
fn a_dropped_connection_is_neither_an_empty_list_nor_a_success() {
    let host = TestHost::start();
    host.create_app("shop");
    // Enough for the handshake, cut within the first commands' answers.
    for drop_after in [10, 400, 1500, 2500] {
        host.fault(Plan {
            drop_after: Some(drop_after),
            ..Plan::default()
        });
        let ran = host.cli(&["list", "--json"]).run();
        if ran.status == Some(0) {
            assert_eq!(
                ran.stdout, "{\"apps\":[\"shop\"]}\n",
                "{drop_after}: {ran:?}"
            );
        } else {
            assert_eq!(ran.status, Some(5), "{drop_after}: {ran:?}");
            assert!(
                ran.stderr.contains("cannot reach HOST"),
                "{drop_after}: {ran:?}"
            );
        }
        host.fault(Plan::default());
        assert_eq!(host.runtime_entries(), Vec::<String>::new());
    }
}

#[test]
fn what_people_set_for_their_own_sessions_does_no_harm() {
    let host = TestHost::start();
    host.create_app("shop");
    let config = host.home().join(".ssh/config");
    let text = std::fs::read_to_string(&config).unwrap();
    let theirs = "  StdinNull yes\n  RequestTTY force\n  RemoteCommand ls\n  LogLevel QUIET\n  \
                  ControlMaster auto\n  ControlPath ~/own-%C\n  SendEnv *\n";
    std::fs::write(&config, format!("{text}{theirs}")).unwrap();
    host.cli(&["-q", "config:set", "shop", "A=1"])
        .prints("", "");
    host.cli(&["config", "shop", "--json"])
        .prints("{\"A\":\"1\"}\n", "");
}

#[test]
fn a_mistake_in_sshs_configuration_is_shown_with_its_line() {
    let host = TestHost::start();
    let config = host.home().join(".ssh/config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}  Bogus yes\n")).unwrap();
    let ran = host.cli(&["list"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .contains(".ssh/config: line 6: Bad configuration option: bogus"),
        "{ran:?}"
    );
}

#[test]
fn an_ssh_that_is_killed_is_no_wish_of_the_users() {
    let host = TestHost::start();
    let ssh = host.home().join("bin/ssh");
    std::fs::write(&ssh, "#!/bin/sh\nkill -KILL $$\n").unwrap();
    let ran = host.cli(&["list"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.contains("ssh was killed"), "{ran:?}");
}
