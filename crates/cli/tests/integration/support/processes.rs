//! Processes that belong to a test, found by the paths in their command lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The ssh processes of a test.
pub struct Processes;

impl Processes {
    /// Command lines of all living processes that name `path`, such as clients and masters by
    /// their control socket.
    pub fn naming(path: &Path) -> Vec<String> {
        living(path).into_iter().map(|(_, line)| line).collect()
    }

    /// Process groups of all living processes that name `path`.
    pub fn groups_naming(path: &Path) -> Vec<i32> {
        living(path)
            .into_iter()
            .filter_map(|(directory, _)| fs::read_to_string(directory.join("stat")).ok())
            .map(|stat| {
                // "PID (COMMAND) STATE PARENT GROUP …"; the command may hold blanks.
                let after = stat.rsplit_once(')').unwrap().1;
                after.split_whitespace().nth(2).unwrap().parse().unwrap()
            })
            .collect()
    }
}

fn living(path: &Path) -> Vec<(PathBuf, String)> {
    let path = path.display().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .chars()
                .all(|c| c.is_ascii_digit())
        })
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&path).then(|| (entry.path(), line))
        })
        .collect()
}
