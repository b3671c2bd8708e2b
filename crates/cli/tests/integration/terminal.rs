//! At a terminal ssh may ask, and people may answer.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::support::{Processes, TestHost, await_until, keygen};

/// Reads what the terminal shows until `text` stands there.
pub fn await_text(child: &mut Child, shown: &mut String, text: &str) {
    let out = child.stdout.as_mut().unwrap();
    let mut buffer = [0; 4096];
    while !shown.contains(text) {
        let read = out.read(&mut buffer).unwrap();
        assert!(read > 0, "never showed {text:?}: {shown}");
        shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

#[test]
fn a_new_host_is_accepted_by_whoever_answers_yes() {
    let host = TestHost::start();
    host.create_app("shop");
    host.know("");
    let mut child = host.cli(&["list"]).on_a_terminal().spawn().unwrap();
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "continue connecting (yes/no");
    press(&mut child, b"yes\n");
    await_text(&mut child, &mut shown, "shop");
    assert!(child.wait().unwrap().success(), "{shown}");
    let known = fs::read_to_string(host.home().join(".ssh/known_hosts")).unwrap();
    assert!(known.contains("ssh-ed25519"), "{known}");
    host.cli(&["-q", "list"]).prints("shop\n", "");
}

/// A key with the passphrase "open sesame" that the host accepts.
fn locked_key(host: &TestHost) -> PathBuf {
    let key = host.home().join("locked");
    keygen(&key);
    let public = fs::read_to_string(host.home().join("locked.pub")).unwrap();
    let keys = host.home().join("my keys/id.pub");
    let all = fs::read_to_string(&keys).unwrap() + &public;
    fs::write(&keys, all).unwrap();
    let locked = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(locked.success());
    key
}

fn press(child: &mut Child, keys: &[u8]) {
    child.stdin.as_mut().unwrap().write_all(keys).unwrap();
}

const CTRL_C: &[u8] = b"\x03";

#[test]
fn a_passphrase_is_asked_for_at_the_terminal_and_nowhere_else() {
    let host = TestHost::start();
    host.create_app("shop");
    let test = host.cli(&["list"]).env("SSH_KEY", locked_key(&host));
    assert_eq!(test.run().status, Some(5));
    let mut child = test.on_a_terminal().spawn().unwrap();
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "passphrase");
    press(&mut child, b"open sesame\n");
    await_text(&mut child, &mut shown, "shop");
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(!shown.contains("open sesame"), "{shown}");
}

#[test]
fn ctrl_c_at_a_question_of_ssh_ends_the_program() {
    let host = TestHost::start();
    let test = host.cli(&["list"]).env("SSH_KEY", locked_key(&host));
    let mut child = test.on_a_terminal().spawn().unwrap();
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "passphrase");
    press(&mut child, CTRL_C);
    await_text(
        &mut child,
        &mut shown,
        "stopped while `ssh HOST".trim_end_matches("HOST"),
    );
    assert_eq!(child.wait().unwrap().code(), Some(130), "{shown}");
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}

#[test]
fn after_connecting_ctrl_c_reaches_the_program_and_not_what_carries_the_connection() {
    let host = TestHost::start();
    // What a ProxyJump would start: a process between ssh and the host.
    let relay = host.home().join("relay");
    fs::write(
        &relay,
        "#!/bin/bash\nexec 3<>/dev/tcp/$1/$2\ncat <&3 & cat >&3\nkill $!\n",
    )
    .unwrap();
    fs::set_permissions(&relay, fs::Permissions::from_mode(0o755)).unwrap();
    let config = host.home().join(".ssh/config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        format!("{text}  ProxyCommand {} %h %p\n", relay.display()),
    )
    .unwrap();
    host.close_gate();
    let mut child = host.cli(&["list"]).on_a_terminal().spawn().unwrap();
    host.await_command("--quiet apps:list");
    let groups = |naming: &Path| -> Vec<i32> {
        let mut groups: Vec<i32> = Processes::groups_naming(naming);
        groups.dedup();
        groups
    };
    let (relays, programs) = (
        groups(&relay),
        groups(Path::new(env!("CARGO_BIN_EXE_dokku-cli"))),
    );
    assert!(!relays.is_empty() && !programs.is_empty());
    assert!(
        relays.iter().all(|group| !programs.contains(group)),
        "{relays:?} {programs:?}"
    );
    press(&mut child, CTRL_C);
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "stopped while `--quiet apps:list`");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{shown}");
    await_until("the relay to end", || groups(&relay).is_empty());
}
