//! Links in the repository's own documents: the file is there, the heading is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{program, say};

/// Checks every Markdown file that git knows or would add; links to the web are not looked at.
pub fn check() -> anyhow::Result<()> {
    let root = program::repository()?;
    let listed = program::output(program::command("git")?.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        "*.md",
    ]))?;
    let mut broken = Vec::new();
    let mut count = 0;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let file = root.join(name);
        if !file.exists() {
            continue; // deleted, not yet committed
        }
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {name}"))?;
        for link in links(&text) {
            count += 1;
            if let Some(why) = fault(&file, &text, &link.target)? {
                broken.push(format!("{name}:{}: {} {why}", link.line, link.target));
            }
        }
    }
    if broken.is_empty() {
        say::line(&format!("{count} links lead somewhere"))?;
        return Ok(());
    }
    bail!("broken links:\n{}", broken.join("\n"))
}

struct Link {
    line: usize,
    target: String,
}

/// The targets of `[text](target)` and `[name]: target`, outside code.
fn links(text: &str) -> Vec<Link> {
    prose(text)
        .flat_map(|(line, prose)| {
            targets(&prose)
                .into_iter()
                .map(move |target| Link { line, target })
        })
        .filter(|link| !link.target.contains("://") && !link.target.starts_with("mailto:"))
        .collect()
}

/// Numbered lines outside fenced blocks, with inline code blanked.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            return None;
        }
        if is_fenced {
            return None;
        }
        let words: Vec<_> = line
            .split('`')
            .enumerate()
            .map(|(part, words)| if part % 2 == 0 { words } else { "code" })
            .collect();
        Some((index + 1, words.concat()))
    })
}

fn targets(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find("](") {
        rest = &rest[start + 2..];
        let Some(end) = rest.find(')') else { break };
        found.extend(rest[..end].split_whitespace().next().map(str::to_owned));
        rest = &rest[end..];
    }
    if let Some((name, target)) = line.split_once("]: ")
        && name.starts_with('[')
    {
        found.extend(target.split_whitespace().next().map(str::to_owned));
    }
    found
}

/// What is wrong with a link, if anything.
fn fault(file: &Path, text: &str, target: &str) -> anyhow::Result<Option<&'static str>> {
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let destination = if path.is_empty() {
        file.to_owned()
    } else {
        file.parent()
            .map_or_else(PathBuf::new, |directory| directory.join(path))
    };
    if !destination.exists() {
        return Ok(Some("leads to no file"));
    }
    let Some(heading) = heading else {
        return Ok(None);
    };
    let is_there = if path.is_empty() {
        headings(text).contains(heading)
    } else {
        let other = fs::read_to_string(&destination)
            .with_context(|| format!("cannot read {}", destination.display()))?;
        headings(&other).contains(heading)
    };
    Ok((!is_there).then_some("names no heading of that file"))
}

/// The anchors that GitHub gives to headings: lower case, blanks to hyphens, punctuation dropped.
fn headings(text: &str) -> BTreeSet<String> {
    let mut is_fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        if is_fenced || !line.starts_with('#') {
            continue;
        }
        let anchor: String = line
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => {
                    Some(letter)
                }
                _ => None,
            })
            .collect();
        let mut name = anchor.clone();
        let mut again = 0;
        while !found.insert(name) {
            again += 1;
            name = format!("{anchor}-{again}");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets_of(text: &str) -> Vec<String> {
        links(text).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn links_are_found_in_prose_and_not_in_code_or_to_the_web() {
        let text = "See [a](a.md) and [b](docs/b.md#part \"title\"), not `[c](c.md)`.\n\
                    ```\n[d](d.md)\n```\n[e]: e.md\n[w](https://example.org/x.md)\n";
        assert_eq!(targets_of(text), ["a.md", "docs/b.md#part", "e.md"]);
        assert_eq!(links(text)[2].line, 5);
    }

    #[test]
    fn headings_have_the_anchors_that_a_reader_links_to() {
        let found = headings("# Hello, World!\n## `deploy --dry-run`\n## Twice\n## Twice\n");
        let expected = ["deploy---dry-run", "hello-world", "twice", "twice-1"];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_missing_file_and_a_missing_heading_are_faults() {
        let here = program::repository().unwrap().join("README.md");
        let text = "# Title\n";
        assert_eq!(fault(&here, text, "#title").unwrap(), None);
        assert!(fault(&here, text, "#other").unwrap().is_some());
        assert!(fault(&here, text, "no-such-file.md").unwrap().is_some());
        assert_eq!(fault(&here, text, "crates/xtask").unwrap(), None);
    }
}
