//! Whether an app may be deployed, as the host's own state says.

use dokku_deploy::{
    app::AppName,
    lock::{self, LockState},
    store::Variables,
};
use jiff::Timestamp;

use super::{
    dokku::{self, DokkuError},
    envfile,
    place::{Place, is_path_part},
};

/// What is known of an app's lock. What is not known counts as locked.
pub type Known = Result<LockState, String>;

/// The locks that count for an app.
#[derive(Debug)]
pub struct Standing {
    /// The app's variables; `None` where they cannot be read.
    pub variables: Option<Variables>,
    /// The app's own lock.
    pub own: Known,
    /// The lock of its base app, where it has one that exists.
    pub base: Option<(AppName, Known)>,
}

/// What decides about a deploy.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Nothing stands in its way.
    Free,
    /// The lock of this app.
    Locked(&'a str, &'a lock::Lock),
    /// Nobody can tell whether this app is locked.
    Unknown(&'a str, &'a str),
}

impl Standing {
    /// Reads the locks that count for `app`; `None` if Dokku says that there is no such app.
    pub fn read(
        app: &str,
        now: Timestamp,
        read: impl Fn(&str) -> Result<Option<Variables>, DokkuError>,
    ) -> Option<Self> {
        let variables = match read(app) {
            Ok(Some(variables)) => variables,
            Ok(None) => return None,
            Err(error) => {
                return Some(Self {
                    variables: None,
                    own: Err(error.to_string()),
                    base: None,
                });
            }
        };
        let own = LockState::of(&variables, now).map_err(|error| error.to_string());
        // A name that this system does not take can still be an app of the host; it is no preview.
        let base = AppName::new(app)
            .ok()
            .and_then(|app| lock::base_app(&app, &variables).transpose());
        let mut standing = Self {
            variables: Some(variables),
            own,
            base: None,
        };
        match base {
            None => {}
            // Which base it is cannot be told, so neither whether that one is locked.
            Some(Err(_)) if matches!(standing.own, Ok(LockState::Locked(_))) => {}
            Some(Err(malformed)) => standing.own = Err(malformed.to_string()),
            Some(Ok(base)) => {
                let known = match read(base.as_str()) {
                    Ok(None) => None,
                    Ok(Some(variables)) => {
                        Some(LockState::of(&variables, now).map_err(|error| error.to_string()))
                    }
                    Err(error) => Some(Err(error.to_string())),
                };
                standing.base = known.map(|known| (base, known));
            }
        }
        Some(standing)
    }

    /// What these locks come to. A lock that is known decides before one that is not.
    pub fn verdict<'a>(&'a self, app: &'a str) -> Verdict<'a> {
        let base = self.base.iter().map(|(app, known)| (app.as_str(), known));
        let mut verdict = Verdict::Free;
        for (app, known) in std::iter::once((app, &self.own)).chain(base) {
            match known {
                Ok(LockState::Locked(lock)) => return Verdict::Locked(app, lock),
                Err(why) if matches!(verdict, Verdict::Free) => {
                    verdict = Verdict::Unknown(app, why);
                }
                _ => {}
            }
        }
        verdict
    }
}

/// Reads the variables of a deploy's app and of its base as fast as can be told for sure.
///
/// `proof` is the commit that Dokku has just stored with the app: a file that holds it is the one
/// that Dokku keeps. Where it does not (a rebuild, another place, another form), Dokku is asked.
pub fn quick<'a>(
    place: &'a Place,
    proof: &'a str,
) -> impl Fn(&str) -> Result<Option<Variables>, DokkuError> + 'a {
    let is_proven = std::cell::Cell::new(false);
    move |app| {
        if is_path_part(app)
            && let Ok(text) = fs_err::read_to_string(place.env_file(app))
            && let Some(variables) = envfile::read(&text)
        {
            is_proven.set(is_proven.get() || variables.values().any(|v| v.expose() == proof));
            if is_proven.get() {
                return Ok(Some(variables));
            }
        }
        dokku::export(app)
    }
}
