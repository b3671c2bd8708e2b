//! The deploy journal where the plugin is: taken by one compare-and-set on the host.

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
    sync::Barrier,
};

use dokku_deploy::{
    journal::{Journal, Phase, Undo},
    plugin_protocol::{JournalRequest, encode},
    secret::Secret,
};
use serde_json::Value;

use super::Guarded;
use crate::{deploy::Shop, support::await_until};

#[test]
fn of_deploys_that_begin_at_once_exactly_one_goes_on() {
    const DEPLOYS: u64 = 5;
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&[]);
    let commit = shop.commit("Everybody's");
    host.host.close_gate();
    let before = host.host.counts().handshakes;
    let runs: Vec<_> = (0..DEPLOYS).map(|_| shop.deploy(&[]).start()).collect();
    await_until("all connections", || {
        host.host.counts().handshakes >= before + DEPLOYS
    });
    host.host.open_gate();
    let mut codes: Vec<_> = runs.into_iter().map(|run| run.finish().status).collect();
    codes.sort_unstable();
    assert_eq!(codes[0], Some(0), "{codes:?}");
    assert!(codes[1..].iter().all(|code| *code == Some(4)), "{codes:?}");
    assert_eq!(shop.variables()["RELEASE_SHA"], commit);
    shop.is_tidy();
}

fn journal(id: usize) -> Journal {
    let now = jiff::Timestamp::now();
    Journal {
        id: format!("run-{id}"),
        phase: Phase::Preparing,
        started: now,
        alive: now,
        by: format!("p{id}"),
        commit: "a".repeat(40),
        previous: None,
        undo: Undo::from([("K".into(), Some(Secret::new("sesame")))]),
        entry: None,
        owed: Vec::new(),
    }
}

/// Asks the plugin's own file on the host, without Dokku's ssh before it.
fn ask(host: &Guarded, request: &JournalRequest) -> Value {
    let words = ["deploy-system:journal", "--format", "json", "shop"];
    let mut child = host
        .entry("subcommands/journal", &words, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let word = encode(request);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(word.as_bytes())
        .unwrap();
    let output: Output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn of_many_who_take_it_at_once_one_has_it_and_the_others_are_told_who() {
    const RUNS: usize = 16;
    let host = Guarded::start();
    host.ok("apps:create shop");
    for _ in 0..2 {
        let barrier = Barrier::new(RUNS);
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..RUNS)
                .map(|number| {
                    let (barrier, host) = (&barrier, &host);
                    scope.spawn(move || {
                        let request = JournalRequest::take(&journal(number), None);
                        barrier.wait();
                        ask(host, &request)["result"].clone()
                    })
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let holders: Vec<usize> = (0..RUNS)
            .filter(|number| answers[*number]["outcome"] == "done")
            .collect();
        assert_eq!(holders.len(), 1, "{answers:?}");
        let holder = holders[0];
        for (number, answer) in answers.iter().enumerate() {
            if number != holder {
                assert_eq!(answer["by"], format!("p{holder}"), "{answer}");
            }
        }
        assert_eq!(
            host.variables("shop")["DEPLOY_RUN_ID"],
            format!("run-{holder}")
        );
        // Whoever does not have it changes nothing.
        let other = journal(holder + 1);
        for request in [
            JournalRequest::beat(&other, Phase::Tasks),
            JournalRequest::drop(&other),
        ] {
            assert_eq!(ask(&host, &request)["result"]["outcome"], "other");
        }
        let holder = journal(holder);
        ask(&host, &JournalRequest::beat(&holder, Phase::Tasks));
        assert_eq!(host.variables("shop")["DEPLOY_RUN_PHASE"], "tasks");
        ask(&host, &JournalRequest::drop(&holder));
        let left = host.variables("shop");
        assert!(left.get("DEPLOY_RUN_ID").is_none(), "{left}");
    }
}

#[test]
fn what_a_run_changed_is_in_no_word_that_a_list_of_processes_shows() {
    let host = Guarded::start();
    let shop = Shop::new(&host.host);
    shop.deployed(&["--var", "TOKEN=sesame"]);
    shop.release("2");
    shop.deployed(&["--var", "TOKEN=other"]);
    let commands = host.host.counts().commands;
    let journal: Vec<&String> = commands
        .iter()
        .filter(|line| line.contains("deploy-system:journal"))
        .collect();
    assert!(journal.len() >= 6, "{commands:?}");
    for line in journal {
        assert_eq!(
            line,
            "deploy-system:journal --protocol 1 --format json shop"
        );
    }
}

#[test]
fn an_older_plugin_that_knows_no_journal_is_done_without() {
    let host = Guarded::start();
    let plugin = host
        .host
        .home()
        .join("root/plugins/deploy-system/subcommands");
    fs::remove_file(plugin.join("journal")).unwrap();
    fs::remove_file(plugin.join("retain")).unwrap();
    let shop = Shop::new(&host.host);
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("is not kept for a rollback") && ran.stderr.contains("server setup"),
        "{ran:?}"
    );
    shop.is_tidy();
}
