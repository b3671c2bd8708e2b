//! The rooms of the domain and which of them may know which: read from the sources themselves.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Modules by layer, the lowest first. A module that is not named here is a concept.
const BELOW_CONCEPTS: [&[&str]; 3] = [
    &["app", "secret"],
    &["command", "credentials"],
    &["host", "net", "clock"],
];
const CONCEPTS: usize = BELOW_CONCEPTS.len();
const ABOVE_CONCEPTS: [&[&str]; 3] = [
    &["settings", "dokku"],
    &["rollout", "notification"],
    &["flows"],
];

fn layer(module: &str) -> usize {
    let find = |layers: &[&[&str]]| layers.iter().position(|names| names.contains(&module));
    find(&BELOW_CONCEPTS)
        .or_else(|| find(&ABOVE_CONCEPTS).map(|above| CONCEPTS + 1 + above))
        .unwrap_or(CONCEPTS)
}

/// A path below `crate::`: `host::Answer` is `["host", "Answer"]`.
type Import = Vec<String>;

/// Everything that `source` names below `crate::`, in `use` groups and elsewhere.
fn imports(source: &str) -> Vec<Import> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || "_$".contains(c)))
        .flat_map(|(at, found)| paths(&code[at + found.len()..]))
        .collect()
}

/// The paths that begin at `text`: one, or those of a group in braces, two levels deep.
fn paths(text: &str) -> Vec<Import> {
    let Some(group) = text.trim_start().strip_prefix('{') else {
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        let mut path = Import::new();
        let mut rest = text;
        loop {
            let word: String = rest.chars().take_while(is_word).collect();
            rest = &rest[word.len()..];
            if !word.is_empty() {
                path.push(word);
            }
            match rest.strip_prefix("::") {
                Some(next) if path.len() < 2 => rest = next,
                _ => return vec![path],
            }
        }
    };
    let mut depth = 0;
    let mut items = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                items.last_mut().unwrap().push(c);
            }
        }
    }
    let items = items.iter().map(|item| item.trim());
    items
        .filter(|item| !item.is_empty())
        .flat_map(paths)
        .collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Every file of the crate but `lib.rs`: the modules that lead to it, and its text.
#[allow(
    clippy::disallowed_methods,
    reason = "this test reads the sources; the domain itself reads no files"
)]
fn files() -> Vec<(Vec<String>, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .iter()
        .filter(|path| !path.ends_with("src/lib.rs"))
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap().with_extension("");
            let modules = inside.iter().map(|part| part.to_str().unwrap().to_owned());
            (modules.collect(), std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Imports that go up, or sideways where that is not allowed.
fn wrong_imports(files: &[(Vec<String>, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (modules, text) in files {
        let own = &modules[0];
        for import in imports(text) {
            let other = &import[0];
            let is_inside = other == own && (own != "flows" || import.get(1) == modules.get(1));
            let is_below = layer(other) < layer(own);
            let are_concepts = layer(other) == CONCEPTS && layer(own) == CONCEPTS;
            if !(is_inside || is_below || are_concepts) {
                let (from, to) = (modules.join("::"), import.join("::"));
                wrong.push(format!("{from} imports crate::{to}"));
            }
        }
    }
    wrong
}

#[test]
fn modules_import_downward_only() {
    let files = files();
    assert!(files.len() > 10, "the sources were not found");
    let wrong = wrong_imports(&files);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_import_is_found() {
    for (module, import, is_wrong) in [
        ("lock", "dokku::config", true),
        ("lock", "release::Release", false),
        ("host", "lock::Lock", true),
        ("settings", "dokku::ps", true),
        ("dokku/ps", "host::Answer", false),
        ("dokku/ps", "dokku::git", false),
        ("flows/deploy/plan", "flows::deploy::observe", false),
        ("flows/deploy/plan", "flows::rollback", true),
        ("flows/deploy/plan", "rollout::Plan", false),
        ("rollout/run", "flows::deploy", true),
        ("app", "command::DokkuCommand", true),
    ] {
        let modules = module.split('/').map(str::to_owned).collect();
        let file = (modules, format!("use crate::{import};\n"));
        assert_eq!(
            !wrong_imports(&[file]).is_empty(),
            is_wrong,
            "{module} {import}"
        );
    }
}

#[test]
fn concepts_do_not_import_each_other_in_a_circle() {
    let mut knows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (modules, text) in files() {
        let others = imports(&text).into_iter().map(|import| import[0].clone());
        let others = others.filter(|other| layer(other) == CONCEPTS && *other != modules[0]);
        knows.entry(modules[0].clone()).or_default().extend(others);
    }
    // Whoever imports nobody that is left may go; who cannot go is in a circle.
    while let Some(free) = knows
        .iter()
        .find(|(_, others)| !others.iter().any(|other| knows.contains_key(other)))
        .map(|(module, _)| module.clone())
    {
        knows.remove(&free);
    }
    assert!(knows.is_empty(), "in a circle: {knows:?}");
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let source = "// use crate::not_me;\nuse crate::{\n    app::AppName,\n    dokku::{apps, run::{self, X}},\n};\nuse crate::net;\nfn f() -> crate::host::Answer { mycrate::x() }\n";
    let found: Vec<String> = imports(source).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["app::AppName", "dokku", "net", "host::Answer"]);
}
