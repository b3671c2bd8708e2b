//! Every sample file parses, every invalid one fails with exactly the error beside it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: it reads its samples, and what it cannot read fails it"
)]

use std::path::{Path, PathBuf};

use dokku_deploy::settings::{Faults, Settings, Source};

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/settings");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .collect();
    files.sort();
    files
}

fn parse(path: &Path) -> Result<Settings, Faults> {
    let text = std::fs::read_to_string(path).unwrap();
    let is_services = path.to_string_lossy().contains(".services.");
    let name = if is_services { "services" } else { "config" };
    let source = Some(Source {
        path: &format!(".dokku/{name}.yml"),
        text: &text,
    });
    if is_services {
        Settings::parse(None, source)
    } else {
        Settings::parse(source, None)
    }
}

#[test]
fn every_sample_parses_or_fails_with_the_error_beside_it() {
    let (mut valid, mut invalid) = (0, 0);
    for path in samples() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = parse(&path);
        if !name.ends_with(".invalid.yml") {
            valid += 1;
            assert!(read.is_ok(), "{name}:\n{}", read.unwrap_err());
            continue;
        }
        invalid += 1;
        let rendered = format!("{}\n", read.expect_err(&name));
        let beside = path.with_extension("txt");
        if std::env::var_os("UPDATE_SAMPLES").is_some() {
            std::fs::write(&beside, &rendered).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(
            rendered, expected,
            "{name}: run with UPDATE_SAMPLES=1 to accept"
        );
    }
    assert!(
        valid >= 8 && invalid >= 15,
        "{valid} valid, {invalid} invalid"
    );
}

#[test]
fn the_json_schemas_in_docs_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    for (name, schema) in [
        ("config.json", dokku_deploy::settings::config_schema()),
        ("services.json", dokku_deploy::settings::services_schema()),
    ] {
        let fresh = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = folder.join(name);
        if std::env::var_os("UPDATE_SAMPLES").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &fresh).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == fresh,
            "docs/schema/{name} is stale: run with UPDATE_SAMPLES=1"
        );
    }
}
