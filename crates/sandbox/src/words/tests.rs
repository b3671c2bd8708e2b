//! Recorded lines, and a comparison with the real `xargs` where it is installed.

use super::*;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

fn words(raw: &str) -> Vec<String> {
    understand(raw).words
}

#[test]
fn quotes_and_escapes_are_understood_as_recorded() {
    assert_eq!(
        words(
            r#"probe:args one 'two words' "three 'x'" four\ 4 '$HOME' '*' '' last --flag --app foo"#
        ),
        [
            "probe:args",
            "one",
            "two words",
            "three 'x'",
            "four 4",
            "$HOME",
            "*",
            "",
            "last",
            "--flag",
            "--app",
            "foo"
        ]
    );
    assert_eq!(
        words(r"probe:args 'SQ2=it'\''s'"),
        ["probe:args", "SQ2=it's"]
    );
    assert_eq!(words(r#"probe:args "a\\b""#), ["probe:args", r"a\\b"]);
    assert_eq!(words("probe:args a\r\nb"), ["probe:args", "a\r", "b"]);
    assert_eq!(words("probe:args a\\\nb"), ["probe:args", "a", "b"]);
    assert_eq!(words("probe:args 'a\tb'"), ["probe:args", "a\tb"]);
}

#[test]
fn echo_eats_its_own_options() {
    assert_eq!(words("probe:args a -n b"), ["probe:args", "a", "b"]);
    assert_eq!(words("probe:args a '-ne' b"), ["probe:args", "a", "b"]);
    assert_eq!(
        words("probe:args a -e -E b"),
        ["probe:args", "a", "", "", "b"]
    );
    assert_eq!(words("probe:args -e=FOO b"), ["probe:args", "-e=FOO", "b"]);
    assert_eq!(words("probe:args a --help b").len(), 39);
    assert_eq!(words("probe:args a --version b").len(), 10);
}

#[test]
fn an_unmatched_quote_drops_the_rest_and_complains() {
    let line = understand("probe:args it's");
    assert_eq!(line.words, ["probe:args"]);
    assert!(
        line.complaint
            .unwrap()
            .starts_with("xargs: unmatched single quote;")
    );
    let line = understand("config:set --no-restart myapp 'NL=line1\nline2'");
    assert_eq!(line.words, ["config:set", "--no-restart", "myapp"]);
    assert!(line.complaint.is_some());
}

#[test]
fn a_trailing_empty_word_is_lost_and_a_middle_one_is_kept() {
    assert_eq!(words("probe:args x ''"), ["probe:args", "x"]);
    assert_eq!(words("probe:args '' x"), ["probe:args", "", "x"]);
}

#[test]
fn nothing_at_all_is_one_empty_word() {
    assert_eq!(words(""), [""]);
    assert_eq!(words("   "), [""]);
}

#[test]
fn verbs_with_git_are_split_on_blanks_only() {
    assert_eq!(
        words("git:auth example.com user 'pa ss'"),
        ["git:auth", "example.com", "user", "'pa", "ss'"]
    );
    assert_eq!(
        words("git-receive-pack 'myapp'"),
        ["git-receive-pack", "'myapp'"]
    );
    assert_eq!(words("foogit:do 'a b'"), ["foogit:do", "'a", "b'"]);
}

#[test]
fn global_flags_are_found_inside_quotes_and_after_the_app() {
    let line = understand("run myapp echo 'x --app imgapp y'");
    assert_eq!(line.flags.app.as_deref(), Some("imgapp"));
    assert_eq!(line.words[3], "x --app imgapp y");
    let line = understand("config:set myapp 'A=please --force this --trace --quiet now'");
    assert!(line.flags.force && line.flags.trace && line.flags.quiet);
}

#[test]
fn leading_flags_are_dropped_before_the_verb() {
    let line = understand("--quiet --app myapp config:get KEY");
    assert_eq!(line.words, ["config:get", "KEY"]);
    assert_eq!(line.flags.app.as_deref(), Some("myapp"));
    assert_eq!(words("apps:list --quiet"), ["apps:list", "--quiet"]);
    assert_eq!(words("   version"), ["version"]);
}

fn real_xargs(input: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut child = Command::new("xargs")
        .args(["-n", "1"])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((
        output.stdout,
        output.stderr.windows(9).any(|part| part == b"unmatched"),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn splitting_is_that_of_the_real_xargs(raw in r#"(a|b|é|-n|-e|-E|--version|\\|'|"| |  |\t|\n|\r|\$x|\*|=|''|""){0,14}"#) {
        let Some((expected, has_complained)) = real_xargs(raw.as_bytes()) else { return Ok(()) };
        let (arguments, complaint) = xargs(raw.as_bytes());
        let mut text = through_echo(&arguments).join("\n");
        if !text.is_empty() || !expected.is_empty() {
            text.push('\n');
        }
        prop_assert_eq!((text, complaint.is_some()), (String::from_utf8(expected).unwrap(), has_complained));
    }
}
