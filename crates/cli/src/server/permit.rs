//! One-use permissions to deploy one commit of a locked app.

use std::{io, io::Write, path::PathBuf};

use dokku_deploy::{
    app::AppName,
    plugin_protocol::{Fault, FaultKind, Permit},
};
use jiff::Timestamp;

use super::{
    audit::{Event, Happening},
    dokku,
    gate::record,
    locks::{failed, fault, missing},
    place::{Place, is_path_part},
};
use crate::ui::Ui;

/// What lets a deploy through a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// A permission for this commit, used up now.
    Permitted(Permit),
    /// The break-glass file, with what stands in it.
    BreakGlass(String),
}

impl Excuse {
    /// As what it is recorded.
    pub fn event(&self) -> Event {
        match self {
            Self::Permitted(_) => Event::Override,
            Self::BreakGlass(_) => Event::BreakGlass,
        }
    }

    /// Who excused it, where that is known.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Permitted(permit) => Some(&permit.by),
            Self::BreakGlass(_) => None,
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Permitted(permit) => &permit.reason,
            Self::BreakGlass(note) => note,
        }
    }
}

/// What lets a deploy of this commit through a lock, if anything does.
pub fn excuse(
    place: &Place,
    app: &str,
    commit: &str,
    now: Timestamp,
) -> io::Result<Option<Excuse>> {
    if let Some(permit) = use_up(place, app, commit, now)? {
        return Ok(Some(Excuse::Permitted(permit)));
    }
    match fs_err::read_to_string(place.break_glass()) {
        Ok(note) => Ok(Some(Excuse::BreakGlass(note.trim().to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a permission and records it. An app whose state cannot be read can be deployed by one, an
/// app that does not exist cannot.
pub fn permit(
    place: &Place,
    app: &AppName,
    commit: &str,
    permit: &Permit,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), Fault> {
    if matches!(dokku::export(app.as_str()), Ok(None)) {
        return Err(missing(app));
    }
    let app = app.as_str();
    give(place, app, commit, permit).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => fault(FaultKind::Invalid, &error),
        _ => failed(&error),
    })?;
    let happening = Happening {
        commit: Some(commit.to_owned()),
        by: Some(permit.by.clone()),
        reason: Some(permit.reason.clone()),
        ..Happening::new(Event::Permitted, app)
    };
    record(place, happening, now, ui);
    Ok(())
}

/// Gives a permission; a second one for the same commit replaces the first.
fn give(place: &Place, app: &str, commit: &str, permit: &Permit) -> io::Result<()> {
    let path = path(place, app, commit)?;
    let directory = place.data().join("permits");
    fs_err::create_dir_all(&directory)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    file.write_all(&serde_json::to_vec(permit)?)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Takes the permission for this commit, if there is one that has not ended. Nobody can take it
/// twice.
fn use_up(place: &Place, app: &str, commit: &str, now: Timestamp) -> io::Result<Option<Permit>> {
    let path = path(place, app, commit)?;
    let taken = path.with_extension(format!("taken-{}", std::process::id()));
    match fs_err::rename(&path, &taken) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let permit: Permit = serde_json::from_slice(&fs_err::read(&taken)?)?;
    fs_err::remove_file(&taken)?;
    Ok(Some(permit).filter(|permit| now < permit.until))
}

fn path(place: &Place, app: &str, commit: &str) -> io::Result<PathBuf> {
    let is_commit = commit.len() >= 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
    if !is_path_part(app) || !is_commit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{app:?} and {commit:?} are not an app and its commit"),
        ));
    }
    let name = format!("{app}-{commit}.json");
    Ok(place.data().join("permits").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn a_permission_is_for_one_commit_of_one_app_once_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::under(dir.path());
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let permit = Permit {
            by: "ada".to_owned(),
            reason: "rollback".to_owned(),
            until: "2026-11-23T12:10:00Z".parse().unwrap(),
        };
        give(&place, "shop", COMMIT, &permit).unwrap();
        let other = COMMIT.replace('9', "8");
        assert_eq!(use_up(&place, "shop", &other, now).unwrap(), None);
        assert_eq!(use_up(&place, "shop-staging", COMMIT, now).unwrap(), None);
        assert_eq!(
            use_up(&place, "shop", COMMIT, now).unwrap(),
            Some(permit.clone())
        );
        assert_eq!(use_up(&place, "shop", COMMIT, now).unwrap(), None);
        give(&place, "shop", COMMIT, &permit).unwrap();
        assert_eq!(use_up(&place, "shop", COMMIT, permit.until).unwrap(), None);
        assert!(give(&place, "../shop", COMMIT, &permit).is_err());
        assert!(give(&place, "shop", "HEAD", &permit).is_err());
    }
}
