//! The one connection of a run.

use dokku_sandbox::faults::Plan;

use crate::support::{Processes, TestHost};

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

#[test]
fn where_no_socket_can_be_made_each_command_connects_by_itself() {
    let host = TestHost::start();
    host.create_app("shop");
    // A master that cannot listen, as on a file system without sockets.
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
    // Right before the second command its master is told to end.
    let ssh = host.home().join("bin/ssh");
    let text = std::fs::read_to_string(&ssh).unwrap();
    let ends_the_master = r#"#!/bin/bash
case "$*" in *ps:report*)
  words=("$@")
  for i in "${!words[@]}"; do [ "${words[$i]}" = -S ] && socket=${words[$((i + 1))]}; done
  case $socket in */s0) command ssh -S "$socket" -O exit host 2>/dev/null;; esac
esac
"#;
    let real = std::env::var("PATH").unwrap();
    std::fs::write(
        &ssh,
        text.replace(
            "#!/bin/sh\n",
            &ends_the_master.replace("command ssh", &format!("PATH='{real}' command ssh")),
        ),
    )
    .unwrap();
    host.cli(&["-q", "config:set", "shop", "A=1"])
        .prints("", "");
    let counts = host.counts();
    assert_eq!(counts.connections, 2, "{counts:?}");
    assert_eq!(counts.commands.len(), 2, "{counts:?}");
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
