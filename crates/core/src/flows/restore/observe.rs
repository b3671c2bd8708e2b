//! What is on the host before a restore. Reads only.

use super::Wish;
use crate::{
    app::AppName,
    dokku::{
        census::{self, Census},
        config, datastore, ps,
    },
    host::{Host, HostError},
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
    ];
    if let Some(into) = &wish.into {
        questions.push(datastore::exists(kind, into));
    }
    let answers: Vec<_> = host
        .ask_all(&questions)
        .into_iter()
        .collect::<Result<_, _>>()?;
    let ([variables, report, info, links, census], into) =
        answers
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
    })
}
