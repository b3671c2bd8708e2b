//! Processes that belong to a test, found by the paths in their command lines.

use std::{fs, path::Path};

/// The ssh processes of a test.
pub struct Processes;

impl Processes {
    /// Command lines of all living processes that name `path`, such as clients and masters by
    /// their control socket.
    pub fn naming(path: &Path) -> Vec<String> {
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
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&path))
            .collect()
    }
}
