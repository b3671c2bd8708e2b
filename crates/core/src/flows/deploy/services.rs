//! The services of an app: made, copied, linked.

use super::draft::Draft;
use crate::{
    app::AppName,
    dokku::datastore::Image,
    rollout::{
        AppState, CopyState, Copying, Observed, Refusal, ServiceState, Step, Wish, can_copy,
    },
    service::{ServiceKind, ServiceName},
    settings::ServiceWish,
    store::Variables,
};

impl Draft {
    pub fn services(&mut self, wish: &Wish, observed: &Observed) -> Result<(), Refusal> {
        for wished in &wish.settings.services {
            let kind = wished.kind;
            let Some(service) = observed.services.get(&kind) else {
                let why = match observed.capabilities.require(kind) {
                    Err(incapable) => incapable.to_string(),
                    Ok(()) => format!("{kind} does not answer"),
                };
                return Err(Refusal::Missing(format!(
                    "services.yml asks for {kind}: {why}"
                )));
            };
            let copying = self.copying(wish, wished, service, observed.app.as_ref())?;
            if !service.linked.is_empty() && copying.is_none() {
                self.linked_kinds.insert(kind.url_variable());
                continue;
            }
            let has_url = observed
                .app
                .as_ref()
                .is_some_and(|app| app.variables.contains_key(kind.url_variable()));
            if has_url && service.linked.is_empty() {
                self.notes.push(format!(
                    "{} is set and no {kind} service is linked: an external database, so none is created",
                    kind.url_variable()
                ));
                continue;
            }
            self.linked_kinds.insert(kind.url_variable());
            if let Some(copying) = copying {
                self.preparation.push(Step::CopyService(copying));
            } else if !service.exists {
                self.preparation.push(Step::CreateService {
                    kind,
                    name: service.name.clone(),
                    image: Image {
                        name: wished.image.clone(),
                        version: wished.version.clone(),
                    },
                });
            }
            self.preparation.push(Step::LinkService {
                kind,
                name: service.name.clone(),
            });
            self.restarts = true;
        }
        Ok(())
    }

    /// The copy that a service has to become; `None`: none is wished, or it is there.
    fn copying(
        &mut self,
        wish: &Wish,
        wished: &ServiceWish,
        service: &ServiceState,
        app: Option<&AppState>,
    ) -> Result<Option<Copying>, Refusal> {
        let kind = wished.kind;
        let Some(copy) = wish.copy.as_ref().filter(|_| !wished.shared) else {
            return Ok(None);
        };
        if !can_copy(kind) {
            return Err(Refusal::Missing(format!(
                "{kind} cannot be copied from {}: only postgres, mysql, mariadb and redis can. `preview: {{database: own}}` \
                 gives each preview empty services",
                copy.from
            )));
        }
        if kind == ServiceKind::Redis && copy.masking.is_some() {
            self.notes.push(format!(
                "{} begins empty: no SQL can mask what redis holds",
                service.name
            ));
            return Ok(None);
        }
        let empty = Variables::default();
        let variables = app.map_or(&empty, |app| &app.variables);
        let state = CopyState::of(kind, variables);
        let is_linked = service.linked.contains(&service.name);
        match state {
            CopyState::Unfinished => {}
            _ if copy.renews && (is_linked || service.linked.is_empty()) => {}
            _ if !service.linked.is_empty() => {
                if copy.renews {
                    let linked: Vec<&str> =
                        service.linked.iter().map(ServiceName::as_str).collect();
                    self.notes.push(format!(
                        "{} is not renewed: somebody else has linked it",
                        linked.join(", ")
                    ));
                }
                return Ok(None);
            }
            _ if !service.exists => {}
            CopyState::Whole => return Ok(None),
            CopyState::None => {
                return Err(Refusal::Missing(format!(
                    "{} is there already and no app is linked to it: it is not known to be a masked copy. \
                     `dokku-cli cleanup {}` backs it up and removes it",
                    service.name, wish.app
                )));
            }
        }
        let from = source(kind, &copy.from, service)?;
        if copy.masking.is_none() {
            self.notes.push(format!(
                "the code of {} sees the data of {from} as it is: preview.masking_sql masks it",
                wish.app
            ));
        }
        Ok(Some(Copying {
            kind,
            owner: copy.from.clone(),
            from,
            to: service.name.clone(),
            masking: copy.masking.clone(),
            renews: state != CopyState::Unfinished && is_linked,
        }))
    }
}

/// The service that is copied: the only one of its kind that its app is linked to.
fn source(
    kind: ServiceKind,
    owner: &AppName,
    service: &ServiceState,
) -> Result<ServiceName, Refusal> {
    let why = match service.to_copy.as_deref() {
        Some([from]) => return Ok(from.clone()),
        Some([]) => format!("{owner} is linked to no {kind} service that could be copied"),
        Some(several) => format!(
            "{owner} is linked to {} {kind} services, and which one is to be copied is not known",
            several.len()
        ),
        None => format!("there is no app {owner} whose {kind} service could be copied"),
    };
    Err(Refusal::Missing(why))
}
