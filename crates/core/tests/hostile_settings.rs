//! Hostile files: a result or a clear error, soon, and never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test: short before fast"
)]

use std::time::{Duration, Instant};

use dokku_deploy::{
    app::Environment,
    settings::{Settings, Source},
};
use proptest::prelude::*;

/// The errors, `None` if the text parses.
fn fault(text: &str) -> Option<String> {
    let source = || {
        Some(Source {
            path: ".dokku/config.yml",
            text,
        })
    };
    let begun = started();
    let read = Settings::parse(source(), source());
    let error = match read {
        Ok(settings) => {
            for environment in Environment::ALL {
                settings.resolve(environment);
            }
            None
        }
        Err(faults) => {
            for fault in &faults {
                assert!(fault.line >= 1 && fault.column >= 1);
            }
            let text = faults.to_string();
            assert!(!text.contains(['\0', '\x1b']), "{text:?}");
            assert!(text.len() < 200_000, "{} bytes of errors", text.len());
            Some(text)
        }
    };
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}");
    error
}

#[allow(clippy::disallowed_methods, reason = "a test that measures")]
fn started() -> Instant {
    Instant::now()
}

#[test]
fn large_and_deep_files_are_refused_soon() {
    let says = |text: &str, part: &str| {
        let error = fault(text).unwrap_or_default();
        assert!(error.contains(part), "{error} for {text:.20}");
    };
    says(&"# x\n".repeat(3_000_000), "too large");
    says(
        &format!("scale: {}", "[".repeat(200_000)),
        "nested too deeply",
    );
    says(
        &format!("scale: {}", "{a: ".repeat(50_000)),
        "nested too deeply",
    );
    let steps: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    says(&steps, "nested too deeply");
    let keys: String = (0..20_000).map(|i| format!("k{i}: 1\n")).collect();
    says(&keys, "holds too much");
    says(
        &format!("scale: [{}]", "a,".repeat(100_000)),
        "holds too much",
    );
}

#[test]
fn alias_bombs_go_off_nowhere() {
    let lists: String = (1..40)
        .map(|i| format!("k{i}: &a{i} [{}]\n", format!("*a{},", i - 1).repeat(20)))
        .collect();
    let error = fault(&format!("k0: &a0 x\n{lists}")).unwrap();
    assert!(error.contains("holds too much"), "{error}");
    let maps: String = (1..40)
        .map(|i| format!("k{i}: &a{i}\n  <<: *a{0}\n  x{i}: *a{0}\n", i - 1))
        .collect();
    let error = fault(&format!("k0: &a0 {{a: b}}\n{maps}")).unwrap();
    assert!(error.contains("holds too much"), "{error}");
    let error = fault("resources: &a { memory: *a }").unwrap();
    assert!(error.contains("alias"), "{error}");
    let error = fault("scale:\n  <<: 5\n  web: 1\n").unwrap();
    assert!(error.contains("cannot merge"), "{error}");
}

#[test]
fn odd_bytes_get_an_error_with_a_place() {
    for text in [
        "a\0b: 1",
        "resources:\n  memory: \u{1b}[31m512m",
        "\u{feff}\u{feff}a: 1",
        "scale: {web: 1",
        "scale: web: 1",
        "'",
        "\"\\",
        "&",
        "*",
        "!",
        "%YAML 9.9\n---\na: 1",
        "? ",
        "a: |99",
        "a: >-x",
        "- -\t- a",
        "{",
        "]",
        "a: 'b\n",
        "\u{85}a: b",
        "a: \u{2028}b",
        "é: 日本\n日本: é\n",
        "@a: b",
        "`",
        "a:\n b:\n  c\n d",
    ] {
        assert!(fault(text).is_some(), "{text:?}");
    }
    for text in [
        "",
        "\n",
        "#",
        "---",
        "---\n...\n",
        "\u{feff}",
        "~",
        "null",
        "{}",
        "\r\n\r\n",
        " ",
    ] {
        assert_eq!(fault(text), None, "{text:?}");
    }
}

#[test]
fn a_million_faults_are_told_in_fifty() {
    let domains: String = (0..5_000).map(|i| format!("  - {i}\n")).collect();
    let source = format!("custom_domains:\n{domains}");
    let faults = Settings::parse(
        Some(Source {
            path: "x",
            text: &source,
        }),
        None,
    )
    .unwrap_err();
    assert_eq!(faults.iter().count(), 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        fault(&text);
    }

    #[test]
    fn no_text_like_yaml_makes_it_panic(
        text in "(resources|scale|release|tasks|name|web|memory|512m|[0-9]{1,3}|true|é|\\n|\\n  |\\n    |: |- |\\[|\\]|\\{|\\}|,|'|\"|&a|\\*a|<<|\\||>|#|!|%|\\?|\\t|\\r){0,40}"
    ) {
        fault(&text);
    }
}
