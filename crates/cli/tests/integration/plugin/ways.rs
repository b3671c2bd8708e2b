//! Every way to deploy against every state of the lock, as one table.
//!
//! `git:from-image` and `git:load-image` need Docker, which the sandbox has not: there the plugin's
//! own file for the trigger is called with the arguments and the environment that were recorded,
//! after what Dokku has done to the app by then (the commit on the branch, `GIT_REV`).

use std::{fs, path::PathBuf, process::Command};

use super::{Guarded, Said};

/// A way to deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Push,
    Rebuild,
    Sync,
    Archive,
    FromImageByItsTrigger,
    LoadImageByItsTrigger,
}

const WAYS: [Way; 6] = [
    Way::Push,
    Way::Rebuild,
    Way::Sync,
    Way::Archive,
    Way::FromImageByItsTrigger,
    Way::LoadImageByItsTrigger,
];

impl Way {
    /// Deploys something new this way.
    pub fn deploy(self, host: &Guarded) -> Said {
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
            Self::FromImageByItsTrigger => by_trigger(host, "git:from-image"),
            Self::LoadImageByItsTrigger => by_trigger(host, "git:load-image"),
        }
    }

    /// Whether Dokku itself writes the app's variables on the way, and fails where it cannot.
    fn writes_variables_first(self) -> bool {
        matches!(self, Self::Push | Self::Sync | Self::Archive)
    }
}

/// The trigger of a command that makes a commit of an image. What Dokku would do after a passage,
/// a build, is left out.
fn by_trigger(host: &Guarded, source: &str) -> Said {
    let repository = host.host.home().join("root/home/shop");
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(&repository)
            .args([
                "-c",
                "user.name=Dokku",
                "-c",
                "user.email=automated@dokku.sh",
            ])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let before = host.tip("shop").unwrap();
    let tree = format!("{before}^{{tree}}");
    let message = format!("Automated commit @ {source}");
    let commit = git(&["commit-tree", &tree, "-p", &before, "-m", &message]);
    git(&["update-ref", "refs/heads/master", &commit]);
    // Where the store cannot be read this fails, as it does in Dokku.
    host.ssh(&format!("config:set --no-restart shop GIT_REV={commit}"));
    host.entry("core-post-extract", &["shop", "/tmp", &commit], source)
        .output()
        .unwrap()
        .into()
}

/// A host on which `shop` runs, with a base app that it does not name yet.
pub fn running() -> Guarded {
    let host = Guarded::start();
    host.ok("apps:create shop");
    host.ok("apps:create base");
    host.commit();
    let pushed = host.push("shop");
    assert_eq!(pushed.code, 0, "{}", pushed.text);
    host
}

fn env_file(host: &Guarded, app: &str) -> PathBuf {
    host.host.home().join("root/config").join(app).join("ENV")
}

/// A state of the app or its base: how it is made and what is told.
struct State {
    name: &'static str,
    prepare: Vec<String>,
    told: &'static str,
    /// Whether the app's own variables can be read by anybody.
    is_readable: bool,
}

fn states() -> Vec<State> {
    let lock = "DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=maintenance DEPLOY_LOCK_BY=ada";
    let base = "config:set --no-restart shop DEPLOY_BASE_APP=base";
    let state = |name, prepare: &[&str], told| State {
        name,
        prepare: prepare.iter().map(|line| (*line).to_owned()).collect(),
        told,
        is_readable: true,
    };
    vec![
        state(
            "locked",
            &[&format!("config:set --no-restart shop {lock}")],
            "shop is locked. Nothing was changed.",
        ),
        state(
            "base locked",
            &[base, &format!("config:set --no-restart base {lock}")],
            "base, the base of shop, is locked.",
        ),
        state(
            "malformed",
            &["config:set --no-restart shop DEPLOY_LOCKED=TRUE"],
            "neither `true` nor `false`",
        ),
        state(
            "base malformed",
            &[base, "config:set --no-restart base DEPLOY_LOCKED=TRUE"],
            "neither `true` nor `false`",
        ),
        state(
            "base unreadable",
            &[base, r"config:set --no-restart base X=hunter2\\"],
            "whether base is locked cannot be told",
        ),
        State {
            is_readable: false,
            ..state(
                "unreadable",
                &[r"config:set --no-restart shop X=hunter2\\"],
                "whether shop is locked cannot be told",
            )
        },
    ]
}

#[test]
fn no_way_to_deploy_passes_a_lock_or_an_unknown_state_and_a_refused_one_leaves_nothing() {
    let host = running();
    let files = ["shop", "base"].map(|app| env_file(&host, app));
    for state in states() {
        let whole: Vec<_> = files.iter().map(|file| fs::read(file).ok()).collect();
        for line in &state.prepare {
            host.ok(line);
        }
        let stored = || fs::read(&files[0]).unwrap();
        let before = stored();
        for way in WAYS {
            let what = format!("{way:?}, {}", state.name);
            let tip = host.tip("shop");
            let said = way.deploy(&host);
            assert_eq!(said.code, 1, "{what}: {}", said.text);
            let dokku_failed = !state.is_readable && way.writes_variables_first();
            if !dokku_failed {
                assert!(said.text.contains(state.told), "{what}: {}", said.text);
                // Dokku quotes the value that it cannot read.
                assert!(!said.text.contains("hunter2"), "{what}: {}", said.text);
                assert_eq!(host.last_event(), "denied", "{what}");
            }
            // Fetched code that Dokku never came to ask about is its own affair.
            if !(dokku_failed && way == Way::Sync) {
                assert_eq!(host.tip("shop"), tip, "{what}");
            }
            assert_eq!(stored(), before, "{what}");
            assert_eq!(host.ssh("apps:locked shop").code, 1, "{what}");
        }
        // Named, so that the plugin does not put the lock back.
        for app in ["shop", "base"] {
            host.ssh(&format!("config:unset --no-restart {app} DEPLOY_LOCKED"));
        }
        for (file, whole) in files.iter().zip(whole) {
            match whole {
                Some(whole) => fs::write(file, whole).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
        }
    }
    let recorded = format!("{:?}", host.audit());
    assert!(!recorded.contains("hunter2"), "{recorded}");
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

#[test]
fn no_way_to_deploy_passes_a_plugin_that_crashed() {
    let host = running();
    for script in ["#!/bin/sh\nexit 70\n", "#!/bin/sh\nkill -9 $$\n"] {
        host.replace_program(script);
        for way in WAYS {
            let said = way.deploy(&host);
            assert_eq!(said.code, 1, "{way:?} {script}: {}", said.text);
            assert!(
                said.text.contains("deploy-system:break-glass REASON"),
                "{way:?}: {}",
                said.text
            );
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
