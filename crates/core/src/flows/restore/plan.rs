//! What a restore does, decided without asking anybody.

use jiff::Timestamp;

use super::{
    Observed, Wish,
    compare::{compare, named},
    refusal::Refusal,
    room::check_room,
};
use crate::{
    app::AppName,
    backup::size,
    clock::stamp,
    dokku::{
        aside::{Aside, Left},
        datastore::Image,
    },
    dump::{Amounts, Engine, is_newer},
    journal::Journal,
    lock::LockState,
    store::Variables,
};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Stop the app.
    StopApp,
    /// Copy the present data to a file, checked.
    Keep,
    /// Put a fresh database in the place of the present one.
    SetAside {
        /// The names.
        aside: Aside,
        /// Databases of attempts that did not end, which are not needed.
        leftovers: Vec<String>,
    },
    /// Drop the database and make it anew.
    Empty {
        /// Its name.
        database: String,
        /// Its character set and collation.
        collation: (String, String),
    },
    /// Make the service to restore into, of the present one's image.
    Create(Image),
    /// Let the service read the dump.
    Import,
    /// Count, and compare with the dump.
    Check,
    /// Remove what was set aside.
    Forget(Aside),
}

/// What a restore does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Whether the app is locked meanwhile.
    pub locks: bool,
    /// Tables that are there now and that the dump does not know: they will be gone.
    pub extra: Vec<String>,
    /// What to know before agreeing.
    pub notes: Vec<String>,
    /// What will be replaced by what, a line each.
    pub summary: Vec<String>,
}

/// Decides. `now` names what is set aside.
pub fn plan(wish: &Wish, observed: &Observed, now: Timestamp) -> Result<Plan, Refusal> {
    check_file(wish, observed)?;
    let unknown_room = check_room(wish, observed, wish.into.is_some())?;
    let empty = Amounts::default();
    let amounts = wish.file.dump.amounts.as_ref().unwrap_or(&empty);
    let mut plan = Plan {
        steps: Vec::new(),
        locks: wish.into.is_none(),
        extra: Vec::new(),
        notes: unknown_room.into_iter().collect(),
        summary: summary(wish, observed, now),
    };
    if let Some(why) = &amounts.unknown {
        plan.notes
            .push(format!("rows cannot be compared afterwards: {why}"));
    }
    if let Some(into) = &wish.into {
        if observed.is_taken {
            return Err(Refusal::Taken(into.clone()));
        }
        plan.steps = vec![
            Step::Create(image(&observed.image)),
            Step::Import,
            Step::Check,
        ];
        return Ok(plan);
    }
    let variables = observed
        .variables
        .as_ref()
        .ok_or_else(|| Refusal::NoSuchApp(wish.app.clone()))?;
    check_app(&wish.app, variables, wish.left_lock.as_deref(), now)?;
    plan.extra = compare(amounts, &observed.census.tables).extra;
    let others: Vec<String> = observed
        .apps
        .iter()
        .filter(|app| **app != wish.app)
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        plan.notes.push(format!(
            "{} is also used by {}",
            wish.database.name,
            others.join(", ")
        ));
    }
    if let Some(other) = &wish.file.service
        && *other != wish.database.name.as_str()
    {
        plan.notes.push(format!(
            "{} is a backup of the service {other}, not of {}",
            wish.file.name, wish.database.name
        ));
    }
    if wish.stop_app && observed.is_running {
        plan.steps.push(Step::StopApp);
    } else if observed.is_running {
        plan.notes.push(format!(
            "{} keeps running and may write meanwhile; --stop-app stops it until the restore is done",
            wish.app
        ));
    }
    plan.steps.push(Step::Keep);
    replace(wish, observed, now, &mut plan);
    Ok(plan)
}

/// The steps that put the dump in the place of the present data.
fn replace(wish: &Wish, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let database = observed.census.database.clone().unwrap_or_default();
    match wish.database.engine {
        Engine::Postgres => {
            let left = |wanted: Left| -> Vec<String> {
                let databases = observed.census.databases.iter();
                databases
                    .filter(|other| Aside::left(&database, other) == Some(wanted))
                    .cloned()
                    .collect()
            };
            for before in left(Left::Before) {
                plan.notes.push(format!(
                    "a restore that did not end left what was there before it in the database {before}; \
                     it stays. `echo 'DROP DATABASE \"{before}\";' | dokku-cli db {} connect {}` removes it",
                    wish.app, wish.database.name
                ));
            }
            let aside = Aside::new(&database, now);
            plan.steps.extend([
                Step::SetAside {
                    aside: aside.clone(),
                    leftovers: left(Left::Rest),
                },
                Step::Import,
                Step::Check,
                Step::Forget(aside),
            ]);
        }
        Engine::Mysql | Engine::Mariadb => plan.steps.extend([
            Step::Empty {
                database,
                collation: observed.census.collation.clone().unwrap_or_default(),
            },
            Step::Import,
            Step::Check,
        ]),
        // An import replaces the whole data file.
        Engine::Redis => plan.steps.extend([Step::Import, Step::Check]),
        // Refused by `check_file`.
        Engine::Mongo => {}
    }
}

/// `postgis/postgis:16-3.4` as name and tag.
pub(super) fn image(image: &str) -> Image {
    match image.rsplit_once(':') {
        Some((name, version)) => Image {
            name: Some(name.to_owned()),
            version: Some(version.to_owned()),
        },
        None => Image::default(),
    }
}

/// Whether the file may go to this service at all.
pub(super) fn check_file(wish: &Wish, observed: &Observed) -> Result<(), Refusal> {
    let (file, dump) = (&wish.file, &wish.file.dump);
    let database = &wish.database;
    if database.engine == Engine::Mongo {
        return Err(Refusal::ByHand {
            engine: database.engine,
        });
    }
    match &file.app {
        Some(owner) if *owner != wish.app.as_str() && !wish.other_app => {
            return Err(Refusal::OtherApp {
                file: file.name.clone(),
                owner: owner.clone(),
                app: wish.app.clone(),
            });
        }
        _ => {}
    }
    if dump.engine != database.engine {
        return Err(Refusal::OtherEngine {
            file: file.name.clone(),
            found: dump.engine,
            service: database.name.clone(),
            kind: database.kind,
        });
    }
    let server = &observed.census.version;
    if let Some(version) = &dump.version
        && is_newer(dump.engine, version, server)
    {
        return Err(Refusal::Newer {
            file: file.name.clone(),
            engine: dump.engine,
            dump: version.clone(),
            service: database.name.clone(),
            server: server.clone(),
        });
    }
    let lacks = [
        ("roles", &dump.needs.roles, &observed.census.roles),
        (
            "extensions",
            &dump.needs.extensions,
            &observed.census.extensions,
        ),
    ];
    for (what, needed, there) in lacks {
        let names: Vec<String> = needed.difference(there).cloned().collect();
        if !names.is_empty() {
            return Err(Refusal::Lacks {
                file: file.name.clone(),
                what,
                service: database.name.clone(),
                names: named(&names),
            });
        }
    }
    Ok(())
}

/// A locked app, and one that is being deployed, keeps its data. `left_lock` is the fingerprint of
/// a lock that does not count, because its holder is dead.
pub fn check_app(
    app: &AppName,
    variables: &Variables,
    left_lock: Option<&str>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let unreadable = |why: String| Refusal::Unreadable {
        app: app.clone(),
        why,
    };
    let state = LockState::of(variables, now).map_err(|bad| unreadable(bad.to_string()))?;
    match state {
        LockState::Locked(lock) if left_lock != Some(lock.fingerprint().as_str()) => {
            return Err(Refusal::Locked {
                app: app.clone(),
                by: lock.by,
                at: lock.at,
                reason: lock.reason,
            });
        }
        _ => {}
    }
    let journal =
        Journal::of(&variables.clone().into_map()).map_err(|bad| unreadable(bad.to_string()))?;
    match journal {
        Some(journal) if !journal.is_expired(now) => Err(Refusal::Busy {
            app: app.clone(),
            by: journal.by,
            phase: journal.phase.as_str(),
        }),
        _ => Ok(()),
    }
}

fn summary(wish: &Wish, observed: &Observed, now: Timestamp) -> Vec<String> {
    let (file, dump, census) = (&wish.file, &wish.file.dump, &observed.census);
    let engine = dump.engine;
    let (holders, held) = engine.units();
    let rows = |amount: u64, tables: usize| format!("{amount} {held} in {tables} {holders}");
    let made = file.made.map_or_else(
        || "of unknown age".to_owned(),
        |made| format!("of {}, {} old", stamp(made), age(now.duration_since(made))),
    );
    let whose = match (&file.service, &file.app) {
        (Some(service), Some(app)) => format!("{service} of {app}, "),
        (None, Some(app)) => format!("{app}, "),
        _ => String::new(),
    };
    let held = dump.amounts.as_ref().map_or_else(
        || "not counted".to_owned(),
        |amounts| rows(amounts.total(), amounts.tables.len()),
    );
    let present = Amounts {
        tables: census.tables.clone(),
        unknown: None,
    };
    vec![
        format!(
            "from: {} ({whose}{made}, {}, {engine} {}, {held})",
            file.name,
            size(file.size),
            dump.version.as_deref().unwrap_or("of unknown version")
        ),
        format!(
            "{}: {} of {} ({} there, {engine} {}, {})",
            if wish.into.is_some() {
                "beside"
            } else {
                "replaces"
            },
            wish.database.name,
            wish.app,
            size(census.size),
            census.version,
            rows(present.total(), census.tables.len())
        ),
    ]
}

fn age(age: jiff::SignedDuration) -> String {
    match (age.as_hours() / 24, age.as_hours(), age.as_mins()) {
        (days, ..) if days >= 2 => format!("{days} days"),
        (_, hours, _) if hours >= 2 => format!("{hours} hours"),
        (.., minutes) if minutes >= 0 => format!("{minutes} minutes"),
        _ => "less than no time".to_owned(),
    }
}
