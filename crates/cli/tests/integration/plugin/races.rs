//! Locks and deploys that meet.

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
