//! Locking on the host, and what becomes of locks when variables are changed by hand.

use std::{fs, sync::Barrier};

use serde_json::Value;

use super::Guarded;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn with_shop() -> Guarded {
    let host = Guarded::start();
    host.ok("apps:create shop");
    host
}

fn is_locked(host: &Guarded) -> bool {
    let said = host.ssh("deploy-system:status shop");
    assert!([0, 4].contains(&said.code), "{}", said.text);
    said.code == 4
}

#[test]
fn of_many_who_lock_at_once_exactly_one_wins_and_the_others_are_told_who() {
    const LOCKERS: usize = 8;
    let host = with_shop();
    for round in 0..3 {
        let barrier = Barrier::new(LOCKERS);
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let lockers: Vec<_> = (0..LOCKERS)
                .map(|number| {
                    let (barrier, host) = (&barrier, &host);
                    scope.spawn(move || {
                        barrier.wait();
                        let line = format!(
                            "deploy-system:lock --protocol 1 --format json --by p{number} shop round {round}"
                        );
                        let said = host.ssh(&line);
                        assert!([0, 4].contains(&said.code), "{}", said.text);
                        json(&said.text)["result"].clone()
                    })
                })
                .collect();
            lockers
                .into_iter()
                .map(|locker| locker.join().unwrap())
                .collect()
        });
        let winners: Vec<&Value> = answers
            .iter()
            .filter(|answer| answer["outcome"] == "taken")
            .collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        for answer in &answers {
            assert_eq!(answer["lock"]["by"], winners[0]["lock"]["by"]);
        }
        host.ok("deploy-system:unlock shop");
    }
    let events: Vec<Value> = host
        .audit()
        .iter()
        .map(|entry| entry["event"].clone())
        .collect();
    assert_eq!(
        events,
        ["lock", "unlock", "lock", "unlock", "lock", "unlock"]
    );
}

#[test]
fn a_lock_that_is_wiped_without_being_named_is_put_back() {
    let host = with_shop();
    host.ok("config:set --no-restart shop A=1 DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance");
    for line in [
        "config:clear --no-restart shop",
        "config:import --no-restart --replace shop -",
    ] {
        let said = host.ssh_with(line, b"B=2\n");
        assert_eq!(said.code, 0, "{}", said.text);
        assert!(said.text.contains("shop stays locked"), "{}", said.text);
        assert!(said.text.contains("maintenance"), "{}", said.text);
        assert_eq!(host.variables("shop")["DEPLOY_LOCK_REASON"], "maintenance");
        assert!(is_locked(&host), "{line}");
        assert_eq!(host.last_event(), "restored");
    }
    assert_eq!(host.variables("shop")["B"], "2");
    // Other changes are nobody's business.
    let before = host.audit().len();
    host.ok("config:set --no-restart shop C=3");
    host.ok("config:unset --no-restart shop C");
    assert_eq!(host.audit().len(), before);
}

#[test]
fn the_documented_ways_to_unlock_by_hand_do_unlock() {
    let host = with_shop();
    for line in [
        "config:unset --no-restart shop DEPLOY_LOCKED DEPLOY_LOCK_REASON DEPLOY_LOCK_BY DEPLOY_LOCK_AT",
        "config:unset --no-restart shop DEPLOY_LOCKED",
        "config:set --no-restart shop DEPLOY_LOCKED=false",
    ] {
        host.ok("deploy-system:lock shop maintenance");
        assert!(is_locked(&host));
        host.ok(line);
        assert!(!is_locked(&host), "{line}");
        assert_eq!(host.last_event(), "unlock");
        host.ok("config:clear --no-restart shop");
        assert!(!is_locked(&host), "{line}");
    }
    // Another app of the same name has nothing to do with the old one's lock.
    host.ok("deploy-system:lock shop maintenance");
    host.ok("apps:destroy --force shop");
    host.ok("apps:create shop");
    host.ok("config:set --no-restart shop A=1");
    host.ok("config:clear --no-restart shop");
    assert!(!is_locked(&host));
}

#[test]
fn the_server_answers_people_and_programs() {
    let host = with_shop();
    assert_eq!(host.ok("deploy-system:status shop"), "shop is not locked\n");
    host.ok("deploy-system:lock shop database is slow --for 2h --by ada");
    let said = host.ssh("deploy-system:status shop");
    assert_eq!(said.code, 4);
    assert!(
        said.text
            .starts_with("shop is locked\n  why:   database is slow\n  who:   ada\n  since: ")
    );
    let all = json(&host.ok("deploy-system:locks --protocol 1 --format json"));
    assert_eq!(
        (&all["protocol"], &all["result"][0]["lock"]["state"]),
        (&1.into(), &"locked".into())
    );
    let said = host.ssh("deploy-system:lock shop mine");
    assert_eq!(said.code, 4);
    assert!(
        said.text.contains("locked already") && said.text.contains("ada"),
        "{}",
        said.text
    );
    host.ok("deploy-system:lock --replace shop mine");
    assert!(host.ok("deploy-system:unlock shop").contains("mine"));
    assert_eq!(
        host.ok("deploy-system:unlock shop"),
        "shop was not locked\n"
    );

    let missing = host.ssh("deploy-system:status --format json nope");
    assert_eq!(
        (missing.code, &json(&missing.text)["error"]["kind"]),
        (5, &"no-such-app".into())
    );
    host.ok(r"config:set --no-restart shop X=a\\");
    let unreadable = host.ssh("deploy-system:status --format json shop");
    assert_eq!(unreadable.code, 0, "{}", unreadable.text);
    assert_eq!(json(&unreadable.text)["result"]["lock"]["state"], "unknown");
    let newer = host.ssh("deploy-system:lock --protocol 2 --format json --dance shop");
    assert_eq!(
        (newer.code, &json(&newer.text)["error"]["kind"]),
        (5, &"protocol".into())
    );
    assert!(host.ok("deploy-system:version").contains("protocol 1"));
    assert!(
        host.ok("deploy-system:help")
            .contains("deploy-system:unlock <app>")
    );
    let help = host.ok("help --all");
    assert!(help.contains("deploy-system:lock <app>"), "{help}");
    let ours = help.lines().filter(|line| line.contains("deploy-system:"));
    for line in ours {
        assert!(line.starts_with("    deploy-system:"), "{line:?}");
    }
    assert_eq!(host.ssh("deploy-system:dance shop").code, 1);
    assert_eq!(host.ssh("deploy-system:lock").code, 2);
}

#[test]
fn a_permission_lets_one_commit_pass_once() {
    let host = with_shop();
    host.commit();
    assert_eq!(host.push("shop").code, 0);
    host.ok("deploy-system:lock shop incident");
    let commit = host.commit();
    host.ok(&format!("deploy-system:permit shop {commit} the fix"));
    let said = host.push("shop");
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains("this deploy was permitted by test"),
        "{}",
        said.text
    );
    assert_eq!(host.last_event(), "override");
    assert_eq!(host.ssh("ps:rebuild shop").code, 1);
    host.ok(&format!("deploy-system:permit shop {commit} another"));
    host.commit();
    assert_eq!(host.push("shop").code, 1, "it was for another commit");
    let nowhere = host.ssh(&format!("deploy-system:permit nope {commit} it is gone"));
    assert_eq!(nowhere.code, 5, "{}", nowhere.text);
    assert_eq!(host.ssh("deploy-system:permit shop HEAD x").code, 2);
}

#[test]
fn a_refused_commit_that_git_sync_left_on_the_branch_is_not_built_by_a_later_rebuild() {
    let host = with_shop();
    let first = host.commit();
    // Nothing was ever deployed, so the plugin knows no commit to go back to.
    host.ok("deploy-system:lock shop incident");
    let sync = format!("git:sync --build shop {}", host.work.display());
    assert_eq!(host.ssh(&sync).code, 1);
    assert_eq!(host.tip("shop"), Some(first));
    host.ok("deploy-system:unlock shop");
    let said = host.ssh("ps:rebuild shop");
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(
        said.text.contains("was refused while shop was locked"),
        "{}",
        said.text
    );
    assert_eq!(host.ssh(&sync).code, 0);
    assert_eq!(host.ssh("ps:rebuild shop").code, 0);
}

#[test]
fn the_branch_goes_back_exactly_one_commit_whether_dokku_moves_it_too_or_not() {
    let host = with_shop();
    let first = host.commit();
    assert_eq!(host.push("shop").code, 0);
    host.ok("deploy-system:lock shop incident");
    let refused = host.commit();
    let bare = host
        .host
        .home()
        .join("root/home/shop")
        .display()
        .to_string();
    let from_directory = host
        .host
        .home()
        .join("root/lib/core-plugins/available/git/git-from-directory");
    let attempt = || {
        host.git(&[
            "push",
            "--quiet",
            "--receive-pack",
            "git -c core.hooksPath=/nowhere receive-pack",
            &bare,
            "HEAD:refs/heads/arrived",
        ]);
        let set = std::process::Command::new("git")
            .args([
                "--git-dir",
                &bare,
                "update-ref",
                "refs/heads/master",
                &refused,
            ])
            .status();
        assert!(set.unwrap().success());
        let code = host
            .entry(
                "core-post-extract",
                &["shop", "/tmp", &refused],
                "git:from-archive",
            )
            .status()
            .unwrap()
            .code();
        assert_eq!(code, Some(1));
    };
    attempt();
    assert_eq!(host.tip("shop"), Some(first.clone()));
    // Dokku's own script goes back by itself: to do it here too would lose a commit.
    fs::create_dir_all(from_directory.parent().unwrap()).unwrap();
    fs::write(
        &from_directory,
        "update-ref \"refs/heads/$BRANCH\" \"$BRANCH^\"\n",
    )
    .unwrap();
    attempt();
    assert_eq!(host.tip("shop"), Some(refused.clone()));
    // It was killed before it did: unlocking makes it good.
    host.ok("deploy-system:unlock shop");
    assert_eq!(host.tip("shop"), Some(first));
}
