//! Every way to deploy against every state of the lock.

use std::process::Command;

use super::{Guarded, Said};

/// A way to deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Push,
    Rebuild,
    Sync,
    Archive,
}

const WAYS: [Way; 4] = [Way::Push, Way::Rebuild, Way::Sync, Way::Archive];

impl Way {
    /// Deploys something new this way.
    fn deploy(self, host: &Guarded) -> Said {
        if self != Self::Rebuild {
            host.commit();
        }
        match self {
            Self::Push => host.push("shop"),
            Self::Rebuild => host.ssh("ps:rebuild shop"),
            Self::Sync => host.ssh(&format!("git:sync --build shop {}", host.work.display())),
            Self::Archive => {
                let tar = Command::new("tar")
                    .args(["--create", "--exclude=.git", "."])
                    .current_dir(&host.work)
                    .output()
                    .unwrap();
                assert!(tar.status.success());
                host.ssh_with("git:from-archive shop --", &tar.stdout)
            }
        }
    }
}

/// A host on which `shop` runs, with a base app that it does not name yet.
fn running() -> Guarded {
    let host = Guarded::start();
    host.ok("apps:create shop");
    host.ok("apps:create base");
    host.commit();
    let pushed = host.push("shop");
    assert_eq!(pushed.code, 0, "{}", pushed.text);
    host
}

#[test]
fn no_way_to_deploy_passes_a_lock_or_an_unknown_state_and_a_refused_one_leaves_nothing() {
    let host = running();
    let lock = "DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance DEPLOY_LOCK_BY=ada";
    let states: [(&str, &[&str], &[&str], &str); 4] = [
        (
            "locked",
            &[&format!("config:set --no-restart shop {lock}")],
            &["config:unset --no-restart shop DEPLOY_LOCKED"],
            "shop is locked. Nothing was changed.",
        ),
        (
            "base locked",
            &[
                "config:set --no-restart shop DEPLOY_BASE_APP=base",
                &format!("config:set --no-restart base {lock}"),
            ],
            &["config:unset --no-restart base DEPLOY_LOCKED"],
            "base, the base of shop, is locked.",
        ),
        (
            "malformed",
            &["config:set --no-restart base DEPLOY_LOCKED=TRUE"],
            &["config:unset --no-restart base DEPLOY_LOCKED"],
            "neither `true` nor `false`",
        ),
        (
            "unreadable",
            &[r"config:set --no-restart base X=a\\"],
            &[],
            "whether base is locked cannot be told",
        ),
    ];
    for (name, prepare, undo, told) in states {
        for line in prepare {
            host.ok(line);
        }
        let before = (host.tip("shop"), host.variables("shop"));
        for way in WAYS {
            let said = way.deploy(&host);
            assert_eq!(said.code, 1, "{way:?} {name}: {}", said.text);
            assert!(said.text.contains(told), "{way:?} {name}: {}", said.text);
            assert_eq!(
                (host.tip("shop"), host.variables("shop")),
                before,
                "{way:?} {name}"
            );
            assert_eq!(host.last_event(), "denied", "{way:?} {name}");
            assert_eq!(host.ssh("apps:locked shop").code, 1, "{way:?} {name}");
        }
        for line in undo {
            host.ok(line);
        }
    }
}

#[test]
fn without_a_lock_or_after_its_end_every_way_to_deploy_passes() {
    let host = running();
    for state in ["unlocked", "expired"] {
        if state == "expired" {
            // As `lock --for` writes it: the end is bound to the rest.
            host.ok("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=r DEPLOY_LOCK_BY=ada DEPLOY_LOCK_AT=2026-11-23T11:00:00Z DEPLOY_LOCK_ID=f00d");
            assert_eq!(Way::Rebuild.deploy(&host).code, 1);
            host.ok(&format!(
                "config:set --no-restart shop 'DEPLOY_LOCK_UNTIL=2026-11-23T11:30:00Z lock {}'",
                binding(&["f00d", "r", "ada", "2026-11-23T11:00:00Z"])
            ));
        }
        for way in WAYS {
            let said = way.deploy(&host);
            assert_eq!(said.code, 0, "{way:?} {state}: {}", said.text);
            assert_eq!(host.last_event(), "allowed");
            let tip = host.tip("shop").unwrap();
            assert_eq!(host.variables("shop")["GIT_REV"], tip.as_str());
        }
    }
}

/// The digest that ties an end to its lock, computed by another program.
fn binding(parts: &[&str]) -> String {
    let script = "import hashlib,sys\nd=hashlib.sha256()\nfor p in sys.argv[1:]:\n d.update(len(p.encode()).to_bytes(8,'big'));d.update(p.encode())\nprint(d.hexdigest()[:16])";
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(parts)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

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
