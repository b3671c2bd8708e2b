//! At a terminal ssh may ask, and people may answer.

use std::{
    fs,
    io::{Read, Write},
    process::Child,
};

use crate::support::{TestHost, keygen};

/// Reads what the terminal shows until `text` stands there.
fn await_text(child: &mut Child, shown: &mut String, text: &str) {
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
    child.stdin.as_mut().unwrap().write_all(b"yes\n").unwrap();
    await_text(&mut child, &mut shown, "shop");
    assert!(child.wait().unwrap().success(), "{shown}");
    let known = fs::read_to_string(host.home().join(".ssh/known_hosts")).unwrap();
    assert!(known.contains("ssh-ed25519"), "{known}");
    host.cli(&["-q", "list"]).prints("shop\n", "");
}

#[test]
fn a_passphrase_is_asked_for_at_the_terminal_and_nowhere_else() {
    let host = TestHost::start();
    host.create_app("shop");
    let key = host.home().join("locked");
    keygen(&key);
    let public = fs::read_to_string(host.home().join("locked.pub")).unwrap();
    let keys = host.home().join("my keys/id.pub");
    let all = fs::read_to_string(&keys).unwrap() + &public;
    fs::write(&keys, all).unwrap();
    let locked = std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(locked.success());
    let test = host.cli(&["list"]).env("SSH_KEY", &key);
    assert_eq!(test.run().status, Some(5));
    let mut child = test.on_a_terminal().spawn().unwrap();
    let mut shown = String::new();
    await_text(&mut child, &mut shown, "passphrase");
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"open sesame\n")
        .unwrap();
    await_text(&mut child, &mut shown, "shop");
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(!shown.contains("open sesame"), "{shown}");
}
