//! Locks and deploys that meet, and a plugin that is killed in the middle of a write.

use std::process::Command;

use super::{Guarded, ways::running};
use crate::{deploy::Shop, support::await_until};

/// Between the moment at which Dokku has stored the commit and the one at which it asks the gate,
/// `script` runs on the host, once.
fn before_the_gate(host: &Guarded, script: &str) {
    let once = host.host.home().join("once");
    std::fs::write(&once, "").unwrap();
    host.host.plugin(
        "between",
        "post-config-update",
        &format!(
            "[ \"$3\" = GIT_REV ] && [ -e '{0}' ] || exit 0\nrm '{0}'\n{script}\n",
            once.display()
        ),
    );
}

#[test]
fn a_lock_set_after_the_last_look_of_a_deploy_is_found_by_the_gate() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    shop.release("2");
    before_the_gate(&host, "dokku deploy-system:lock shop --by bob incident");
    let told = shop.fails(4, &["--var", "GREETING=hi"]);
    assert!(told.contains("shop is locked: incident (by bob"), "{told}");
    assert_eq!(shop.answer().1, "1 -");
    assert!(shop.variables().get("GREETING").is_none());
    shop.is_tidy();
    let denied = host.audit().iter().any(|entry| entry["event"] == "denied");
    assert!(denied, "{:?}", host.audit());
}

#[test]
fn an_unlock_during_a_push_counts_if_it_comes_before_the_gate() {
    let host = running();
    host.ok("deploy-system:lock shop incident");
    let (begun, go) = (host.host.home().join("begun"), host.host.home().join("go"));
    before_the_gate(
        &host,
        &format!(
            "touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done",
            begun.display(),
            go.display()
        ),
    );
    let commit = host.commit();
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| host.push("shop"));
        await_until("the push", || begun.exists());
        host.ok("deploy-system:unlock shop");
        std::fs::write(&go, "").unwrap();
        let said = pushing.join().unwrap();
        assert_eq!(said.code, 0, "{}", said.text);
    });
    assert_eq!(host.tip("shop"), Some(commit));
    let events: Vec<String> = host
        .audit()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events[events.len() - 2..], ["unlock", "allowed"]);
}

/// The kernel kills whoever writes beyond the end that a file may have: at that very byte. (The log
/// is the plugin's longest file, so a low end hits what it remembers, a high one the log.)
#[test]
fn a_plugin_killed_in_the_middle_of_any_write_leaves_what_the_next_run_understands() {
    let host = running();
    let data = host.data().display().to_string();
    let verified = || {
        let ran = host.host.cli(&["audit", "verify", &data]).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
    };
    let subcommand = |words: &[&str]| {
        host.entry(
            &format!("subcommands/{}", words[0]),
            &{
                let verb = format!("deploy-system:{}", words[0]);
                let mut all = vec![verb];
                all.extend(words[1..].iter().map(|word| (*word).to_owned()));
                all
            }
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
            "",
        )
    };
    let length = || {
        std::fs::metadata(host.data().join("audit.jsonl"))
            .unwrap()
            .len()
    };
    let mut killed = 0;
    for beyond in [0, 1, 17, 120, 200] {
        for words in [&["lock", "shop", "incident"][..], &["unlock", "shop"]] {
            for end in [beyond, length() + beyond] {
                let whole = subcommand(words);
                let mut limited = Command::new("prlimit");
                limited
                    .arg(format!("--fsize={end}"))
                    .arg("--")
                    .arg(whole.get_program())
                    .args(whole.get_args())
                    .env_clear()
                    .envs(
                        whole
                            .get_envs()
                            .filter_map(|(key, value)| Some((key, value?))),
                    );
                let ended = limited.output().unwrap();
                killed += u32::from(ended.status.code().is_none());
                verified();
                // The same again, in full: it is done, or was done already.
                let ended = subcommand(words).output().unwrap();
                assert!(
                    matches!(ended.status.code(), Some(0 | 4)),
                    "{words:?} after {end}: {ended:?}"
                );
                verified();
                // Nor does it come back with the next change of any variable.
                host.ok("config:set --no-restart shop TOUCHED=1");
                let status = host.ssh("deploy-system:status shop");
                let expected = if words[0] == "lock" { 4 } else { 0 };
                assert_eq!(status.code, expected, "{words:?}: {}", status.text);
            }
        }
    }
    assert!(killed >= 10, "only {killed} were killed");
    // What was locked and unlocked through all this is enforced as before.
    host.ok("deploy-system:lock shop incident");
    host.commit();
    assert_eq!(host.push("shop").code, 1);
    host.ok("deploy-system:unlock shop");
    assert_eq!(host.push("shop").code, 0);
}
