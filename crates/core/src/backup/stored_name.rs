//! Names of backups on a server and in S3: `KIND/APP/[REASON_]YYYYMMDD_HHMMSS[.SERVICE].gz`, and the
//! ids that people type.

use std::fmt;

use jiff::Timestamp;

use super::{Reason, read_time, write_time};
use crate::{
    app::AppName,
    service::{ServiceKind, ServiceName},
};

/// Where a backup lies below the top directory of a server, or below a prefix in a bucket.
///
/// Where an app has one service of a kind, its name is not part of the file's, as it has always
/// been; where it has several, all but the one named `KIND-APP` have theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredName {
    /// The kind of the service: the outer directory.
    pub kind: ServiceKind,
    /// Whose data it is: the inner directory.
    pub app: AppName,
    /// Why it was made.
    pub reason: Reason,
    /// When it was begun, in whole seconds.
    pub time: Timestamp,
    /// The service, where the name has to tell it.
    pub service: Option<ServiceName>,
    /// Whether it is encrypted: `.age` at the end.
    pub is_encrypted: bool,
}

impl StoredName {
    /// The directory of an app's backups of a kind, relative, with `/`.
    pub fn directory(kind: ServiceKind, app: &AppName) -> String {
        format!("{kind}/{app}")
    }

    /// The name of the file alone.
    pub fn file(&self) -> String {
        let mut name = String::new();
        if self.reason.is_safety_copy() {
            name.push_str(self.reason.as_str());
            name.push('_');
        }
        name.push_str(&write_time(self.time));
        if let Some(service) = &self.service {
            name.push('.');
            name.push_str(service.as_str());
        }
        name.push_str(".gz");
        if self.is_encrypted {
            name.push_str(".age");
        }
        name
    }

    /// Reads `KIND/APP/FILE`; `None` if that is no name of this system. What others wrote there
    /// (`….rdb.gz` of older versions) is none, and left alone.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let kind = parts.next()?.parse().ok()?;
        let app = AppName::new(parts.next()?).ok()?;
        let file = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let (rest, is_encrypted) = match file.strip_suffix(".age") {
            Some(rest) => (rest, true),
            None => (file, false),
        };
        let rest = rest.strip_suffix(".gz")?;
        let (stem, service) = match rest.split_once('.') {
            Some((stem, service)) => (stem, Some(ServiceName::new(service).ok()?)),
            None => (rest, None),
        };
        let reason = Reason::ALL
            .into_iter()
            .filter(|reason| reason.is_safety_copy())
            .find_map(|reason| {
                let rest = stem.strip_prefix(reason.as_str())?.strip_prefix('_')?;
                Some((reason, rest))
            });
        let (reason, time) = reason.unwrap_or((Reason::Manual, stem));
        let parsed = Self {
            kind,
            app,
            reason,
            time: read_time(time)?,
            service,
            is_encrypted,
        };
        (parsed.file() == file).then_some(parsed)
    }
}

impl fmt::Display for StoredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.app, self.file())
    }
}

/// Where backups are kept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On the Dokku host, below `/var/backups/dokku`.
    Server,
    /// In a bucket.
    S3,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::S3 => "s3",
        })
    }
}

/// What a person types for one backup that is not a file here: `server:KIND/APP/FILE` or
/// `s3:KIND/APP/FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupId {
    /// Where it lies.
    pub place: Place,
    /// Its name there.
    pub name: StoredName,
}

impl BackupId {
    /// Reads an id; `None` for anything else, such as the path of a file.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.split_once(':')?;
        let place = match place {
            "server" => Place::Server,
            "s3" => Place::S3,
            _ => return None,
        };
        Some(Self {
            place,
            name: StoredName::parse(name)?,
        })
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_that_people_know() {
        let name = StoredName::parse("postgres/shop/20261125_020000.gz").unwrap();
        assert_eq!((name.reason, name.service), (Reason::Manual, None));
        let name =
            StoredName::parse("redis/shop/pre-destroy_20261125_020000.cache.gz.age").unwrap();
        assert_eq!(name.reason, Reason::PreDestroy);
        assert_eq!(name.service.unwrap().as_str(), "cache");
        assert!(name.is_encrypted);
        let id = BackupId::parse("s3:postgres/shop/20261125_020000.gz").unwrap();
        assert_eq!(id.place, Place::S3);
        assert_eq!(id.to_string(), "s3:postgres/shop/20261125_020000.gz");
    }

    #[test]
    fn what_others_wrote_is_not_ours() {
        for other in [
            "postgres/20261125_020000.gz",
            "postgres/shop/../20261125_020000.gz",
            "postgres/../../etc/20261125_020000.gz",
            "oracle/shop/20261125_020000.gz",
            "postgres/shop/20261125_020000.gz.json",
            "postgres/shop/20261125_020000.sql",
            "postgres/shop/shop_20261125_020000.sql.gz",
            "postgres/shop/20261125_020000.a.b.gz",
            "postgres/shop/manual_20261125_020000.gz",
            "postgres/shop/.gz",
            "",
        ] {
            assert_eq!(StoredName::parse(other), None, "{other}");
        }
        assert_eq!(
            BackupId::parse("here:postgres/shop/20261125_020000.gz"),
            None
        );
        assert_eq!(BackupId::parse("shop-20261125_020000.dump"), None);
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(
            seconds in 0_i64..4_000_000_000,
            reason in prop::sample::select(Reason::ALL.to_vec()),
            kind in prop::sample::select(ServiceKind::ALL.to_vec()),
            service in prop::option::of("[A-Za-z0-9][A-Za-z0-9_-]{0,10}"),
            is_encrypted in any::<bool>(),
        ) {
            let name = StoredName {
                kind,
                app: AppName::new("my-app").unwrap(),
                reason,
                time: Timestamp::from_second(seconds).unwrap(),
                service: service.map(|name| ServiceName::new(&name).unwrap()),
                is_encrypted,
            };
            prop_assert_eq!(StoredName::parse(&name.to_string()), Some(name));
        }
    }
}
