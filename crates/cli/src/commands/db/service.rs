//! Which service of an app is meant: found by its links, hand-made names too.

/// A service of an app.
pub use dokku_deploy::dokku::census::Database as Linked;
use dokku_deploy::{
    app::AppName,
    dokku::{datastore, is_unknown_command},
    dump::Engine,
    flows::restore::Refusal,
    host::Host,
    service::{ServiceKind, ServiceName},
};

use crate::{exit_codes, failure::Failure};

/// The service that `given` means: a kind, a name, or the only one there is. Its dumps are
/// understood.
pub fn find(host: &dyn Host, app: &AppName, given: Option<&str>) -> Result<Linked, Failure> {
    let (kind, name) = find_any(host, app, given)?;
    understood(kind, name)
}

/// How to restore what this program does not.
pub const BY_HAND: &str = "By hand: `dokku-cli db APP download ID`, then `gunzip -c FILE | ssh dokku@HOST SERVICE_KIND:import SERVICE`; it adds to what is there.";

/// The service that `given` means, where this program can restore it.
pub fn find_restorable(
    host: &dyn Host,
    app: &AppName,
    given: Option<&str>,
) -> Result<Linked, Failure> {
    let linked = find(host, app, given)?;
    // Refused before anything is asked: the rest of a restore counts what is there.
    if linked.engine == Engine::Mongo {
        return Err(Failure::refused(
            Refusal::ByHand {
                engine: linked.engine,
            }
            .to_string(),
        )
        .hint(BY_HAND));
    }
    Ok(linked)
}

/// The service that `given` means, of whatever kind.
pub fn find_any(
    host: &dyn Host,
    app: &AppName,
    given: Option<&str>,
) -> Result<(ServiceKind, ServiceName), Failure> {
    let kinds: Vec<ServiceKind> = match given.map(str::parse::<ServiceKind>) {
        Some(Ok(kind)) => vec![kind],
        _ => ServiceKind::ALL.to_vec(),
    };
    let is_kind = kinds.len() == 1;
    let mut all = Vec::new();
    let questions: Vec<_> = kinds
        .iter()
        .map(|kind| datastore::app_links(*kind, app))
        .collect();
    for (kind, answer) in kinds.iter().zip(host.ask_all(&questions)) {
        let answer = answer?;
        // A kind whose plugin is not installed has no services.
        if is_unknown_command(&answer) {
            continue;
        }
        let names = datastore::read_app_links(&answer)?
            .ok_or_else(|| super::super::missing(app, host.name()))?;
        all.extend(names.into_iter().map(|name| (*kind, name)));
    }
    let wanted: Vec<_> = all
        .iter()
        .filter(|(_, name)| is_kind || given.is_none_or(|given| given == name.as_str()))
        .collect();
    let listed = all
        .iter()
        .map(|(kind, name)| format!("{name} ({kind})"))
        .collect::<Vec<_>>()
        .join(", ");
    let (kind, name) = match wanted.as_slice() {
        [(kind, name)] => (*kind, name.clone()),
        [] => {
            let what = given.map_or_else(
                || "service".to_owned(),
                |given| format!("service {given:?}"),
            );
            let failure = Failure::new(
                exit_codes::HOST,
                format!("{app} on {} is linked to no {what}", host.name()),
            );
            return Err(if listed.is_empty() || is_kind {
                failure
            } else {
                failure.hint(format!("It is linked to: {listed}"))
            });
        }
        _ => {
            return Err(
                Failure::usage(format!("{app} has more than one such service: {listed}"))
                    .hint("Name the one that is meant."),
            );
        }
    };
    Ok((kind, name))
}

/// A service whose dumps can be checked.
pub fn understood(kind: ServiceKind, name: ServiceName) -> Result<Linked, Failure> {
    let engine = Engine::of(kind).ok_or_else(|| {
        Failure::refused(format!(
            "backups of {kind} are not possible yet: this program cannot tell whether its dumps are whole"
        ))
    })?;
    Ok(Linked { kind, name, engine })
}
