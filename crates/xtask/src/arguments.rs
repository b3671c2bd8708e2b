//! The command line of `cargo xtask`.

use anyhow::bail;

/// What is printed by `cargo xtask help`.
pub const HELP: &str = "\
cargo xtask CHORE

  setup [--yes]    install by apt and from PyPI what this repository's tests and demo need
  demo [--keep]    the main job, told step by step on a sandbox; --keep leaves the sandbox up
  test [--fast]    everything that has to hold: format, lints, tests, demo, documents, dependencies;
                   --fast leaves out database engines, demo, documents of the code and dependencies
  dist [--target TRIPLE]  archive, Debian package and SBOM of a release, in target/dist
  bench [--write]  the promised numbers, measured on release builds; --write puts them into docs/benchmarks.md";

/// One chore with its options.
#[derive(Debug, PartialEq, Eq)]
pub enum Chore {
    /// Print [`HELP`].
    Help,
    /// Install what is missing; `is_confirmed` asks no question.
    Setup {
        /// `--yes`
        is_confirmed: bool,
    },
    /// Measure.
    Bench {
        /// `--write`
        is_written: bool,
    },
    /// Tell the story of a deploy.
    Demo {
        /// `--keep`
        is_kept: bool,
    },
    /// Make what a release holds.
    Dist {
        /// `--target`
        target: Option<String>,
    },
    /// Run the checks.
    Test {
        /// `--fast`
        is_fast: bool,
    },
}

/// Reads the words after `cargo xtask`.
pub fn parse(words: impl Iterator<Item = String>) -> anyhow::Result<Chore> {
    let words: Vec<String> = words.collect();
    let Some((chore, options)) = words.split_first() else {
        return Ok(Chore::Help);
    };
    match chore.as_str() {
        "help" | "--help" | "-h" => Ok(Chore::Help),
        "setup" => Ok(Chore::Setup {
            is_confirmed: switch(chore, options, "--yes")?,
        }),
        "bench" => Ok(Chore::Bench {
            is_written: switch(chore, options, "--write")?,
        }),
        "demo" => Ok(Chore::Demo {
            is_kept: switch(chore, options, "--keep")?,
        }),
        "dist" => match options {
            [] => Ok(Chore::Dist { target: None }),
            [flag, target] if flag == "--target" => Ok(Chore::Dist {
                target: Some(target.clone()),
            }),
            _ => bail!("`cargo xtask dist` knows --target TRIPLE and nothing else"),
        },
        "test" => Ok(Chore::Test {
            is_fast: switch(chore, options, "--fast")?,
        }),
        _ => bail!("there is no chore `{chore}`; `cargo xtask help` lists them"),
    }
}

/// Whether `name` was given; anything else is an error.
fn switch(chore: &str, options: &[String], name: &str) -> anyhow::Result<bool> {
    if let Some(other) = options.iter().find(|option| *option != name) {
        bail!("`cargo xtask {chore}` knows {name}, not `{other}`");
    }
    Ok(!options.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> anyhow::Result<Chore> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_chore_reads_its_own_switch() {
        assert_eq!(parse_line("test").unwrap(), Chore::Test { is_fast: false });
        assert_eq!(
            parse_line("test --fast").unwrap(),
            Chore::Test { is_fast: true }
        );
        assert_eq!(
            parse_line("setup --yes").unwrap(),
            Chore::Setup { is_confirmed: true }
        );
    }

    #[test]
    fn a_foreign_switch_is_refused_by_name() {
        let error = parse_line("test --yes").unwrap_err().to_string();
        assert_eq!(error, "`cargo xtask test` knows --fast, not `--yes`");
    }

    #[test]
    fn an_unknown_chore_is_refused_and_none_is_help() {
        assert!(
            parse_line("tset")
                .unwrap_err()
                .to_string()
                .contains("no chore `tset`")
        );
        assert_eq!(parse_line("").unwrap(), Chore::Help);
    }
}
