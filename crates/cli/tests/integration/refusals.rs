//! Hosts and keys that are not what they should be.

use dokku_sandbox::faults::{Failing, Plan};

use crate::support::{TestHost, keygen};

#[test]
fn an_unknown_host_key_is_not_accepted() {
    let host = TestHost::start();
    host.know("");
    host.cli(&["list"]).ends(
        5,
        "",
        "✗ the host key of HOST could not be verified: it is not among the known hosts\n  \
         Connect once with `ssh` and compare the key's fingerprint with the host's, or, in CI, put its known_hosts line into DOKKU_HOST_KEY.\n  \
         If the key has changed and you do not know why, somebody may be listening: ask whoever runs the host.\n",
    );
    assert_eq!(host.counts().handshakes, 0);
}

#[test]
fn a_pinned_key_is_enough_and_another_one_is_too_much() {
    let host = TestHost::start();
    host.know("");
    let line = host.known_hosts_line();
    let bare = line.split_once(' ').unwrap().1.to_owned();
    for pin in [&line, &bare] {
        host.cli(&["-q", "list"])
            .env("DOKKU_HOST_KEY", pin)
            .prints("", "");
    }
    // The user's own known_hosts does not help against a pin.
    host.know(&line);
    keygen(&host.home().join("other"));
    let other = std::fs::read_to_string(host.home().join("other.pub")).unwrap();
    let ran = host.cli(&["-q", "list"]).env("DOKKU_HOST_KEY", other).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("✗ the host key of HOST could not be verified: it has changed"),
        "{ran:?}"
    );
}

#[test]
fn a_refused_key_is_named_as_such() {
    let host = TestHost::start();
    keygen(&host.home().join("stranger"));
    host.cli(&["list"])
        .env("SSH_KEY", host.home().join("stranger"))
        .ends(
            5,
            "",
            "✗ HOST refused the ssh key: Permission denied (publickey).\n  \
             Have your public key added on the host (`dokku ssh-keys:add NAME`), or choose another key with --ssh-key or SSH_KEY.\n",
        );
    assert!(host.counts().refused_keys > 0);
}

#[test]
fn a_host_with_a_shell_instead_of_dokku_is_told_apart() {
    let host = TestHost::start();
    host.fault(Plan {
        fail: vec![Failing {
            verb: "apps:list".into(),
            stderr: "bash: line 1: apps:list: command not found\n".into(),
            stdout: String::new(),
            exit: 127,
            after: 0,
        }],
        ..Plan::default()
    });
    host.cli(&["list"]).ends(
        5,
        "",
        "✗ HOST does not answer as Dokku does: bash: line 1: apps:list: command not found\n  \
         Is this the right host, and is Dokku installed on it?\n",
    );
}

#[test]
fn an_answer_that_dokku_would_not_give_is_an_error() {
    let host = TestHost::start();
    host.fault(Plan {
        fail: vec![Failing {
            verb: "apps:list".into(),
            stderr: String::new(),
            stdout: "Welcome to \x1b[31mour\x1b[0m host!\n".into(),
            exit: 0,
            after: 0,
        }],
        ..Plan::default()
    });
    let ran = host.cli(&["list", "--json"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stdout.starts_with("{\"error\":"), "{ran:?}");
}

#[test]
fn a_pin_that_is_no_key_is_named_before_anything_is_sent() {
    let host = TestHost::start();
    let ran = host
        .cli(&["list"])
        .env("DOKKU_HOST_KEY", "SHA256:abcdef")
        .run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("✗ DOKKU_HOST_KEY holds no host key: \"SHA256:abcdef\"\n"),
        "{ran:?}"
    );
    assert_eq!(host.counts().connections, 0);
}
