//! docs/settings.md: its examples parse, and it names every key.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that reads the documentation"
)]

use std::{collections::BTreeSet, path::Path};

use dokku_deploy::settings::{Settings, Source, config_schema, services_schema};
use serde_json::Value;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_example_parses() {
    let page = page();
    let mut parsed = 0;
    for block in page.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let source = |path| Some(Source { path, text });
        let read = match text.lines().next() {
            Some("# .dokku/config.yml") => Settings::parse(source("config.yml"), None),
            Some("# .dokku/services.yml") => Settings::parse(None, source("services.yml")),
            _ => continue,
        };
        assert!(read.is_ok(), "{}", read.unwrap_err());
        assert_ne!(read.unwrap(), Settings::default(), "{text}");
        parsed += 1;
    }
    assert_eq!(parsed, 5);
}

#[test]
fn the_error_shown_is_the_one_that_comes() {
    let text = "resources:\n  memroy: 512m\n";
    let path = ".dokku/config.yml";
    let error = Settings::parse(Some(Source { path, text }), None).unwrap_err();
    assert!(page().contains(&error.to_string()), "{error}");
}

#[test]
fn every_key_is_documented() {
    let mut keys = BTreeSet::new();
    for schema in [config_schema(), services_schema()] {
        collect(schema.as_value(), &mut keys);
    }
    assert!(keys.len() > 80, "{}", keys.len());
    let page = page();
    let words: BTreeSet<&str> = page
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let missing: Vec<_> = keys
        .iter()
        .filter(|k| !words.contains(k.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in docs/settings.md: {missing:?}");
}

fn collect(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| collect(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}
