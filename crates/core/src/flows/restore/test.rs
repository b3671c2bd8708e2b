//! Restore tests: into a scratch service, which is destroyed again.

use jiff::Timestamp;

use super::{
    compare::{compare, named},
    observe::Observed,
    plan::{check_file, image},
    refusal::Refusal,
    room::check_room,
    run::{Ground, Halt, Hands},
    wish::Wish,
};
use crate::{
    dokku::{
        census::{self, Database},
        datastore::{self, Created, Destroyed},
        is_unknown_command,
    },
    event::{Event, Report},
    host::{Answer, Host, HostError},
    service::{ServiceKind, ServiceName},
};

/// What names of scratch services begin with.
const PREFIX: &str = "restore-test-";
/// A scratch service of another machine that is older than this is nobody's any more.
const OLDEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A scratch service: its name tells whose it is and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scratch {
    /// Its name.
    pub name: ServiceName,
    /// The machine and person that made it, 8 hexadecimal digits.
    pub owner: String,
    /// When.
    pub since: Timestamp,
}

impl Scratch {
    /// A new one of `owner`.
    pub fn new(owner: &str, now: Timestamp) -> Option<Self> {
        Self::parse(&format!("{PREFIX}{owner}-{}", now.as_second()))
    }

    /// What a service's name tells; `None` if it is no scratch service.
    pub fn parse(name: &str) -> Option<Self> {
        let (owner, since) = name.strip_prefix(PREFIX)?.split_once('-')?;
        let is_owner = owner.len() == 8 && owner.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            name: ServiceName::new(name).ok()?,
            owner: is_owner.then(|| owner.to_owned())?,
            since: Timestamp::from_second(since.parse().ok()?).ok()?,
        })
    }
}

/// The scratch services of these kinds that are on a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Those that nobody needs any more.
    pub dead: Vec<(ServiceKind, Scratch)>,
    /// Those of tests that may be under way.
    pub alive: Vec<Scratch>,
}

/// Looks for scratch services. `owner` holds the lock that lets only one test of its own run. A kind
/// whose plugin is not installed has none.
pub fn leftovers(
    kinds: &[ServiceKind],
    owner: &str,
    host: &dyn Host,
    now: Timestamp,
) -> Result<Leftovers, HostError> {
    let questions: Vec<_> = kinds.iter().map(|kind| datastore::list(*kind)).collect();
    let mut left = Leftovers::default();
    for (kind, answer) in kinds.iter().zip(host.ask_all(&questions)) {
        let answer = answer?;
        if is_unknown_command(&answer) {
            continue;
        }
        for service in datastore::read_list(&answer)? {
            let Some(scratch) = Scratch::parse(service.as_str()) else {
                continue;
            };
            let age = now.duration_since(scratch.since);
            if scratch.owner == owner || age > OLDEST {
                left.dead.push((*kind, scratch));
            } else {
                left.alive.push(scratch);
            }
        }
    }
    Ok(left)
}

/// What a restore test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// Everything is there: so many tables, so many rows or keys.
    Restores {
        /// Tables of the dump.
        tables: usize,
        /// Rows or keys of the dump.
        rows: u64,
    },
    /// The dump does not restore, or not all of it is there afterwards.
    Fails(String),
    /// It could not be tried; of the backup this says nothing.
    Unknown(Halt),
    /// It may not be tried.
    Refused(Refusal),
}

/// Restores into a scratch service, counts, and destroys it, whatever happens. Also the warnings.
pub fn test(
    wish: &Wish,
    observed: &Observed,
    scratch: &Scratch,
    ground: Ground<'_>,
    hands: &mut dyn Hands,
    report: &mut dyn Report,
) -> (Tested, Vec<String>) {
    let mut warnings = Vec::new();
    match check_file(wish, observed).and_then(|()| check_room(wish, observed, true)) {
        Ok(unknown) => warnings.extend(unknown),
        Err(refusal) => return (Tested::Refused(refusal), warnings),
    }
    for warning in &warnings {
        report.event(Event::Warning(warning));
    }
    let database = Database {
        name: scratch.name.clone(),
        ..wish.database.clone()
    };
    report.event(Event::Step(&format!(
        "Restoring {} into the scratch service {}",
        wish.file.name, scratch.name
    )));
    let tested = attempt(wish, observed, &database, ground, hands);
    if !matches!(tested, Tested::Unknown(Halt::Taken))
        && let Err(error) = destroy(database.kind, &database.name, ground.host)
    {
        let text = format!(
            "the scratch service {} is still there: {error}; the next test removes it",
            scratch.name
        );
        report.event(Event::Warning(&text));
        warnings.push(text);
    }
    (tested, warnings)
}

fn attempt(
    wish: &Wish,
    observed: &Observed,
    database: &Database,
    ground: Ground<'_>,
    hands: &mut dyn Hands,
) -> Tested {
    let host = ground.host;
    let unknown = |error: HostError| {
        Tested::Unknown(match (error, ground.interrupts.requests().1) {
            (HostError::Stopped { .. }, Some(signal)) => Halt::Interrupted(signal),
            (error, _) => Halt::Host(error),
        })
    };
    let create = datastore::create(database.kind, &database.name, &image(&observed.image));
    match host
        .ask(&create)
        .and_then(|answer| datastore::read_created(&answer))
    {
        Ok(Created::New) => {}
        Ok(Created::Taken) => return Tested::Unknown(Halt::Taken),
        Err(error) => return unknown(error),
    }
    let import = datastore::import(database.kind, &database.name);
    match hands.import(&import) {
        Ok(answer) if answer.is_ok() => {}
        // The engine itself says that it cannot read the dump.
        Ok(answer) => return Tested::Fails(answer.refused().to_string()),
        Err(error) => return unknown(error),
    }
    let counted = host
        .ask(&census::ask(database))
        .and_then(Answer::accepted)
        .and_then(|answer| census::read(database.engine, &answer));
    let found = match counted {
        Ok(found) => found,
        Err(error) => return unknown(error),
    };
    let Some(wanted) = &wish.file.dump.amounts else {
        return Tested::Fails("its rows were not counted".to_owned());
    };
    if let Some(why) = &wanted.unknown {
        return Tested::Fails(format!("its rows cannot be compared: {why}"));
    }
    let verdict = compare(wanted, &found.tables);
    if verdict.is_exact() {
        return Tested::Restores {
            tables: verdict.compared,
            rows: verdict.rows,
        };
    }
    let differences = [verdict.missing, verdict.surplus, verdict.extra].concat();
    Tested::Fails(named(&differences))
}

/// Destroys a scratch service.
pub fn destroy(kind: ServiceKind, name: &ServiceName, host: &dyn Host) -> Result<(), HostError> {
    let answer = host.ask(&datastore::destroy(kind, name))?;
    match datastore::read_destroyed(&answer)? {
        Destroyed::Gone | Destroyed::WasAbsent => Ok(()),
        Destroyed::IsLinked => Err(answer.refused()),
    }
}
