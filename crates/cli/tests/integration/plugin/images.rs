//! Images of earlier releases: kept after a good deploy, and gone back to under the lock's eyes.

use std::process::Command;

use dokku_deploy::plugin_protocol::{PermitRequest, RetainRequest, RollbackRequest, encode};
use serde_json::Value;

use super::{Guarded, Said};
use crate::deploy::Shop;

fn ask(host: &Guarded, subcommand: &str, request: &impl serde::Serialize) -> (Said, Value) {
    let said = host.ssh(&format!(
        "deploy-system:{subcommand} --protocol 1 --format json --request {} shop",
        encode(request)
    ));
    // Dokku's own output of a restart comes on standard error, around it.
    let answer = said
        .text
        .lines()
        .find_map(|line| {
            serde_json::from_str::<Value>(line)
                .ok()
                .filter(Value::is_object)
        })
        .unwrap_or_else(|| panic!("{}", said.text));
    (said, answer)
}

fn kept(host: &Guarded) -> Vec<(u64, String)> {
    let text = host.ok("deploy-system:images --protocol 1 --format json shop");
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let version = image["version"].as_u64().unwrap();
            (version, image["image"].as_str().unwrap().to_owned())
        })
        .collect()
}

/// A request to go back to the release `version`, whose image is the one that is kept.
fn back_to(host: &Guarded, version: u64, commit: &str) -> RollbackRequest {
    let image = kept(host)
        .into_iter()
        .find(|(kept, _)| *kept == version)
        .unwrap()
        .1;
    RollbackRequest {
        version,
        image,
        commit: commit.to_owned(),
        by: "ada".to_owned(),
    }
}

/// A host with the plugin on which two versions were deployed; the commits of both.
fn two_releases<'a>(host: &'a Guarded, procfile: &str) -> (Shop<'a>, [String; 2]) {
    let shop = Shop::new(&host.host);
    shop.write("Procfile", procfile);
    let first = shop.release("1");
    shop.deployed(&[]);
    let second = shop.release("2");
    shop.deployed(&[]);
    (shop, [first, second])
}

#[test]
fn a_good_deploy_keeps_its_image_and_a_rollback_runs_it_again_without_a_build() {
    let host = Guarded::start();
    let (shop, [first, second]) = two_releases(&host, "web: python3 app.py\n");
    let history = host.variables("shop");
    let images = kept(&host);
    assert_eq!(images.iter().map(|(v, _)| *v).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(history["RELEASE_IMAGE"], images[0].1.as_str());
    let builder = host.ok("builder:report shop --builder-skip-cleanup");
    assert_eq!(builder.trim(), "true");

    let (said, answer) = ask(&host, "rollback-image", &back_to(&host, 1, &first));
    assert_eq!(answer["result"]["outcome"], "switched", "{}", said.text);
    assert_eq!(answer["result"]["replaced"], images[0].1.as_str());
    assert!(!said.text.contains("Building"), "{}", said.text);
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    assert_eq!(host.variables("shop")["GIT_REV"], second.as_str());
    let entry = host.audit().pop().unwrap();
    assert_eq!(
        (&entry["event"], &entry["commit"], &entry["by"]),
        (&"rollback".into(), &first.into(), &"ada".into())
    );

    let mut other = back_to(&host, 2, &second);
    other.version = 1;
    let (_, answer) = ask(&host, "rollback-image", &other);
    assert_eq!(answer["result"]["outcome"], "not-kept");
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn a_rollback_of_a_locked_app_needs_a_permission_for_that_commit_which_is_used_up() {
    let host = Guarded::start();
    let (shop, [first, second]) = two_releases(&host, "web: python3 app.py\n");
    host.ok("deploy-system:lock shop --by bob incident");
    let back = back_to(&host, 1, &first);
    let refused = |host: &Guarded| {
        let (_, answer) = ask(host, "rollback-image", &back);
        assert_eq!(answer["result"]["outcome"], "locked", "{answer}");
        assert_eq!(answer["result"]["of"], "shop");
        assert_eq!(answer["result"]["lock"]["by"], "bob");
        assert_eq!(shop.answer().1, "2 -");
        assert_eq!(shop.newest_image(), "2");
        assert_eq!(host.last_event(), "denied");
    };
    refused(&host);
    let permit = |commit: &str| PermitRequest {
        commit: commit.to_owned(),
        by: "ada".to_owned(),
        reason: "v2 is broken".to_owned(),
    };
    ask(&host, "permit", &permit(&second));
    refused(&host);
    let (_, given) = ask(&host, "permit", &permit(&first));
    assert_eq!(given["result"]["by"], "ada", "{given}");
    let (said, answer) = ask(&host, "rollback-image", &back);
    assert_eq!(answer["result"]["permitted_by"], "ada", "{}", said.text);
    assert_eq!(shop.answer().1, "1 -");
    let events: Vec<Value> = host.audit().iter().map(|e| e["event"].clone()).collect();
    assert_eq!(events[events.len() - 2..], ["override", "rollback"]);
    // Forward again: the permission for the first commit is gone.
    let (_, answer) = ask(&host, "rollback-image", &back);
    assert_eq!(answer["result"]["outcome"], "locked");
    // State that cannot be read is no permission either.
    host.ok("config:set --no-restart shop DEPLOY_LOCKED=maybe");
    let (_, answer) = ask(&host, "rollback-image", &back);
    assert_eq!(answer["error"]["kind"], "unreadable", "{answer}");
}

#[test]
fn an_image_that_does_not_start_leaves_the_newest_image_as_it_was() {
    let host = Guarded::start();
    let procfile =
        "web: if [ \"$(cat version)$OLD\" = 1broken ]; then exit 1; fi; exec python3 app.py\n";
    let (shop, [first, _]) = two_releases(&host, procfile);
    host.ok("config:set --no-restart shop OLD=broken");
    let (said, answer) = ask(&host, "rollback-image", &back_to(&host, 1, &first));
    assert_eq!(answer["result"]["outcome"], "not-started", "{}", said.text);
    assert_eq!(answer["result"]["is_put_back"], true);
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(shop.newest_image(), "2");
}

#[test]
fn the_images_of_the_last_ten_releases_are_kept_and_only_the_apps_own() {
    let host = Guarded::start();
    let (_shop, _) = two_releases(&host, "web: python3 app.py\n");
    let images = kept(&host);
    let (first, second) = (images[1].1.clone(), images[0].1.clone());
    let retain = |version, image: &str| RetainRequest {
        version,
        image: image.to_owned(),
    };
    for version in 3..=9 {
        let docker = host.host.home().join("root/bin/docker");
        let words = ["tag", &second, &format!("deploy-system/shop:v{version}")];
        assert!(Command::new(docker).args(words).status().unwrap().success());
    }
    for (version, dropped) in [(10, 0), (11, 1)] {
        let (_, answer) = ask(&host, "retain", &retain(version, &second));
        let named = answer["result"]["dropped"].as_array().unwrap().len();
        assert_eq!(named, dropped, "{answer}");
    }
    let versions: Vec<u64> = kept(&host).iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (2..=11).rev().collect::<Vec<_>>());
    // Nothing names the first image any more, and nothing runs it.
    let (_, answer) = ask(&host, "retain", &retain(12, &first));
    assert_eq!(answer["error"]["kind"], "failed", "{answer}");
    for image in ["sha256:0", "--all", "dokku/shop:latest"] {
        let (_, answer) = ask(&host, "retain", &retain(12, image));
        assert_eq!(answer["error"]["kind"], "invalid", "{answer}");
    }
    host.ok("apps:create other");
    host.commit();
    assert_eq!(host.push("other").code, 0);
    let line = format!(
        "deploy-system:retain --format json --request {} other",
        encode(&retain(1, &second))
    );
    let said = host.ssh(&line);
    assert!(
        said.text.contains("was not built for other"),
        "{}",
        said.text
    );
}
