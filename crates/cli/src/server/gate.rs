//! The gate: asked by Dokku before anything is built, at the trigger `core-post-extract`.
//!
//! It is the one trigger whose failure stops `git push`, `ps:rebuild`, `git:sync --build` and the
//! commands that deploy archives and images, and that costs other commands nothing.

use dokku_deploy::{
    clock::stamp,
    journal::Journal,
    lock::{Lock, LockState},
};
use jiff::Timestamp;

use super::{
    audit::{Entry, Event, Happening, Log, as_entry},
    break_glass,
    ledger::{Before, Ledger, lock_variables},
    notices,
    permit::{self, Excuse},
    place::Place,
    refusal,
    state::{self, Standing, Verdict},
};
use crate::{exit_codes, failure::Failure, ui::Ui};

/// A deploy that asks for passage.
pub struct Deploy<'a> {
    /// The app.
    pub app: &'a str,
    /// The commit.
    pub commit: &'a str,
}

/// Lets the deploy pass ([`exit_codes::OK`]) or refuses it ([`exit_codes::REFUSED`]) and says why.
/// An error is trouble of the plugin itself; its shim then refuses too.
pub fn gate(place: &Place, deploy: &Deploy, now: Timestamp, ui: &Ui) -> Result<u8, Failure> {
    let standing = Standing::read(deploy.app, now, state::quick(place, deploy.commit));
    let verdict = match &standing {
        Some(standing) => standing.verdict(deploy.app),
        // Dokku is deploying it: it has to exist.
        None => Verdict::Unknown(deploy.app, "Dokku says that there is no such app"),
    };
    let mut ledger = Ledger::open(place, deploy.app)?;
    if matches!(verdict, Verdict::Free) {
        return free(place, deploy, &mut ledger, now, ui);
    }
    let reason = match &verdict {
        Verdict::Locked(_, lock) => lock.reason.clone(),
        Verdict::Unknown(_, why) => (*why).to_owned(),
        Verdict::Free => String::new(),
    };
    let happening = |event| Happening {
        commit: Some(deploy.commit.to_owned()),
        reason: Some(reason.clone()),
        source: place.source.clone(),
        by: None,
        ..Happening::new(event, deploy.app)
    };
    if let Some(excuse) = permit::excuse(place, deploy.app, deploy.commit, now)? {
        let app = deploy.app;
        match &excuse {
            Excuse::Permitted(permit) => say(
                ui,
                &format!(
                    "{app} is locked; this deploy was permitted by {}.",
                    permit.by
                ),
            ),
            Excuse::BreakGlass(note) => {
                say(
                    ui,
                    &format!("{app} is locked or its state unknown: {reason}"),
                );
                let file = place.break_glass();
                let file = file.display();
                say(
                    ui,
                    &format!("Deployed all the same, because of {file}: {note}"),
                );
            }
        }
        let mut excused = happening(excuse.event());
        excused.by = excuse.by().map(str::to_owned);
        excused.reason = Some(excuse.reason().to_owned());
        record(place, excused, now, ui);
        return passed(deploy, &mut ledger);
    }
    tell(ui, deploy.app, &verdict);
    let mut denied = happening(Event::Denied);
    if let Some(journal) = by_program(standing.as_ref(), now) {
        denied.is_told = true;
        denied.id = journal.entry.map(|entry| entry.id);
    }
    record(place, denied, now, ui);
    let standing = standing.as_ref();
    remember(standing, &mut ledger)?;
    let variables = standing.and_then(|standing| standing.variables.as_ref());
    if let Err(error) = refusal::put_back(place, deploy.app, deploy.commit, variables, &mut ledger)
    {
        say(
            ui,
            &format!("Not everything could be put back as it was: {error}"),
        );
    }
    Ok(exit_codes::REFUSED)
}

/// No lock: only a commit that was refused while there was one is still kept from a rebuild, which
/// nobody meant to deploy it by.
fn free(
    place: &Place,
    deploy: &Deploy,
    ledger: &mut Ledger,
    now: Timestamp,
    ui: &Ui,
) -> Result<u8, Failure> {
    let refused = ledger.memory.refused.take();
    let is_rebuild = place.source.as_deref() == Some("ps:rebuild");
    let mut happening = Happening {
        commit: Some(deploy.commit.to_owned()),
        source: place.source.clone(),
        ..Happening::new(Event::Allowed, deploy.app)
    };
    match refused {
        Some(refused) if is_rebuild && refused.commit == deploy.commit => {
            let again = match refused.before {
                Before::Unknown => "Deploy it anew, for example with git:sync --build.",
                _ => {
                    "It is no longer the app's code now: run ps:rebuild again to build what was there before, or deploy it anew."
                }
            };
            say(
                ui,
                &format!(
                    "Commit {} was refused while {} was locked.",
                    deploy.commit, deploy.app
                ),
            );
            say(ui, again);
            happening.event = Event::Denied;
            happening.reason = Some("it had been refused while the app was locked".to_owned());
            record(place, happening, now, ui);
            ledger.memory.refused = Some(refused);
            if let Err(error) = refusal::heal(place, deploy.app, ledger) {
                say(ui, &format!("The branch could not be moved back: {error}"));
            }
            Ok(exit_codes::REFUSED)
        }
        _ => {
            record(place, happening, now, ui);
            passed(deploy, ledger)
        }
    }
}

/// The journal of `dokku-cli`, if that is deploying the app: it records by itself what came of it, under the
/// id that is in there, and has people told.
fn by_program(standing: Option<&Standing>, now: Timestamp) -> Option<Journal> {
    let variables = standing.and_then(|standing| standing.variables.clone())?;
    let journal = Journal::of(&variables.into_map()).ok().flatten();
    journal.filter(|journal| !journal.is_expired(now))
}

fn passed(deploy: &Deploy, ledger: &mut Ledger) -> Result<u8, Failure> {
    ledger.memory.allowed = Some(deploy.commit.to_owned());
    ledger.memory.refused = None;
    ledger.save()?;
    Ok(exit_codes::OK)
}

/// A lock that was set before the plugin was there is learnt here.
fn remember(standing: Option<&Standing>, ledger: &mut Ledger) -> Result<(), Failure> {
    if let Some(Standing {
        variables: Some(variables),
        own: Ok(LockState::Locked(_)),
        ..
    }) = standing
    {
        ledger.memory.lock = Some(lock_variables(variables));
        ledger.save()?;
    }
    Ok(())
}

/// Records what happened. That it could not be recorded is said and changes nothing: a full disk
/// must not stop the deploy that repairs it.
pub fn record(place: &Place, happening: Happening, now: Timestamp, ui: &Ui) {
    let log = Log::in_directory(place.data());
    let recorded = break_glass::adopt(place, &log, now)
        .and_then(|()| log.append(happening.clone(), &place.key, now));
    let digest = match recorded {
        Ok(digest) => digest,
        Err(error) => {
            say(ui, &format!("This was not recorded: {error}"));
            String::new()
        }
    };
    if happening.is_told {
        return;
    }
    let entry = Entry {
        seq: 0,
        time: now,
        happening,
        key: place.key.clone(),
        cut: 0,
        prev: String::new(),
    };
    let noticed = match as_entry(&entry, &digest) {
        Some(entry) => notices::notice(place, &entry, now),
        None => Ok(()),
    };
    if let Err(error) = noticed {
        say(ui, &format!("Nobody is told of this: {error}"));
    }
}

fn tell(ui: &Ui, app: &str, verdict: &Verdict) {
    match verdict {
        Verdict::Free => {}
        Verdict::Locked(of, lock) => {
            let whose = if *of == app {
                format!("{app} is locked")
            } else {
                format!("{of}, the base of {app}, is locked")
            };
            say(
                ui,
                &format!("Deploy refused: {whose}. Nothing was changed."),
            );
            describe(ui, lock);
            say(ui, &format!("Unlock: dokku-cli unlock {of}"));
        }
        Verdict::Unknown(of, why) => {
            say(
                ui,
                &format!(
                    "Deploy refused: whether {of} is locked cannot be told. Nothing was changed."
                ),
            );
            say(ui, &format!("Why:    {why}"));
        }
    }
}

/// A lock in four lines or more.
pub fn describe(ui: &Ui, lock: &Lock) {
    let mut lines = lock.reason.lines();
    say(ui, &format!("Why:    {}", lines.next().unwrap_or_default()));
    for line in lines {
        say(ui, &format!("        {line}"));
    }
    say(ui, &format!("Who:    {}", lock.by));
    say(ui, &format!("Since:  {}", lock.at));
    if let Some(until) = lock.until {
        say(ui, &format!("Until:  {}", stamp(until)));
    }
}

/// A line as Dokku writes its warnings.
pub fn say(ui: &Ui, line: &str) {
    ui.plain(&format!(" !     {}", line.replace('\n', " ")));
}
