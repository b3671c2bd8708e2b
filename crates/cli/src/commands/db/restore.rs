//! `dokku-cli db APP restore`: asks, has it done, says what came of it.

mod hands;
mod left;
mod outcome;
mod source;

use dokku_deploy::{
    app::AppName,
    audit::Action,
    flows::restore::{self, Ground, Plan, Restored, Wish},
    host::Host,
    interrupt::{Interrupts, Signal},
    service::ServiceName,
};
use jiff::Timestamp;

use self::{hands::Working, left::Record, source::LATEST};
pub use self::{outcome::refused, source::Source};
use super::{RestoreArguments, record, service};
use crate::{
    clock::RealClock,
    exit_codes,
    failure::Failure,
    host::SshHost,
    interrupt::Watch,
    invocation::Invocation,
    publish::recorded,
    ui::{Narration, Ui},
};

/// Restores.
pub fn run(
    app: &AppName,
    arguments: &RestoreArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let (given, service) = backup_and_service(&arguments.words)?;
    let identity = arguments.identity.as_deref();
    let source = if given == LATEST {
        // Whose newest one is meant, the host knows: the app may have several services.
        let of = patiently(invocation, |host, _| {
            service::find_restorable(host, app, service)
        })?;
        Source::latest(app, &of, identity, invocation)?
    } else {
        Source::find(app, given, identity, invocation)?
    };
    let shown = source.shown(given);
    let (file, manifest) = source.read(&shown)?;
    if let Some(flaw) = manifest.and_then(|manifest| manifest.flaw(manifest.size)) {
        invocation.ui.warning(&format!("{shown}: {flaw}"));
    }
    let into = arguments
        .into
        .as_deref()
        .map(ServiceName::new)
        .transpose()
        .map_err(|error| Failure::usage(error.to_string()))?;
    patiently(invocation, |host, watch| {
        let mut entry = record::entry(Action::Restore, app, host)?;
        record::name_file(&mut entry, source.path());
        recorded(entry, host, invocation, |entry| {
            let database = service::find_restorable(host, app, service)?;
            let left = Record::open(host.name(), app, invocation)?;
            let wish = Wish {
                app: app.clone(),
                database,
                file,
                other_app: arguments.other_app,
                into,
                stop_app: arguments.stop_app,
                left_lock: left.left_lock(),
                is_left_stopped: left.is_left_stopped(),
            };
            record::name_service(entry, &wish.target());
            let plan = decide(&wish, arguments.yes, host, invocation.ui)?;
            if let (_, Some(signal)) = watch.requests() {
                return Err(Failure::interrupted(signal).hint("Nothing was changed."));
            }
            let (restored, failure) =
                perform(&wish, &plan, &source, host, watch, left, invocation.ui);
            if let Some(way_back) = &restored.way_back {
                entry.set("way_back", way_back.clone());
            }
            outcome::tell(&wish, &restored, failure, invocation.ui)
        })
    })
}

/// Looks at the host, decides, shows and asks.
fn decide(wish: &Wish, is_agreed: bool, host: &SshHost<'_>, ui: &Ui) -> Result<Plan, Failure> {
    let observed = restore::observe(wish, host)?;
    let plan = restore::plan(wish, &observed, Timestamp::now())
        .map_err(|refusal| refused(&refusal, host.name()))?;
    show(&plan, ui);
    if wish.into.is_none() {
        confirm(&wish.app, is_agreed, ui)?;
    }
    Ok(plan)
}

/// Does it; the failure is what is behind an error that the restore knows in words only.
fn perform(
    wish: &Wish,
    plan: &Plan,
    source: &Source,
    host: &SshHost<'_>,
    watch: &Watch,
    mut left: Record<'_>,
    ui: &Ui,
) -> (Restored, Option<Failure>) {
    let clock = RealClock::new(watch.clone());
    let ground = Ground {
        host,
        clock: &clock,
        interrupts: watch,
    };
    let mut working = Working::new(wish, source, host, ground, ui, &mut left);
    let mut narration = Narration::new(ui);
    let restored = restore::execute(wish, plan, ground, &mut working, &mut narration);
    let failure = working.failure.take();
    left.end(&restored);
    (restored, failure)
}

/// Does something on the host that has to be cleaned up: the first request to stop ends a step, and
/// the clean-up goes out.
pub fn patiently<T>(
    invocation: &Invocation,
    act: impl FnOnce(&SshHost, &Watch) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let watch = Watch::begin()?;
    let host = invocation.host(&watch)?;
    act(&host, &watch).map_err(|mut failure| {
        if failure.code == exit_codes::INTERRUPTED && watch.requests().1 == Some(Signal::Terminate)
        {
            failure.code = exit_codes::TERMINATED;
        }
        failure
    })
}

/// Both orders are taken: the word that names a backup is the backup.
fn backup_and_service(words: &[String]) -> Result<(&str, Option<&str>), Failure> {
    match words {
        [service, file] if !Source::is_named_by(service) && Source::is_named_by(file) => {
            Ok((file, Some(service)))
        }
        [file, rest @ ..] => Ok((file, rest.first().map(String::as_str))),
        [] => Err(Failure::usage(
            "Usage: dokku-cli db APP restore FILE [SERVICE]",
        )),
    }
}

fn show(plan: &Plan, ui: &Ui) {
    for line in &plan.summary {
        ui.info(line);
    }
    for note in &plan.notes {
        ui.warning(note);
    }
    if !plan.extra.is_empty() {
        ui.warning(&format!(
            "the backup does not know these, and they will be gone: {}",
            restore::named(&plan.extra)
        ));
    }
}

fn confirm(app: &AppName, is_agreed: bool, ui: &Ui) -> Result<(), Failure> {
    if is_agreed {
        return Ok(());
    }
    let refused =
        |why: &str| Failure::refused(format!("Restore cancelled: {why}; nothing was changed"));
    if ui.can_ask() {
        ui.warning("All data of the service is replaced.");
    }
    match ui.type_in("Type the app name to confirm: ")? {
        None => Err(refused("nobody is there to confirm it").hint("With --yes it is not asked.")),
        Some(typed) if typed == app.as_str() => Ok(()),
        Some(_) => Err(refused("that is not the app's name")),
    }
}
