//! Scripts through what images do with the words of `run`, with the real shells of this machine.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test may panic, and runs the shells themselves"
)]

use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::Command};

use dokku_deploy::{
    app::AppName,
    dokku::{
        entry_point::EntryPoint,
        run::{Invocation, task},
    },
};
use proptest::prelude::*;

const BOTH: [EntryPoint; 2] = [EntryPoint::Plain, EntryPoint::Herokuish];

/// The one line of herokuish's `/exec` that matters.
const EXEC: &str = r#"exec $(eval echo "$@")"#;

/// Standard output and exit status, a signal's as a shell tells it.
type Ended = (String, i32);

fn ended(words: &[String]) -> Ended {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("entry points");
    fs::create_dir_all(&directory).unwrap();
    // Something that globs match.
    for name in ["a", "b", "x y"] {
        fs::write(directory.join(name), "").unwrap();
    }
    let output = Command::new(&words[0])
        .args(&words[1..])
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GREETING", "it's  $5 *")
        .output()
        .unwrap();
    let by_signal = || output.status.signal().map(|signal| 128 + signal);
    let status = output.status.code().or_else(by_signal).unwrap();
    (String::from_utf8(output.stdout).unwrap(), status)
}

fn through_exec(words: &[String]) -> Ended {
    ended(&[&["bash", "-c", EXEC, "/exec"].map(str::to_owned), words].concat())
}

/// The words of a release task, without `run` and the app.
fn sent(entry_point: EntryPoint, script: &str) -> Vec<String> {
    let app = AppName::new("shop").unwrap();
    let invocation = Invocation::of(script, entry_point).unwrap();
    let words = task(&app, &invocation, "0f").words().unwrap();
    words[2..].to_vec()
}

fn in_image(entry_point: EntryPoint, script: &str) -> Ended {
    let words = sent(entry_point, script);
    match entry_point {
        EntryPoint::Plain => ended(&words),
        EntryPoint::Herokuish => through_exec(&words),
    }
}

/// What the shell does that gets the script as it is.
fn directly(entry_point: EntryPoint, script: &str) -> Ended {
    let shell = match entry_point {
        EntryPoint::Plain => "sh",
        EntryPoint::Herokuish => "bash",
    };
    ended(&[shell, "-c", script, "deploy-run-0f"].map(str::to_owned))
}

#[test]
fn herokuish_takes_the_plain_form_apart() {
    assert_eq!(through_exec(&sent(EntryPoint::Plain, "exit 42")).1, 0);
    let (out, status) = through_exec(&sent(EntryPoint::Plain, "echo done"));
    assert_eq!((out.as_str(), status), ("\n", 0));
}

#[test]
fn hostile_scripts_do_in_both_images_what_they_say() {
    let long = format!("printf %s '{}'; exit 9", "ab  * $x \\ \"".repeat(1000));
    let scripts = [
        "printf '%s|' npm run  migrate",
        "echo \"a  b\" 'c  d' \"it's\"; exit 3",
        "echo $GREETING; echo \"$GREETING\"",
        "echo *; echo '*' \\* ?; echo ~root",
        "for i in 1 2 3; do\n\techo \"$i\" |\n\t\tcat\ndone; exit 7",
        "cat <<'END'\n  $(not run) `nor this` \\\nEND\nexit 4",
        "false || echo or && echo and; (exit 5)",
        "echo \u{fc}n\u{ef}c\u{f6}d\u{e9} \u{1f680} \u{a0}; echo {a,b} # a comment",
        "echo $0 $# \"$@\"",
        "echo --help -n; echo ls --all --app x",
        "x=1 y=\"2 3\"; echo \"$x$y\" > /dev/null; kill -TERM $$",
        "no-such-program-at-all",
        "!",
        "set -e; echo begun; false; echo not reached",
        "exit 255",
        " \n true \n\n",
        &long,
    ];
    for script in scripts {
        for entry_point in BOTH {
            let expected = directly(entry_point, script);
            let beginning: String = script.chars().take(60).collect();
            assert_eq!(
                in_image(entry_point, script),
                expected,
                "{entry_point:?} {beginning:?}"
            );
        }
    }
    let (out, status) = in_image(EntryPoint::Herokuish, scripts[0]);
    assert_eq!((out.as_str(), status), ("npm|run|migrate|", 0));
    assert_eq!(in_image(EntryPoint::Herokuish, scripts[1]).1, 3);
    assert_eq!(in_image(EntryPoint::Herokuish, &long).1, 9);
}

#[test]
fn a_missing_base64_is_no_success() {
    let words = sent(EntryPoint::Herokuish, "true")
        .into_iter()
        .map(|word| word.replace("|base64$", "|no-base64$"))
        .collect::<Vec<_>>();
    assert!(words.iter().any(|word| word.contains("no-base64")));
    assert_eq!(through_exec(&words), (String::new(), 127));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_text_arrives(
        text in r#"[a-z \n\t'"$*?\[\]{}()|;&<>\\`!#~-]{0,40}|\PC{0,40}"#,
        status in 0..=255_i32,
    ) {
        let script = format!("printf %s '{}'; exit {status}", text.replace('\'', r"'\''"));
        for entry_point in BOTH {
            prop_assert_eq!(in_image(entry_point, &script), (text.clone(), status));
        }
    }
}
