//! The table in `docs/sandbox.md` of recordings that are not matched, with the reason of each.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

const BEGIN: &str = "<!-- not matched: begin -->\n";
const END: &str = "<!-- not matched: end -->";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md")
}

/// Reasons by recording.
pub fn read() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path()).unwrap();
    let (_, rest) = text.split_once(BEGIN).unwrap();
    let (table, _) = rest.split_once(END).unwrap();
    let mut reasons = BTreeMap::new();
    for line in table.lines().skip(2) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [ids, reason] = <[&str; 2]>::try_from(cells).unwrap();
        for id in ids.split(", ") {
            let before = reasons.insert(id.trim_matches('`').to_owned(), reason.to_owned());
            assert!(before.is_none(), "{id} stands twice in the table");
        }
    }
    reasons
}

/// Writes the table anew: rows that match now are dropped, new ones say that a reason is wanted.
pub fn write(unmatched: &[String], matched: usize, total: usize) {
    let reasons = read();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in unmatched {
        let reason = reasons
            .get(id)
            .cloned()
            .unwrap_or_else(|| WANTED.to_owned());
        rows.entry(reason).or_default().push(format!("`{id}`"));
    }
    let mut table = String::from("| recordings | reason |\n| --- | --- |\n");
    for (reason, ids) in rows {
        writeln!(table, "| {} | {reason} |", ids.join(", ")).unwrap();
    }
    let text = std::fs::read_to_string(path()).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let figure = regex::Regex::new(r"matched \d+ / total \d+").unwrap();
    let head = figure.replace(head, format!("matched {matched} / total {total}").as_str());
    std::fs::write(path(), format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
}

/// Stands in place of a reason until somebody has written one; the test fails on it.
pub const WANTED: &str = "REASON WANTED";

/// The figure that the document states.
pub fn figure() -> String {
    let text = std::fs::read_to_string(path()).unwrap();
    regex::Regex::new(r"matched \d+ / total \d+")
        .unwrap()
        .find(&text)
        .unwrap()
        .as_str()
        .to_owned()
}
