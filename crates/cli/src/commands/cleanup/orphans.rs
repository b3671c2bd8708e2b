//! `cleanup --orphans`: apps whose pull request or repository GitHub does not have any more.

mod facts;

use std::collections::BTreeMap;

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Status},
    clock::{Clock, stamp},
    dokku::config,
    flows::cleanup::{self, Candidate, Fact, ORPHAN_SINCE, Observed, Plan, Scope, Verdict},
    host::{Answer, Host},
    secret::Secret,
};

use self::facts::Facts;
use super::{CleanupArguments, confirm};
use crate::{
    actor,
    clock::RealClock,
    commands::{
        teardown::{Gone, Teardown, refused, tell},
        with_host,
    },
    exit_codes,
    failure::Failure,
    host::SshHost,
    interrupt::Watch,
    invocation::Invocation,
    origin,
    publish::recorded_unless_dry,
};

/// What was found of one app.
struct Judged {
    candidate: Candidate,
    /// Whether GitHub was asked, and said nothing that counts.
    is_unknown: bool,
    verdict: Verdict,
}

/// Judges all apps of the host, and destroys those that may go.
pub fn run(arguments: &CleanupArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    with_host(invocation, |host, watch| {
        let clock = RealClock::new(watch.clone());
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let entry = AuditEntry::of_host(Action::Cleanup, Status::Failure, &origin);
        let act = |entry: &mut AuditEntry| {
            let observed = cleanup::observe(host, &[], &|_| true)?;
            let judged = judge(&observed, arguments, &clock)?;
            if arguments.dry_run {
                report(&judged, None, invocation)?;
                return refuse_blindness(&judged, invocation);
            }
            note_sightings(&judged, &observed, host, &clock)?;
            let gone = destroy(
                &judged,
                &observed,
                arguments,
                (host, watch),
                invocation,
                entry,
            )?;
            report(&judged, Some(&gone), invocation)?;
            refuse_blindness(&judged, invocation)
        };
        recorded_unless_dry(arguments.dry_run, entry, host, invocation, act)
    })?;
    Ok(exit_codes::OK)
}

/// A token that sees nothing ends every run like this one, and nobody would notice by its result.
fn refuse_blindness(judged: &[Judged], invocation: &Invocation<'_>) -> Result<(), Failure> {
    let asked = judged
        .iter()
        .filter(|one| one.candidate.is_beyond().is_none())
        .count();
    let unknown = judged.iter().filter(|one| one.is_unknown).count();
    let of = format!("of {unknown} of {asked} apps it is not known what GitHub has");
    if unknown == 0 {
        return Ok(());
    }
    if unknown < asked {
        invocation.ui.warning(&format!("{of}: they stay"));
        return Ok(());
    }
    Err(
        Failure::new(exit_codes::HOST, format!("{of}: nothing was destroyed")).hint(
            "GH_ORG_TOKEN has to be a token of an owner with the scope `repo`, or of an app that is installed on all repositories.",
        ),
    )
}

/// Asks GitHub about every app that it has to be asked about. Where it cannot be asked at all, nothing
/// is judged.
fn judge(
    observed: &Observed,
    arguments: &CleanupArguments,
    clock: &dyn Clock,
) -> Result<Vec<Judged>, Failure> {
    let candidates: Vec<Candidate> = observed
        .apps
        .iter()
        .map(|(app, variables)| Candidate::of(app, variables))
        .collect();
    // Where nothing has to be asked, no token is needed.
    let is_asked = candidates.iter().any(|one| one.is_beyond().is_none());
    let mut facts = is_asked.then(|| Facts::new(clock)).transpose()?;
    let now = clock.now();
    candidates
        .into_iter()
        .map(|candidate| {
            let fact = match (candidate.is_beyond(), &mut facts) {
                (None, Some(facts)) => facts.about(&candidate)?,
                _ => Fact::Needed,
            };
            let verdict = cleanup::judge(&candidate, &fact, now, arguments.apply);
            Ok(Judged {
                candidate,
                is_unknown: matches!(fact, Fact::Unknown { .. }),
                verdict,
            })
        })
        .collect()
}

/// Writes down when an app was first seen without its repository, and forgets it where that was wrong.
fn note_sightings(
    judged: &[Judged],
    observed: &Observed,
    host: &SshHost<'_>,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    for one in judged {
        let app = &one.candidate.app;
        let command = match &one.verdict {
            Verdict::Report { is_first: true, .. } => {
                let since = stamp(clock.now());
                let since = BTreeMap::from([(ORPHAN_SINCE.to_owned(), Secret::new(since))]);
                observed.capabilities.set_variables.command(app, &since)
            }
            Verdict::Keep { forget: true, .. } => config::unset(app, &[ORPHAN_SINCE]),
            _ => continue,
        };
        host.ask(&command).and_then(Answer::accepted)?;
    }
    Ok(())
}

fn destroy(
    judged: &[Judged],
    observed: &Observed,
    arguments: &CleanupArguments,
    (host, watch): (&SshHost<'_>, &Watch),
    invocation: &Invocation<'_>,
    entry: &mut AuditEntry,
) -> Result<Gone, Failure> {
    let ui = invocation.ui;
    let mut plan = Plan::default();
    let now = jiff::Timestamp::now();
    for one in judged {
        let Verdict::Destroy { why } = &one.verdict else {
            continue;
        };
        let app = &one.candidate.app;
        let scope = Scope {
            app: true,
            environments: false,
            previews: false,
            keep_services: arguments.keep_services,
        };
        match cleanup::plan(app, scope, observed, now) {
            Ok(one) => {
                ui.caution(&format!("{app}: {why}"));
                plan.apps.extend(one.apps);
            }
            // One that is locked or busy stays; the next run asks again.
            Err(refusal @ cleanup::Refusal::Unreadable { .. }) => return Err(refused(&refusal)),
            Err(refusal) => plan.left_alone.push((app.clone(), refusal.to_string())),
        }
    }
    tell(&plan, ui);
    let most = arguments
        .max
        .unwrap_or_else(|| cleanup::limit(observed.apps.len()));
    let count = plan.apps.iter().filter(|one| one.exists).count();
    if count > most {
        ui.warning(&format!(
            "{count} of {} apps would go at once, more than the {most} that may",
            observed.apps.len()
        ));
        confirm_many(count, invocation)?;
    }
    let teardown = Teardown {
        host,
        watch,
        invocation,
        safety: &arguments.safety,
    };
    teardown.run(&plan, observed, entry)
}

/// `--yes` was given before anybody knew how many: it does not count here.
fn confirm_many(count: usize, invocation: &Invocation<'_>) -> Result<(), Failure> {
    confirm(&format!("{count} apps"), false, invocation).map_err(|mut failure| {
        failure.hints = vec![
            format!("If they are really to go: --max {count}. Nothing was destroyed."),
            "If they are not: GitHub's answers, or the token's rights, have changed.".to_owned(),
        ];
        failure
    })
}

fn report(
    judged: &[Judged],
    gone: Option<&Gone>,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let ui = invocation.ui;
    let word = |verdict: &Verdict| match verdict {
        Verdict::Keep { why, .. } => ("keep", why.clone()),
        Verdict::Report { why, .. } => ("report", why.clone()),
        Verdict::Destroy { why } => ("destroy", why.clone()),
    };
    if ui.is_json() {
        let apps: Vec<_> = judged
            .iter()
            .map(|one| {
                let (verdict, why) = word(&one.verdict);
                serde_json::json!({"app": one.candidate.app, "verdict": verdict, "why": why})
            })
            .collect();
        let gone = gone.map(Gone::as_json);
        let unknown = judged.iter().filter(|one| one.is_unknown).count();
        return ui.json(&serde_json::json!({
            "apps": apps,
            "unknown": unknown,
            "dry_run": gone.is_none(),
            "result": gone,
        }));
    }
    for one in judged {
        let (verdict, why) = word(&one.verdict);
        let app: &AppName = &one.candidate.app;
        ui.result(&crate::ui::visible(&format!("{verdict:<8} {app}: {why}")))?;
    }
    if let Some(gone) = gone {
        gone.tell(invocation)?;
    }
    Ok(())
}
