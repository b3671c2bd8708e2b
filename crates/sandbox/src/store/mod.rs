//! The state of the host on disk: one directory an app, every file written by atomic rename.
//!
//! `apps/NAME/app.json` holds [`App`], `config/NAME/ENV` the variables (`config/--global/ENV` the global ones),
//! `globals.json` the [`Globals`], `locks/NAME` exists while `apps:lock` holds.

pub mod app;
pub mod env;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use app::{App, Globals};
pub use env::Env;

/// Whose variables are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// `--global`.
    Global,
    /// One app.
    App(&'a str),
}

impl Scope<'_> {
    fn directory(self) -> String {
        match self {
            Scope::Global => "--global".to_owned(),
            Scope::App(name) => name.to_owned(),
        }
    }
}

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such app; Dokku's words.
    #[error("App {0} does not exist")]
    NoSuchApp(String),
    /// The variables cannot be parsed; Dokku's words.
    #[error(transparent)]
    Unreadable(#[from] env::Unreadable),
    /// The state on disk is damaged.
    #[error("{path}: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The state under one root; all changes go one after another.
pub struct Store {
    root: PathBuf,
    turn: Mutex<()>,
}

impl Store {
    /// Opens or makes the state under `root`.
    pub fn open(root: &Path) -> io::Result<Self> {
        for directory in ["apps", "config/--global", "locks"] {
            fs_err::create_dir_all(root.join(directory))?;
        }
        Ok(Self {
            root: root.to_owned(),
            turn: Mutex::new(()),
        })
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn app_file(&self, name: &str) -> PathBuf {
        self.root.join("apps").join(name).join("app.json")
    }

    /// The file that holds variables; an operator repairs an unreadable one by editing or removing it.
    pub fn env_file(&self, scope: Scope<'_>) -> PathBuf {
        self.root.join("config").join(scope.directory()).join("ENV")
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        self.root.join("locks").join(name)
    }

    /// Names of all apps, sorted.
    pub fn apps(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(self.root.join("apps"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if self.has_app(&name) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether the app exists.
    pub fn has_app(&self, name: &str) -> bool {
        !name.is_empty() && !name.contains('/') && name != ".." && self.app_file(name).is_file()
    }

    /// The app as it is now.
    pub fn app(&self, name: &str) -> Result<App, StoreError> {
        if !self.has_app(name) {
            return Err(StoreError::NoSuchApp(name.to_owned()));
        }
        read_json(&self.app_file(name))
    }

    /// Makes a new app or replaces what is known about one.
    pub fn put_app(&self, app: &App) -> Result<(), StoreError> {
        let _turn = self.turn();
        write_json(&self.app_file(&app.name), app)
    }

    /// Makes a new app; false if there is one already.
    pub fn create_app(&self, app: &App) -> Result<bool, StoreError> {
        let _turn = self.turn();
        if self.has_app(&app.name) {
            return Ok(false);
        }
        write_json(&self.app_file(&app.name), app)?;
        Ok(true)
    }

    /// Changes an app; nobody else changes it meanwhile.
    pub fn update_app<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut App) -> R,
    ) -> Result<R, StoreError> {
        let _turn = self.turn();
        let mut app = self.app(name)?;
        let result = change(&mut app);
        write_json(&self.app_file(name), &app)?;
        Ok(result)
    }

    /// Forgets an app, its variables and its lock.
    pub fn remove_app(&self, name: &str) -> Result<(), StoreError> {
        let _turn = self.turn();
        // The app's own file goes first: without it the rest is debris that a new app of the name replaces.
        remove_if_there(&self.app_file(name))?;
        remove_if_there(&self.env_file(Scope::App(name)))?;
        remove_if_there(&self.lock_file(name))?;
        match fs_err::remove_dir_all(self.root.join("apps").join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What is known about the host as a whole.
    pub fn globals(&self) -> Result<Globals, StoreError> {
        let file = self.root.join("globals.json");
        if file.is_file() {
            read_json(&file)
        } else {
            Ok(Globals::default())
        }
    }

    /// Changes the globals.
    pub fn update_globals<R>(
        &self,
        change: impl FnOnce(&mut Globals) -> R,
    ) -> Result<R, StoreError> {
        let _turn = self.turn();
        let mut globals = self.globals()?;
        let result = change(&mut globals);
        write_json(&self.root.join("globals.json"), &globals)?;
        Ok(result)
    }

    /// The variables of an app or the host, as Dokku reads them back.
    pub fn env(&self, scope: Scope<'_>) -> Result<Env, StoreError> {
        if let Scope::App(name) = scope
            && !self.has_app(name)
        {
            return Err(StoreError::NoSuchApp(name.to_owned()));
        }
        match fs_err::read_to_string(self.env_file(scope)) {
            Ok(text) => Ok(env::read(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Env::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The variables that a process of the app gets: the global ones, overridden by its own.
    pub fn merged_env(&self, app: &str) -> Result<Env, StoreError> {
        let mut env = self.env(Scope::Global)?;
        env.extend(self.env(Scope::App(app))?);
        Ok(env)
    }

    /// Changes variables; fails, changing nothing, where they cannot be read.
    pub fn update_env<R>(
        &self,
        scope: Scope<'_>,
        change: impl FnOnce(&mut Env) -> R,
    ) -> Result<R, StoreError> {
        let _turn = self.turn();
        let mut env = self.env(scope)?;
        let result = change(&mut env);
        let mut text = env::write(&env);
        text.push('\n');
        write_file(&self.env_file(scope), text.as_bytes())?;
        Ok(result)
    }

    /// Whether the file of `apps:lock` is there.
    pub fn is_locked(&self, name: &str) -> bool {
        self.lock_file(name).is_file()
    }

    /// Makes the file of `apps:lock`, also while a deploy runs.
    pub fn lock(&self, name: &str) -> io::Result<()> {
        fs_err::write(self.lock_file(name), b"")
    }

    /// Removes the file of `apps:lock`; false if there was none.
    pub fn unlock(&self, name: &str) -> io::Result<bool> {
        remove_if_there(&self.lock_file(name))
    }
}

fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs_err::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).map_err(|source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    })
}

fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    bytes.push(b'\n');
    Ok(write_file(path, &bytes)?)
}

/// Writes a file that appears whole or not at all, readable by its owner only.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> App {
        App {
            name: name.to_owned(),
            ..App::default()
        }
    }

    #[test]
    fn a_new_app_is_listed_and_a_removed_one_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        assert!(store.create_app(&app("b")).unwrap());
        assert!(store.create_app(&app("a")).unwrap());
        assert!(!store.create_app(&app("a")).unwrap());
        store
            .update_env(Scope::App("a"), |env| env.insert("K".into(), "v".into()))
            .unwrap();
        assert_eq!(store.apps().unwrap(), ["a", "b"]);
        store.remove_app("a").unwrap();
        assert_eq!(Store::open(root.path()).unwrap().apps().unwrap(), ["b"]);
        store.create_app(&app("a")).unwrap();
        assert!(store.env(Scope::App("a")).unwrap().is_empty());
    }

    #[test]
    fn unreadable_variables_are_an_error_and_stay_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        store.create_app(&app("a")).unwrap();
        store
            .update_env(Scope::App("a"), |env| env.insert("K".into(), "v\\".into()))
            .unwrap();
        let before = std::fs::read(store.env_file(Scope::App("a"))).unwrap();
        assert!(matches!(
            store.env(Scope::App("a")),
            Err(StoreError::Unreadable(_))
        ));
        assert!(matches!(
            store.update_env(Scope::App("a"), Env::clear),
            Err(StoreError::Unreadable(_))
        ));
        assert_eq!(
            std::fs::read(store.env_file(Scope::App("a"))).unwrap(),
            before
        );
    }

    #[test]
    fn variables_of_a_missing_app_are_an_error() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        assert!(matches!(
            store.env(Scope::App("nope")),
            Err(StoreError::NoSuchApp(_))
        ));
    }
}
