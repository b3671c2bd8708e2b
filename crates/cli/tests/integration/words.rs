//! What can be carried arrives byte for byte; what cannot is refused before anything is sent.

use dokku_deploy::command::DokkuCommand;
use dokku_sandbox::words::understand;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{running::push_app, support::TestHost};

/// Words as people, files and attackers write them: quotes, blanks, backslashes, options of echo,
/// flags of Dokku, letters of every script.
fn word() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'",
        "\"",
        "\\",
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "$",
        "`",
        ";",
        "|",
        "&",
        ">",
        "*",
        "?",
        "~",
        "#",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "!",
        "=",
        "-",
        "--",
        "-n",
        "-e",
        "-E",
        "--app",
        "--force",
        "--quiet",
        "--trace",
        "--help",
        "--version",
        "--app x",
        "git",
        "a",
        "B",
        "7",
        "é",
        "日本",
        "\u{202e}",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "",
    ]);
    prop_oneof![
        4 => prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

fn verb() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "run",
        "config:set",
        "git:set",
        "domains:add",
        "foogit:x",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_carryable_word_arrives_byte_for_byte(verb in verb(), words in prop::collection::vec(word(), 0..5)) {
        let command = DokkuCommand::new(verb).args(words.iter().cloned());
        if let Ok(line) = command.wire() {
            let understood = understand(&line);
            let mut sent = vec![verb.to_owned()];
            sent.extend(words);
            prop_assert_eq!(understood.words, sent, "{}", line);
            prop_assert_eq!(understood.complaint, None);
            prop_assert_eq!(understood.flags.app, None);
            prop_assert!(!understood.flags.force && !understood.flags.trace && !understood.flags.quiet);
        }
    }
}

#[test]
fn plain_words_are_always_carried() {
    for word in [
        "a",
        "KEY=a/b:c@d",
        "it's",
        "a \"b\"",
        "$HOME",
        "`id`",
        "a\\b",
        "日本",
        "x;y|z&",
    ] {
        let command = DokkuCommand::new("run").args(["shop", word, "end"]);
        assert_eq!(
            understand(&command.wire().unwrap()).words,
            ["run", "shop", word, "end"]
        );
    }
}

#[test]
fn through_the_real_ssh_the_line_is_the_one_that_was_meant() {
    let host = TestHost::start();
    push_app(&host);
    let words = [
        "echo",
        "it's",
        "a  \"b\"",
        "$HOME `id` ; | & > *",
        "back\\slash",
        "",
        "日本 \u{202e}",
        "end",
    ];
    let mut arguments = vec!["run", "shop"];
    arguments.extend(words);
    let ran = host.cli(&arguments).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let commands = runs(&host);
    let [line] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    let mut sent = vec!["run", "shop"];
    sent.extend(words);
    assert_eq!(understand(line).words, sent);
}

/// The lines with `run` that the host was sent. Which builder made the image is asked before them.
fn runs(host: &TestHost) -> Vec<String> {
    let mut commands = host.counts().commands;
    commands.retain(|line| line.starts_with("run "));
    commands
}

#[test]
fn a_sample_of_hostile_words_arrives_through_the_real_ssh() {
    let host = TestHost::start();
    push_app(&host);
    let mut runner = TestRunner::deterministic();
    let sample = prop::collection::vec(word(), 2..5);
    let mut sent = Vec::new();
    while sent.len() < 16 {
        let words = sample.new_tree(&mut runner).unwrap().current();
        let command = DokkuCommand::new("run").arg("shop").args(words.clone());
        // Words that need a detour by `sh -c` are another test's matter.
        let is_plain = command.wire().is_ok()
            && !words[0].starts_with('-')
            && !words.iter().any(|word| word.contains('\0'));
        if is_plain {
            let arguments: Vec<&str> = ["run", "shop"]
                .into_iter()
                .chain(words.iter().map(String::as_str))
                .collect();
            // Whatever becomes of it there: it is the words that count.
            host.cli(&arguments).run();
            let arrived = runs(&host).last().cloned().unwrap();
            assert_eq!(understand(&arrived).words, arguments);
            sent.push(arrived);
        }
    }
    assert_eq!(runs(&host), sent);
}
