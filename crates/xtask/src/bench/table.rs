//! The table of results, and the machine that they hold for.

use std::fs;

use anyhow::Context as _;

use crate::program;

/// One result beside what it is compared with.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// With this program.
    pub ours: String,
    /// Without it.
    pub theirs: String,
    /// How they compare.
    pub comparison: String,
    /// What is promised.
    pub limit: String,
    /// Whether the promise is kept.
    pub is_within: bool,
}

/// Results of one run on one machine.
pub struct Table {
    machine: String,
    rows: Vec<Row>,
}

impl Table {
    /// Without rows.
    pub fn of_this_machine() -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let system = field("/etc/os-release", "PRETTY_NAME=")?;
        let processor = field("/proc/cpuinfo", "model name\t:").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let rust = program::output(program::command("rustc")?.arg("--version"))?;
        Ok(Self {
            machine: format!(
                "{system}, {cores} cores{}, {}, load average at the beginning {load}",
                if processor.is_empty() {
                    String::new()
                } else {
                    format!(" ({processor})")
                },
                rust.trim()
            ),
            rows: Vec::new(),
        })
    }

    /// Adds a result.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether every promise is kept.
    pub fn is_within_limits(&self) -> bool {
        self.rows.iter().all(|row| row.is_within)
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut lines = vec![
            self.machine.clone(),
            String::new(),
            "| what | dokku-cli | compared with | difference | promised | kept |".to_owned(),
            "| --- | --- | --- | --- | --- | --- |".to_owned(),
        ];
        lines.extend(self.rows.iter().map(|row| {
            format!(
                "| {} | {} | {} | {} | {} | {} |",
                row.what,
                row.ours,
                row.theirs,
                row.comparison,
                row.limit,
                if row.is_within { "yes" } else { "**no**" }
            )
        }));
        lines.join("\n")
    }

    /// The whole page docs/benchmarks.md.
    pub fn page(&self) -> String {
        format!(
            "# Benchmarks\n\n\
             Written by `cargo xtask bench --write`; each line was measured beside what it is compared with, taking \
             turns in one run, with release builds. Deploys go to the sandbox on the same machine, which counts \
             connections and delays each round trip on request.\n\n{}\n",
            self.markdown()
        )
    }
}

/// The rest of the first line that begins with `name`.
fn field(file: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .with_context(|| format!("no {name} in {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(is_within: bool) -> Row {
        Row {
            what: "size".to_owned(),
            ours: "1 MiB".to_owned(),
            theirs: "–".to_owned(),
            comparison: "–".to_owned(),
            limit: "under 2 MiB".to_owned(),
            is_within,
        }
    }

    #[test]
    fn a_promise_that_is_not_kept_shows_and_counts() {
        let mut table = Table {
            machine: "here".to_owned(),
            rows: vec![row(true)],
        };
        assert!(table.is_within_limits());
        table.push(row(false));
        assert!(!table.is_within_limits());
        assert!(
            table
                .markdown()
                .ends_with("| size | 1 MiB | – | – | under 2 MiB | **no** |")
        );
    }
}
