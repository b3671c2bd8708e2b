//! What the gate says and leaves; every way against every state is in [`super::ways`].

use super::{
    Guarded,
    ways::{Way, running},
};

#[test]
fn the_pusher_is_told_why_who_since_when_and_how_to_unlock() {
    let host = running();
    host.ok("config:set --no-restart --encoded shop DEPLOY_LOCKED=dHJ1ZQ== DEPLOY_LOCK_REASON=ZGF0YWJhc2UKaXMgc2xvdyDwn5qn DEPLOY_LOCK_BY=YWRh DEPLOY_LOCK_AT=MjAyNi0xMS0yM1QxMTowMDowMFo=");
    host.commit();
    let said = host.push("shop");
    for line in [
        "Deploy refused: shop is locked. Nothing was changed.",
        "Why:    database",
        "        is slow 🚧",
        "Who:    ada",
        "Since:  2026-11-23T11:00:00Z",
        "Unlock: dokku-cli unlock shop",
    ] {
        assert!(
            said.text
                .lines()
                .any(|l| l.starts_with("remote:  !     ") && l.contains(line)),
            "{line}: {}",
            said.text
        );
    }
    let entry = host.audit().pop().unwrap();
    assert_eq!(entry["key"]["name"], "test");
    assert!(
        entry["key"]["fingerprint"]
            .as_str()
            .unwrap()
            .starts_with("SHA256:")
    );
    assert_eq!(entry["source"], "git-hook");
    assert_eq!(entry["reason"], "database\nis slow 🚧");
}

#[test]
fn a_first_push_that_is_refused_leaves_an_app_without_a_commit() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    host.ok("config:set --no-restart shop DEPLOY_LOCKED=true");
    for way in [Way::Push, Way::Archive] {
        assert_eq!(way.deploy(&host).code, 1);
        assert_eq!(host.tip("shop"), None, "{way:?}");
        assert_eq!(host.variables("shop").get("GIT_REV"), None, "{way:?}");
    }
    host.ok("config:unset --no-restart shop DEPLOY_LOCKED");
    assert_eq!(Way::Push.deploy(&host).code, 0);
}

#[test]
fn a_broken_plugin_refuses_deploys_unless_the_glass_is_broken_and_breaks_nothing_else() {
    let host = running();
    for script in [
        "#!/bin/sh\nexit 70\n",
        "#!/bin/sh\nkill -9 $$\n",
        "#!/nowhere\n",
    ] {
        host.replace_program(script);
        for way in [Way::Push, Way::Rebuild] {
            let said = way.deploy(&host);
            assert_eq!(said.code, 1, "{way:?} {script}: {}", said.text);
            assert!(
                said.text.contains("deploy-system:break-glass REASON"),
                "{}",
                said.text
            );
        }
        for line in [
            "config:set --no-restart shop A=1",
            "config:unset --no-restart shop A",
            "apps:list",
        ] {
            host.ok(line);
        }
    }
    host.ok("deploy-system:break-glass the plugin is broken");
    let said = Way::Push.deploy(&host);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("Deployed all the same"), "{}", said.text);
    host.repair_program();
    // The program knows of the file as well, and takes in what the shim has noted.
    host.ok("config:set --no-restart shop DEPLOY_LOCKED=true");
    assert_eq!(Way::Push.deploy(&host).code, 0);
    let told: Vec<String> = host
        .audit()
        .iter()
        .filter(|entry| entry["event"] == "break-glass")
        .map(|entry| entry["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told[..2], ["opened: the plugin is broken", "passed"]);
    assert!(
        told[2].starts_with("the plugin is broken (test, "),
        "{told:?}"
    );
    host.ok("deploy-system:break-glass --end");
    assert_eq!(Way::Push.deploy(&host).code, 1);
}

#[test]
fn every_spelling_of_a_deploying_command_is_refused_and_no_other_command_is() {
    let host = running();
    host.ok("deploy-system:lock shop maintenance");
    let remote = host.work.display().to_string();
    let deploying = [
        "ps:rebuild shop".to_owned(),
        "ps:rebuild 'shop'".to_owned(),
        "--quiet ps:rebuild shop".to_owned(),
        "ps:rebuild --app shop".to_owned(),
        "--app shop ps:rebuild".to_owned(),
        format!("git:sync --build shop {remote}"),
        format!("git:sync shop {remote} --build"),
        format!("git:sync shop --build {remote} master"),
    ];
    for line in &deploying {
        let said = host.ssh(line);
        assert_ne!(said.code, 0, "{line}: {}", said.text);
        assert_eq!(host.variables("shop")["DEPLOY_LOCK_REASON"], "maintenance");
        assert!(
            said.text.contains("shop is locked") || said.text.contains("does not exist"),
            "{line}: {}",
            said.text
        );
    }
    let allowed = host
        .audit()
        .iter()
        .filter(|entry| entry["event"] == "allowed")
        .count();
    assert_eq!(allowed, 1, "only the first push");
    for line in [
        "apps:list",
        "config:export --format json shop",
        "config:set --no-restart shop A=1",
        "config:set shop A=2",
        "config:unset --no-restart shop A",
        "logs shop --num 1",
        "ps:report shop",
        "ps:restart shop",
        "ps:scale shop web=2",
        "ps:stop shop",
        "ps:start shop",
        "run shop echo hi",
        "deploy-system:locks",
    ] {
        host.ok(line);
    }
}
