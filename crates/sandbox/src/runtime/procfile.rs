//! The Procfile: which process types an image has, and the command of each.

use std::io;
use std::path::Path;

use fs_err as fs;

/// Process types and their commands, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Procfile {
    processes: Vec<(String, String)>,
}

impl Procfile {
    /// Reads `NAME: COMMAND` lines; empty lines and `#` comments are skipped, the first of two
    /// equal names counts.
    pub fn parse(text: &str) -> Self {
        let mut processes: Vec<(String, String)> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, command)) = line.split_once(':') else {
                continue;
            };
            let (name, command) = (name.trim(), command.trim());
            let is_name = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if is_name && !command.is_empty() && !processes.iter().any(|(known, _)| known == name) {
                processes.push((name.to_owned(), command.to_owned()));
            }
        }
        Self { processes }
    }

    /// The Procfile of an image's working directory; `None` when it has none.
    pub fn read(tree: &Path, name: &str) -> io::Result<Option<Self>> {
        match fs::read_to_string(tree.join(name)) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The command of a process type.
    pub fn command(&self, process_type: &str) -> Option<&str> {
        self.processes
            .iter()
            .find(|(name, _)| name == process_type)
            .map(|(_, command)| command.as_str())
    }

    /// The process types, in the order of the file.
    pub fn process_types(&self) -> impl Iterator<Item = &str> {
        self.processes.iter().map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_procfile_gives_each_process_its_command() {
        let procfile = Procfile::parse(
            "# sample\nweb: python3 server.py --port $PORT\n\nworker:  ./work: er \nbad line\nweb: other\n",
        );
        assert_eq!(
            procfile.process_types().collect::<Vec<_>>(),
            ["web", "worker"]
        );
        assert_eq!(
            procfile.command("web"),
            Some("python3 server.py --port $PORT")
        );
        assert_eq!(procfile.command("worker"), Some("./work: er"));
        assert_eq!(procfile.command("cron"), None);
    }

    #[test]
    fn a_missing_procfile_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Procfile::read(dir.path(), "Procfile").unwrap(), None);
    }
}
