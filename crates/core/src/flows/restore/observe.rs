//! What is on the host before a restore. Reads only.

use super::Wish;
use crate::{
    app::AppName,
    dokku::{
        census::{self, Census},
        config, datastore,
        deploy_system::{self, PluginError},
        ps,
    },
    host::{Answer, Host, HostError},
    plugin_protocol::Room,
    store::Variables,
};

/// What a restore needs to know of a host.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The app's variables; `None`: Dokku says that it does not exist.
    pub variables: Option<Variables>,
    /// Whether any of the app's processes runs.
    pub is_running: bool,
    /// The image of the service, `postgres:18.4`.
    pub image: String,
    /// All apps that the service is linked to.
    pub apps: Vec<AppName>,
    /// What the service holds now.
    pub census: Census,
    /// Whether the service to restore into exists.
    pub is_taken: bool,
    /// Bytes that are free where services of this kind keep their data, or why that is not known.
    pub free: Result<u64, String>,
}

/// Asks the host everything that a plan needs, in one round of questions.
pub fn observe(wish: &Wish, host: &dyn Host) -> Result<Observed, HostError> {
    let (kind, name) = (wish.database.kind, &wish.database.name);
    let mut questions = vec![
        config::export(&wish.app),
        ps::report(&wish.app),
        datastore::info(kind, name),
        datastore::links(kind, name),
        census::ask(&wish.database),
        deploy_system::backup_room(kind),
    ];
    if let Some(into) = &wish.into {
        questions.push(datastore::exists(kind, into));
    }
    let answers: Vec<_> = host
        .ask_all(&questions)
        .into_iter()
        .collect::<Result<_, _>>()?;
    let ([variables, report, info, links, census, room], into) = answers
        .split_first_chunk()
        .ok_or_else(|| HostError::Unparsable {
            command: census::ask(&wish.database).to_string(),
            expected: "there at all".to_owned(),
        })?;
    let gone = || info.unparsable("a service that exists");
    let is_running = ps::read_report(report)?
        .is_some_and(|report| report.is_deployed && report.running != ps::Running::None);
    Ok(Observed {
        variables: config::read_export(variables)?,
        is_running,
        image: datastore::read_image(info)?.ok_or_else(gone)?,
        apps: datastore::read_links(links)?.ok_or_else(gone)?,
        census: census::read(wish.database.engine, census)?,
        is_taken: match into.first() {
            Some(answer) => datastore::read_exists(answer)?,
            None => false,
        },
        free: read_room(room, host.name()),
    })
}

/// Dokku itself does not tell it.
fn read_room(answer: &Answer, host: &str) -> Result<u64, String> {
    deploy_system::read(answer, host)
        .map(|room: Room| room.free)
        .map_err(|error| match error {
            PluginError::Lacking(_) => {
                "the plugin deploy-system, which tells it, is not there or too old".to_owned()
            }
            other => other.to_string(),
        })
}
