//! The list of what the program is made of, in `CycloneDX` 1.5.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::program;

/// What is released: it is one list for all of them.
const TARGETS: [&str; 5] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// Writes it, from what cargo resolved for the program.
pub fn write(path: &Path, version: &str) -> anyhow::Result<()> {
    let mut cargo = program::cargo()?;
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    for target in TARGETS {
        cargo.args(["--filter-platform", target]);
    }
    let metadata = program::output(&mut cargo)?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let text = serde_json::to_string_pretty(&document(&metadata, version)?)?;
    fs::write(path, text + "\n")?;
    Ok(())
}

fn document(metadata: &Value, version: &str) -> anyhow::Result<Value> {
    let needed = needed(metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo lists no packages")?;
    let components: Vec<Value> = packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| needed.contains(id)))
        .filter(|package| package["name"] != "dokku-cli")
        .map(component)
        .collect();
    let reference = |id: &Value| {
        let package = packages.iter().find(|package| package["id"] == *id);
        package.map(reference)
    };
    let nodes = metadata["resolve"]["nodes"].as_array();
    let dependencies: Vec<Value> = nodes
        .into_iter()
        .flatten()
        .filter(|node| node["id"].as_str().is_some_and(|id| needed.contains(id)))
        .filter_map(|node| {
            let on: BTreeSet<String> = needs(node)
                .filter_map(|dependency| reference(&dependency["pkg"]))
                .collect();
            Some(json!({"ref": reference(&node["id"])?, "dependsOn": on}))
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "dokku-cli", "version": version, "bom-ref": "dokku-cli"}},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// How the list calls a package.
fn reference(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    match text("name") {
        "dokku-cli" => "dokku-cli".to_owned(),
        name => format!("pkg:cargo/{name}@{}", text("version")),
    }
}

/// What a package needs when it runs or is built.
fn needs(node: &Value) -> impl Iterator<Item = &Value> {
    let dependencies = node["deps"].as_array();
    dependencies.into_iter().flatten().filter(|dependency| {
        let kinds = dependency["dep_kinds"].as_array();
        !kinds.is_some_and(|kinds| kinds.iter().all(|kind| kind["kind"] == "dev"))
    })
}

fn component(package: &Value) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let purl = reference(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": text("name"),
        "version": text("version"),
        "purl": purl,
    });
    if let Some(license) = package["license"].as_str() {
        // The old way of writing "or".
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    component
}

/// Everything that the program needs when it runs or is built; not what only its tests need.
fn needed(metadata: &Value) -> anyhow::Result<BTreeSet<String>> {
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo resolved nothing")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo lists no packages")?;
    let own = packages
        .iter()
        .find(|package| package["name"] == "dokku-cli");
    let own = own
        .and_then(|package| package["id"].as_str())
        .context("there is no dokku-cli")?;
    let mut found = BTreeSet::new();
    let mut open = vec![own.to_owned()];
    while let Some(id) = open.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id.as_str());
        for dependency in node.into_iter().flat_map(needs) {
            if let Some(id) = dependency["pkg"].as_str() {
                open.push(id.to_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_need_is_no_part_of_the_program() {
        let metadata = json!({
            "packages": [
                {"id": "a", "name": "dokku-cli", "version": "1.0.0"},
                {"id": "b", "name": "clap", "version": "4.0.0", "license": "MIT/Apache-2.0"},
                {"id": "c", "name": "insta", "version": "1.0.0", "license": "MIT"},
            ],
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]},
                    {"pkg": "c", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "b", "deps": []},
                {"id": "c", "deps": []},
            ]},
        });
        let document = document(&metadata, "1.0.0").unwrap();
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0]["purl"], "pkg:cargo/clap@4.0.0");
        assert_eq!(
            components[0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(
            document["dependencies"],
            json!([
                {"ref": "dokku-cli", "dependsOn": ["pkg:cargo/clap@4.0.0"]},
                {"ref": "pkg:cargo/clap@4.0.0", "dependsOn": []},
            ])
        );
    }

    #[test]
    fn the_list_of_this_program_names_nothing_twice_and_nothing_that_no_release_has() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list.json");
        write(&path, "1.0.0").unwrap();
        let list: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let names = |key: &str, name: &str| -> Vec<String> {
            let entries = list[key].as_array().unwrap().iter();
            entries
                .map(|entry| entry[name].as_str().unwrap().to_owned())
                .collect()
        };
        let components = names("components", "bom-ref");
        let once: BTreeSet<&String> = components.iter().collect();
        assert_eq!(once.len(), components.len());
        let has = |name: &str| components.iter().any(|component| component.contains(name));
        assert!(has("/clap@") && has("/dokku-deploy@"));
        assert!(!has("/android") && !has("/insta@") && !has("/s3s@"));
        let mut known: Vec<String> = names("dependencies", "ref");
        known.retain(|name| name != "dokku-cli");
        known.sort();
        let mut components = components;
        components.sort();
        assert_eq!(known, components);
    }
}
