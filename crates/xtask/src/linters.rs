//! The linters of workflows, actions, scripts and YAML: from `PyPI`, pinned, in a virtual environment of the user's
//! cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{program, say};

/// The pinned packages. Whoever changes them gets a new environment.
const PACKAGES: &str = include_str!("../linters.txt");

/// Written last, so that half an environment is not taken for one.
const COMPLETE: &str = "complete";

/// Whether they are installed.
pub fn are_installed() -> anyhow::Result<bool> {
    let mark = environment()?.join(COMPLETE);
    Ok(fs::read_to_string(mark).is_ok_and(|text| text == PACKAGES))
}

/// Installs them, if they are not there.
pub fn install() -> anyhow::Result<()> {
    if are_installed()? {
        return Ok(());
    }
    let root = environment()?;
    say::line(&format!(
        "The linters are not here: installing them from PyPI into {}",
        root.display()
    ))?;
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    program::run(program::command("python3")?.args(["-m", "venv"]).arg(&root))
        .context("no virtual environment could be made: apt-get install python3-venv")?;
    let list = program::repository()?.join("crates/xtask/linters.txt");
    program::run(
        program::command(root.join("bin/pip"))?
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(list),
    )
    .context("the linters could not be installed from PyPI")?;
    fs::write(root.join(COMPLETE), PACKAGES)?;
    Ok(())
}

/// Runs all of them. Any finding is an error.
pub fn check() -> anyhow::Result<()> {
    if !are_installed()? {
        bail!("the linters are not on this machine: `cargo xtask setup` installs them");
    }
    let files = tracked()?;
    let of = |is_it: &dyn Fn(&str) -> bool| -> Vec<&str> {
        files
            .iter()
            .map(String::as_str)
            .filter(|file| is_it(file))
            .collect()
    };
    let workflows = of(&|file| file.starts_with(".github/workflows/"));
    let actions = of(&|file| file.ends_with("action.yml"));
    // Templates are no YAML before they are filled in: what `init` writes is linted by its tests.
    let yaml = of(&|file| {
        (file.starts_with(".github/") || !file.contains('/'))
            && Path::new(file).extension().is_some_and(|end| end == "yml")
    });
    let scripts = of(&|file| is_script(file));
    if workflows.is_empty() || actions.is_empty() || scripts.is_empty() {
        bail!("no workflows, actions or scripts were found to check");
    }
    // Offline: what is online tells of newer versions and of what others have found out since.
    linter(
        "zizmor",
        &["--offline", "--persona=auditor", "--no-progress", "--quiet"],
        &["."],
    )?;
    let schema = |name| ["--quiet", "--builtin-schema", name];
    linter(
        "check-jsonschema",
        &schema("vendor.github-workflows"),
        &workflows,
    )?;
    linter(
        "check-jsonschema",
        &schema("vendor.github-actions"),
        &actions,
    )?;
    linter("yamllint", &["--strict"], &yaml)?;
    linter("shellcheck", &[], &scripts)?;
    run_steps(&[workflows, actions].concat())
}

/// shellcheck on what stands in `run:`.
fn run_steps(files: &[&str]) -> anyhow::Result<()> {
    let directory = program::repository()?.join("target/run-steps");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let said = program::output(
        program::command(environment()?.join("bin/python"))?
            .arg("crates/xtask/run_steps.py")
            .arg(&directory)
            .args(files),
    )?;
    let mut steps = Vec::new();
    for entry in fs::read_dir(&directory)? {
        steps.push(entry?.path().display().to_string());
    }
    if steps.is_empty() {
        bail!("no run steps were found: {said}");
    }
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    linter("shellcheck", &[], &steps)
}

fn linter(name: &str, options: &[&str], files: &[&str]) -> anyhow::Result<()> {
    program::run(
        program::command(environment()?.join("bin").join(name))?
            .args(options)
            .args(files),
    )
}

/// What git has or would take.
fn tracked() -> anyhow::Result<Vec<String>> {
    let list = program::output(program::command("git")?.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let root = program::repository()?;
    Ok(list
        .lines()
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect())
}

/// A file that says itself that a shell reads it.
fn is_script(file: &str) -> bool {
    let Ok(root) = program::repository() else {
        return false;
    };
    fs::read(root.join(file)).is_ok_and(|bytes| {
        let first = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let first = String::from_utf8_lossy(first);
        first.starts_with("#!") && (first.ends_with("sh") || first.contains("bash"))
    })
}

fn environment() -> anyhow::Result<PathBuf> {
    Ok(program::cache()?.join("linters"))
}
