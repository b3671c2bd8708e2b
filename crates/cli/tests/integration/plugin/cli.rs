//! `dokku-cli lock` and its like, where the host has the plugin.

use std::sync::Barrier;

use serde_json::Value;

use super::Guarded;

fn json(host: &Guarded, words: &[&str]) -> (i32, Value) {
    let ran = host.host.cli(words).run();
    let value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.status.unwrap(), value)
}

#[test]
fn any_reason_comes_back_exactly_and_the_host_enforces_it() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    let longest = "x".repeat(4096);
    for reason in [
        "maintenance",
        "say \"no\"",
        r"C:\dir\",
        "007",
        "it's --app other --force\nsecond line 🚧",
        "$HOME `id`; ls | wc",
        &longest,
    ] {
        let (code, locked) = json(&host, &["lock", "shop", reason, "--by", "ada", "--json"]);
        assert_eq!(
            (code, &locked["is_enforced"]),
            (0, &true.into()),
            "{locked}"
        );
        let (code, status) = json(&host, &["lock:status", "shop", "--json"]);
        assert_eq!((code, &status["lock"]["reason"]), (4, &reason.into()));
        let entry = host.audit().pop().unwrap();
        assert_eq!(
            (&entry["event"], &entry["by"]),
            (&"lock".into(), &"ada".into())
        );
        assert_eq!(entry["reason"], reason);
        host.commit();
        assert_eq!(host.push("shop").code, 1);
        let (code, unlocked) = json(&host, &["unlock", "shop", "--by", "ada", "--json"]);
        assert_eq!(code, 0, "{unlocked}");
        assert_eq!(json(&host, &["lock:status", "shop", "--json"]).0, 0);
    }
}

#[test]
fn of_many_who_lock_at_once_one_wins_and_all_name_the_same_holder() {
    const LOCKERS: usize = 6;
    let host = Guarded::start();
    host.ok("apps:create shop");
    let barrier = Barrier::new(LOCKERS);
    let answers: Vec<(i32, Value)> = std::thread::scope(|scope| {
        let lockers: Vec<_> = (0..LOCKERS)
            .map(|number| {
                let (barrier, host) = (&barrier, &host);
                scope.spawn(move || {
                    barrier.wait();
                    json(
                        host,
                        &[
                            "lock",
                            "shop",
                            "race",
                            "--by",
                            &format!("p{number}"),
                            "--json",
                        ],
                    )
                })
            })
            .collect();
        lockers
            .into_iter()
            .map(|locker| locker.join().unwrap())
            .collect()
    });
    let winners: Vec<_> = answers.iter().filter(|(code, _)| *code == 0).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    for (code, answer) in &answers {
        assert!([0, 4].contains(code), "{answer}");
        assert_eq!(answer["lock"]["by"], winners[0].1["lock"]["by"], "{answer}");
    }
}
