//! The project's own files: `.dokku/config.yml`, `.dokku/services.yml`, GitHub's workflows.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use dokku_deploy::settings::{Fault, Faults, Settings, Source, workflow_warnings};

use crate::{failure::Failure, repository::Repository};

/// The settings file of a project.
pub const CONFIG: &str = ".dokku/config.yml";
/// The services file of a project.
pub const SERVICES: &str = ".dokku/services.yml";

/// More than this of a file is not read; the settings refuse far less.
const MOST: u64 = 1024 * 1024;

/// A directory with an app in it, and its settings files as they are.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    config: Option<String>,
    services: Option<String>,
}

impl Project {
    /// The project that `directory` is in: the nearest directory upward with a `.dokku` or a
    /// `.git` in it, else `directory` itself.
    pub fn around(directory: &Path) -> Result<Self, Failure> {
        let root = directory
            .ancestors()
            .find(|dir| dir.join(".dokku").is_dir() || dir.join(".git").exists())
            .unwrap_or(directory);
        Self::at(root)
    }

    /// The project whose top directory is `root`.
    pub fn at(root: &Path) -> Result<Self, Failure> {
        Ok(Self {
            root: root.to_owned(),
            config: settings_text(root, CONFIG)?,
            services: settings_text(root, SERVICES)?,
        })
    }

    /// Its top directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project as it is in a commit of `repository`.
    pub fn of_commit(repository: &Repository, sha: &str) -> Result<Self, Failure> {
        Ok(Self {
            root: repository.top().to_owned(),
            config: repository.file_in(sha, CONFIG)?,
            services: repository.file_in(sha, SERVICES)?,
        })
    }

    /// Which of the two settings files there are.
    pub fn files(&self) -> Vec<&'static str> {
        let files = [(CONFIG, &self.config), (SERVICES, &self.services)];
        let given = files.into_iter().filter(|(_, text)| text.is_some());
        given.map(|(path, _)| path).collect()
    }

    /// The settings, or everything that is wrong with them.
    pub fn settings(&self) -> Result<Settings, Faults> {
        let config = self
            .config
            .as_deref()
            .map(|text| Source { path: CONFIG, text });
        let services = self.services.as_deref().map(|text| Source {
            path: SERVICES,
            text,
        });
        Settings::parse(config, services)
    }

    /// What in GitHub's workflows would stop a running deploy, by path and line.
    pub fn workflow_warnings(&self) -> Result<Vec<Fault>, Failure> {
        let folder = ".github/workflows";
        let entries = match fs_err::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::settings(error.to_string())),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(|e| Failure::settings(e.to_string()))?
                .file_name();
            let path = Path::new(&name);
            if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
                names.push(format!("{folder}/{}", path.display()));
            }
        }
        names.sort();
        let mut warnings = Vec::new();
        for path in names {
            if let Some(text) = text_of(&self.root, &path)? {
                let source = Source {
                    path: &path,
                    text: &text,
                };
                warnings.extend(workflow_warnings(source));
            }
        }
        Ok(warnings)
    }
}

/// The text of a settings file, `None` if there is none.
fn settings_text(root: &Path, path: &str) -> Result<Option<String>, Failure> {
    let text = text_of(root, path)?;
    let misnamed = path.replace(".yml", ".yaml");
    if text.is_none() && root.join(&misnamed).exists() {
        // Left unread it would mean a deploy with the defaults.
        return Err(Failure::settings(format!(
            "{misnamed} is not read: the file has to be named {path}"
        ))
        .hint(format!("git mv {misnamed} {path}")));
    }
    Ok(text)
}

/// The text of a file below `root`, `None` if it does not exist.
fn text_of(root: &Path, path: &str) -> Result<Option<String>, Failure> {
    let failed = |why: String| Failure::settings(format!("{path} cannot be read: {why}"));
    let full = root.join(path);
    match fs_err::metadata(&full) {
        Ok(data) if data.is_file() => {}
        Ok(_) => return Err(failed("it is not a file".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere is not the absence of a file.
            return if full.is_symlink() {
                Err(failed("it is a link that leads nowhere".to_owned()))
            } else {
                Ok(None)
            };
        }
        Err(error) => return Err(failed(error.to_string())),
    }
    let mut bytes = Vec::new();
    fs_err::File::open(&full)
        .and_then(|file| file.take(MOST).read_to_end(&mut bytes))
        .map_err(|error| failed(error.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        // Only the end of a file over the limit can be half a character.
        Err(error)
            if error.utf8_error().error_len().is_none()
                && error.as_bytes().len() as u64 == MOST =>
        {
            Ok(Some(String::from_utf8_lossy(error.as_bytes()).into_owned()))
        }
        Err(error) => {
            let before = error
                .as_bytes()
                .iter()
                .take(error.utf8_error().valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            Err(failed(format!("line {line} is not UTF-8")).hint("Save it as UTF-8."))
        }
    }
}
