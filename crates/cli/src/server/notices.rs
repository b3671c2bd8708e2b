//! Telling people from the host itself of what no `dokku-cli` sees: a lock by plain `config:set`, a
//! refused push, a backup of the night that failed.
//!
//! A message is first a file in `notices/`, then a process of its own sends it: whoever deploys waits
//! for neither, and what is not sent stays until the next time.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use dokku_deploy::{
    audit::AuditEntry,
    interrupt::Never,
    plugin_protocol::{Fault, FaultKind, NotifyRequest, NotifyState},
    settings::{Settings, Source},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{place::Place, turn::Turn};
use crate::notify::{Audience, Deliveries, Patience, VARIABLES};

/// How often a message is tried before it is given up.
const TRIES: u32 = 5;

/// What the host knows of who is told.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    variables: BTreeMap<String, String>,
    /// The section `notifications:` of a `config.yml`, for the whole host.
    rules: String,
}

/// A message that waits to be sent.
#[derive(Serialize, Deserialize)]
struct Notice {
    entry: AuditEntry,
    /// How often it was tried.
    #[serde(default)]
    tries: u32,
    /// The services that have it already.
    #[serde(default)]
    told: Vec<String>,
}

fn stored_path(place: &Place) -> PathBuf {
    place.data().join("notify.json")
}

fn directory(place: &Place) -> PathBuf {
    place.data().join("notices")
}

fn stored(place: &Place) -> io::Result<Option<Stored>> {
    let bytes = match fs_err::read(stored_path(place)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Nothing of the content may get into a message.
    serde_json::from_slice(&bytes).map(Some).map_err(|_| {
        let path = stored_path(place);
        let why = format!("{} is damaged: set it anew", path.display());
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

fn settings(rules: &str) -> Result<Settings, String> {
    let source = Source {
        path: "notifications",
        text: rules,
    };
    Settings::parse(Some(source), None).map_err(|faults| faults.to_string())
}

fn audience(stored: &Stored) -> Audience {
    // They were checked when they were set.
    let settings = settings(&stored.rules).unwrap_or_default();
    Audience::new(|name| stored.variables.get(name).cloned(), settings)
}

/// Has people told of an entry, if the host knows anybody who wants to know. It takes a file and the
/// start of a process.
pub fn notice(place: &Place, entry: &AuditEntry, now: Timestamp) -> io::Result<()> {
    let Some(stored) = stored(place)? else {
        return Ok(());
    };
    if audience(&stored).requests(entry, now).is_empty() {
        return Ok(());
    }
    let notice = Notice {
        entry: entry.clone(),
        tries: 0,
        told: Vec::new(),
    };
    let name = format!(
        "{:020}-{:08x}.json",
        now.as_nanosecond(),
        rand::random::<u32>()
    );
    write(&directory(place).join(name), &notice)?;
    send_later()
}

fn write(path: &Path, notice: &Notice) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    fs_err::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&serde_json::to_vec(notice)?)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Starts the process that sends. It outlives the ssh session that it was started in.
fn send_later() -> io::Result<()> {
    let program = std::env::current_exe()?;
    Command::new(program)
        .args(["plugin", "notices"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
}

/// Sends what waits, one process at a time.
pub fn send(place: &Place) -> io::Result<()> {
    let _turn = Turn::wait(&place.data().join("notices.turn"))?;
    let Some(stored) = stored(place)? else {
        return Ok(());
    };
    let audience = audience(&stored);
    for path in waiting(place)? {
        let Some(mut notice) = fs_err::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Notice>(&bytes).ok())
        else {
            give_up(place, &path)?;
            continue;
        };
        let mut requests = audience.requests(&notice.entry, Timestamp::now());
        requests.retain(|request| {
            !notice
                .told
                .iter()
                .any(|told| told == request.service.as_str())
        });
        let ends = Deliveries::begin(requests, Patience::default()).wait(&Never);
        let is_told = ends.iter().all(|(_, end)| end.is_ok());
        if is_told {
            fs_err::remove_file(&path)?;
            continue;
        }
        notice.tries += 1;
        let failed: Vec<_> = ends
            .iter()
            .filter(|(_, end)| end.is_err())
            .map(|(service, _)| *service)
            .collect();
        let told = ends.iter().filter(|(service, _)| !failed.contains(service));
        notice
            .told
            .extend(told.map(|(service, _)| service.as_str().to_owned()));
        write(&path, &notice)?;
        if notice.tries >= TRIES {
            give_up(place, &path)?;
        }
    }
    Ok(())
}

/// The messages that wait, oldest first.
fn waiting(place: &Place) -> io::Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(directory(place)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Puts a message aside that cannot be sent: it is kept, and `server notify show` counts it.
fn give_up(place: &Place, path: &Path) -> io::Result<()> {
    let aside = directory(place).join("undelivered");
    fs_err::create_dir_all(&aside)?;
    fs_err::rename(path, aside.join(path.file_name().unwrap_or_default()))
}

/// Changes who is told, and says what is known then. Values never come back.
pub fn configure(place: &Place, request: &NotifyRequest) -> Result<NotifyState, Fault> {
    let fault = |kind, message: String| Fault { kind, message };
    let invalid = |message| fault(FaultKind::Invalid, message);
    let failed = |error: io::Error| fault(FaultKind::Failed, error.to_string());
    let is_known = |name: &String| VARIABLES.iter().any(|(known, _)| known == name);
    if let Some(unknown) = request
        .set
        .keys()
        .chain(&request.unset)
        .find(|name| !is_known(name))
    {
        let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let given: String = unknown.chars().take(80).collect();
        return Err(invalid(format!(
            "{given:?} is none of {}",
            known.join(", ")
        )));
    }
    let mut stored = stored(place).map_err(failed)?.unwrap_or_default();
    let is_change = !request.set.is_empty() || !request.unset.is_empty() || request.rules.is_some();
    for name in &request.unset {
        stored.variables.remove(name);
    }
    stored.variables.extend(request.set.clone());
    if let Some(rules) = &request.rules {
        settings(rules).map_err(invalid)?;
        stored.rules.clone_from(rules);
    }
    let audience = audience(&stored);
    let is_new = |variable: &str| request.set.contains_key(variable);
    if let Some(bad) = audience.malformed().iter().find(|bad| is_new(bad.variable)) {
        return Err(invalid(bad.to_string()));
    }
    if is_change {
        save(place, &stored).map_err(failed)?;
    }
    let undelivered = fs_err::read_dir(directory(place).join("undelivered"));
    Ok(NotifyState {
        variables: stored.variables.keys().cloned().collect(),
        has_rules: !stored.rules.is_empty(),
        malformed: audience
            .malformed()
            .iter()
            .map(ToString::to_string)
            .collect(),
        waiting: waiting(place).map_err(failed)?.len(),
        undelivered: undelivered.map_or(0, Iterator::count),
    })
}

fn save(place: &Place, stored: &Stored) -> io::Result<()> {
    let path = stored_path(place);
    if stored.variables.is_empty() && stored.rules.is_empty() {
        return match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    fs_err::create_dir_all(place.data())?;
    // Files of this kind are made with the mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(place.data())?;
    file.write_all(&serde_json::to_vec(stored)?)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
