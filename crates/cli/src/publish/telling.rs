//! People, told by messages to the services that they have chosen.

use std::env;

use dokku_deploy::{audit::AuditEntry, interrupt::Never, settings::Settings};
use jiff::Timestamp;

use super::variable;
use crate::{
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    notify::{Audience, Deliveries, Patience},
    project::Project,
};

/// How many entries are told of at the same time.
const AT_ONCE: usize = 4;

/// Who is told, as the environment's secrets and the project's settings say.
pub fn audience(invocation: &Invocation<'_>) -> Audience {
    let audience = Audience::new(variable, Settings::default());
    if audience.is_empty() {
        return audience;
    }
    let settings = env::current_dir()
        .map_err(Failure::from)
        .and_then(|here| Project::around(&here))
        .and_then(|project| project.settings().map_err(Failure::from));
    match settings {
        Ok(settings) => Audience::new(variable, settings),
        Err(failure) => {
            invocation.ui.detail(&format!(
                "who is told of what follows the defaults: {}",
                failure.message
            ));
            audience
        }
    }
}

/// Messages about one entry that are on their way.
#[derive(Debug)]
pub struct Telling {
    sent: Deliveries,
    what: String,
}

/// Sends the messages of an entry. Nobody to be told: nothing is done, and nothing is said.
pub fn tell(entry: &AuditEntry, invocation: &Invocation<'_>) -> Option<Telling> {
    let audience = audience(invocation);
    for bad in audience.malformed() {
        invocation.ui.warning(&format!(
            "{} is not told of anything: {bad} (`dokku-cli notify test {}`)",
            bad.service.name(),
            bad.service.as_str()
        ));
    }
    let requests = audience.requests(entry, Timestamp::now());
    (!requests.is_empty()).then(|| Telling {
        sent: Deliveries::begin(requests, Patience::default()),
        what: entry.action.to_string(),
    })
}

/// Sends the messages of entries that are kept elsewhere already, some at a time: a service takes
/// only so many at once.
pub fn tell_each(entries: &[AuditEntry], invocation: &Invocation<'_>) {
    for some in entries.chunks(AT_ONCE) {
        let sent: Vec<Telling> = some
            .iter()
            .filter_map(|entry| tell(entry, invocation))
            .collect();
        for telling in sent {
            telling.finish(invocation);
        }
    }
}

impl Telling {
    /// Waits for their ends, and warns of each that did not arrive. Ctrl-C ends the waiting.
    pub fn finish(self, invocation: &Invocation<'_>) {
        let ui = invocation.ui;
        let ends = match Watch::begin() {
            Ok(watch) => self.sent.wait(&watch),
            Err(_) => self.sent.wait(&Never),
        };
        for (service, end) in ends {
            match end {
                Ok(()) => ui.detail(&format!(
                    "{} was told of this {}",
                    service.name(),
                    self.what
                )),
                Err(why) => ui.warning(&format!(
                    "{} was not told of this {}: {why}",
                    service.name(),
                    self.what
                )),
            }
        }
    }
}
