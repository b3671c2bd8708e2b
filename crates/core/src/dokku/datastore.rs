//! The datastore plugins (`postgres:*`, `redis:*` …), which share their verbs.
//!
//! Answers of `create`, `clone`, `link` and `info --dsn` hold passwords: those commands are
//! confidential, and their readers return no text of them.

pub use super::Created;
use super::{data_lines, done, text, text_unless_missing};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
    secret::Secret,
    service::{ServiceKind, ServiceName},
};

fn on(kind: ServiceKind, verb: &str, service: &ServiceName) -> DokkuCommand {
    DokkuCommand::new(format!("{kind}:{verb}")).arg(service.as_str())
}

/// Whether this answer says that the service it asks about does not exist.
fn is_service_missing(answer: &Answer) -> bool {
    let complaint = answer.complaint();
    answer.status == 1 && complaint.contains("ervice") && complaint.ends_with("does not exist")
}

/// Asks whether a service exists.
pub fn exists(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "exists", service)
}

/// Reads the answer to [`exists`].
pub fn read_exists(answer: &Answer) -> Result<bool, HostError> {
    if answer.is_ok() {
        Ok(true)
    } else if is_service_missing(answer) {
        Ok(false)
    } else {
        Err(answer.refused())
    }
}

/// What a new service is made of; what is `None` is the plugin's choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// The image's name, such as `postgis/postgis`.
    pub name: Option<String>,
    /// Its tag, such as `16`.
    pub version: Option<String>,
}

/// Creates a service: starts a container, tens of seconds.
pub fn create(kind: ServiceKind, service: &ServiceName, image: &Image) -> DokkuCommand {
    let mut command = on(kind, "create", service);
    if let Some(name) = &image.name {
        command = command.flag("--image").arg(name);
    }
    if let Some(version) = &image.version {
        command = command.flag("--image-version").arg(version);
    }
    command.confidential()
}

/// Reads the answer to [`create`] or [`clone_to`].
pub fn read_created(answer: &Answer) -> Result<Created, HostError> {
    super::created(answer, "already exists")
}

/// Links a service to an app: sets its URL as a variable, without a restart. Where the usual
/// variable is taken, Dokku picks another name for it (`DOKKU_POSTGRES_AQUA_URL`).
pub fn link(kind: ServiceKind, service: &ServiceName, app: &AppName) -> DokkuCommand {
    on(kind, "link", service)
        .arg(app.as_str())
        .flag("--no-restart")
        .confidential()
}

/// What became of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// The link is new.
    New,
    /// The app had this service's URL already, in this variable; nothing changed.
    Already {
        /// The variable.
        variable: String,
    },
}

/// Reads the answer to [`link`]. A missing app or service is a refusal.
pub fn read_linked(answer: &Answer) -> Result<Linked, HostError> {
    if answer.is_ok() {
        return Ok(Linked::New);
    }
    match answer.complaint().rsplit_once("Already linked as ") {
        Some((_, variable)) => Ok(Linked::Already {
            variable: variable.trim().to_owned(),
        }),
        None => Err(answer.refused()),
    }
}

/// Makes a linked service the one whose URL is in the usual variable; the URL that was there is kept
/// in another. A running app is restarted.
pub fn promote(kind: ServiceKind, service: &ServiceName, app: &AppName) -> DokkuCommand {
    on(kind, "promote", service)
        .arg(app.as_str())
        .confidential()
}

/// What became of a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promoted {
    /// The variable has changed.
    New,
    /// It held this service's URL before.
    Already,
}

/// Reads the answer to [`promote`].
pub fn read_promoted(answer: &Answer) -> Result<Promoted, HostError> {
    if answer.is_ok() {
        Ok(Promoted::New)
    } else if answer.complaint().contains("already promoted as") {
        Ok(Promoted::Already)
    } else {
        Err(answer.refused())
    }
}

/// Undoes [`link`], without a restart.
pub fn unlink(kind: ServiceKind, service: &ServiceName, app: &AppName) -> DokkuCommand {
    on(kind, "unlink", service)
        .arg(app.as_str())
        .flag("--no-restart")
}

/// Reads the answer to [`unlink`]: whether there was a link.
pub fn read_unlinked(answer: &Answer) -> Result<bool, HostError> {
    if answer.complaint().contains("is not linked to")
        || answer.complaint().contains("Not linked to")
    {
        return Ok(false);
    }
    done(answer).map(|()| true)
}

/// Asks which apps a service is linked to.
pub fn links(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "links", service)
}

/// Reads the answer to [`links`]; `None` when the service does not exist.
pub fn read_links(answer: &Answer) -> Result<Option<Vec<AppName>>, HostError> {
    if is_service_missing(answer) {
        return Ok(None);
    }
    data_lines(text(answer)?)
        .map(|line| AppName::new(line).map_err(|_| answer.unparsable("a list of apps")))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Asks which services of a kind an app is linked to, under whatever names.
pub fn app_links(kind: ServiceKind, app: &AppName) -> DokkuCommand {
    DokkuCommand::on(format!("{kind}:app-links"), app)
}

/// Reads the answer to [`app_links`]; `None` when the app does not exist.
pub fn read_app_links(answer: &Answer) -> Result<Option<Vec<ServiceName>>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    services(answer, text).map(Some)
}

/// Lists the services of a kind.
pub fn list(kind: ServiceKind) -> DokkuCommand {
    DokkuCommand::new(format!("{kind}:list")).quiet()
}

/// Reads the answer to [`list`].
pub fn read_list(answer: &Answer) -> Result<Vec<ServiceName>, HostError> {
    services(answer, text(answer)?)
}

/// The first word of each line: plugins before 1.30 listed a table with a title row.
fn services(answer: &Answer, text: &str) -> Result<Vec<ServiceName>, HostError> {
    data_lines(text)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "NAME")
        .map(|word| ServiceName::new(word).map_err(|_| answer.unparsable("a list of services")))
        .collect()
}

/// Asks for a service's URL with user and password.
pub fn dsn(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "info", service).flag("--dsn").confidential()
}

/// Reads the answer to [`dsn`]; `None` when the service does not exist.
pub fn read_dsn(answer: &Answer) -> Result<Option<Secret>, HostError> {
    let Some(line) = info_line(answer)? else {
        return Ok(None);
    };
    if line.contains("://") {
        Ok(Some(Secret::new(line)))
    } else {
        Err(answer.unparsable("the service's URL"))
    }
}

/// Asks for the state of a service's container.
pub fn status(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "info", service).flag("--status")
}

/// Asks for everything about a service, for people or for [`read_image`]. Its URL is among it.
pub fn info(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "info", service).confidential()
}

/// Reads the answer to [`info`], label and value of each line, the URL left out; `None` when the
/// service does not exist.
pub fn read_description(answer: &Answer) -> Result<Option<Vec<(String, String)>>, HostError> {
    let Some(text) = info_line(answer)? else {
        return Ok(None);
    };
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("====="))
        .filter_map(|line| line.split_once(':'))
        .map(|(label, value)| (label.trim().to_owned(), value.trim().to_owned()))
        .filter(|(_, value)| !value.contains("://"))
        .collect();
    Ok(Some(lines))
}

/// Reads the image of a service, `postgres:18.4`, from the answer to [`info`]; `None` when the
/// service does not exist. The flag for it alone, `--version`, does not get through Dokku's ssh:
/// the `echo` of its word splitting takes it.
pub fn read_image(answer: &Answer) -> Result<Option<String>, HostError> {
    let Some(text) = info_line(answer)? else {
        return Ok(None);
    };
    text.lines()
        .find_map(|line| line.trim().strip_prefix("Version:"))
        .map(|image| Some(image.trim().to_owned()))
        .filter(|image| image.as_deref() != Some(""))
        .ok_or_else(|| answer.unparsable("the service's version"))
}

/// Reads the answer to [`status`] (Docker's word: `running`, `exited` …); `None` when the service
/// does not exist.
pub fn read_info(answer: &Answer) -> Result<Option<String>, HostError> {
    match info_line(answer)? {
        Some("") => Err(answer.unparsable("one word about the service")),
        line => Ok(line.map(str::to_owned)),
    }
}

fn info_line(answer: &Answer) -> Result<Option<&str>, HostError> {
    if is_service_missing(answer) {
        return Ok(None);
    }
    text(answer).map(|text| Some(text.trim()))
}

/// Writes a dump to standard output, in the engine's own format, binary.
pub fn export(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "export", service).confidential()
}

/// Reads a dump from standard input, which the caller streams.
pub fn import(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "import", service)
}

/// Destroys a service and its data. Dokku refuses while it is linked.
pub fn destroy(kind: ServiceKind, service: &ServiceName) -> DokkuCommand {
    on(kind, "destroy", service).flag("--force")
}

/// What became of a destruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destroyed {
    /// The service and its data are gone.
    Gone,
    /// There was no such service.
    WasAbsent,
    /// It is still linked to apps; nothing changed.
    IsLinked,
}

/// Reads the answer to [`destroy`].
pub fn read_destroyed(answer: &Answer) -> Result<Destroyed, HostError> {
    if answer.is_ok() {
        Ok(Destroyed::Gone)
    } else if is_service_missing(answer) {
        Ok(Destroyed::WasAbsent)
    } else if answer.complaint().ends_with("Cannot delete linked service") {
        Ok(Destroyed::IsLinked)
    } else {
        Err(answer.refused())
    }
}

/// Copies a service and its data to a new one.
pub fn clone_to(kind: ServiceKind, service: &ServiceName, copy: &ServiceName) -> DokkuCommand {
    on(kind, "clone", service).arg(copy.as_str()).confidential()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::{
        is_app_missing,
        recorded::{answer, app, recorded},
    };

    const PG: ServiceKind = ServiceKind::Postgres;

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    #[test]
    fn the_commands_on_the_wire() {
        let (db, app) = (service("maindb"), app("pgapp"));
        for (command, line) in [
            (exists(PG, &db), "postgres:exists maindb"),
            (create(PG, &db, &Image::default()), "postgres:create maindb"),
            (
                create(
                    PG,
                    &db,
                    &Image {
                        name: Some("postgis/postgis".into()),
                        version: Some("16".into()),
                    },
                ),
                "postgres:create maindb --image postgis/postgis --image-version 16",
            ),
            (
                link(PG, &db, &app),
                "postgres:link maindb pgapp --no-restart",
            ),
            (
                unlink(PG, &db, &app),
                "postgres:unlink maindb pgapp --no-restart",
            ),
            (promote(PG, &db, &app), "postgres:promote maindb pgapp"),
            (links(PG, &db), "postgres:links maindb"),
            (app_links(ServiceKind::Redis, &app), "redis:app-links pgapp"),
            (list(PG), "--quiet postgres:list"),
            (dsn(PG, &db), "postgres:info maindb --dsn"),
            (status(PG, &db), "postgres:info maindb --status"),
            (info(PG, &db), "postgres:info maindb"),
            (export(PG, &db), "postgres:export maindb"),
            (import(PG, &db), "postgres:import maindb"),
            (destroy(PG, &db), "postgres:destroy maindb --force"),
            (
                clone_to(PG, &db, &service("db3")),
                "postgres:clone maindb db3",
            ),
        ] {
            assert_eq!(command.wire().unwrap(), line);
        }
    }

    #[test]
    fn commands_whose_answers_hold_passwords_are_confidential() {
        let (db, app) = (service("maindb"), app("pgapp"));
        for command in [
            create(PG, &db, &Image::default()),
            link(PG, &db, &app),
            dsn(PG, &db),
            info(PG, &db),
            clone_to(PG, &db, &service("x")),
            export(PG, &db),
        ] {
            assert!(command.is_confidential(), "{command}");
        }
        assert!(!exists(PG, &db).is_confidential());
    }

    #[test]
    fn absent_services_and_failures_are_told_apart() {
        assert_eq!(read_exists(&recorded("postgres-exists-yes")), Ok(true));
        assert_eq!(read_exists(&recorded("postgres-exists-no")), Ok(false));
        assert!(read_exists(&recorded("unknown-cmd")).is_err());
        assert!(read_exists(&answer(1, "", "Access denied")).is_err());
        assert!(read_exists(&recorded("apps-exists-no")).is_err());
    }

    #[test]
    fn creating_and_linking_again_are_answers() {
        assert_eq!(read_created(&recorded("postgres-create")), Ok(Created::New));
        assert_eq!(
            read_created(&recorded("postgres-create-existing")),
            Ok(Created::Taken)
        );
        assert!(read_created(&recorded("postgres-create-invalid")).is_err());
        assert_eq!(read_linked(&recorded("postgres-link")), Ok(Linked::New));
        let again = read_linked(&recorded("postgres-link-again")).unwrap();
        let variable = "DATABASE_URL".to_owned();
        assert_eq!(again, Linked::Already { variable });
        for id in ["postgres-link-missing-app", "postgres-link-missing-svc"] {
            assert!(read_linked(&recorded(id)).is_err(), "{id}");
        }
        assert!(is_app_missing(&recorded("postgres-link-missing-app")));
        let already = " !     Service maindb already promoted as DATABASE_URL\n";
        assert_eq!(
            read_promoted(&answer(1, "", already)),
            Ok(Promoted::Already)
        );
        assert!(read_promoted(&answer(1, "", " !     Not linked to app pgapp\n")).is_err());
        assert_eq!(read_unlinked(&recorded("postgres-unlink")), Ok(true));
    }

    #[test]
    fn links_are_read_from_both_sides() {
        let apps = read_links(&recorded("postgres-links")).unwrap().unwrap();
        assert_eq!(apps, [app("pgapp")]);
        assert_eq!(
            read_links(&recorded("postgres-links-empty")),
            Ok(Some(Vec::new()))
        );
        let services = read_app_links(&recorded("postgres-app-links")).unwrap();
        assert_eq!(services, Some(vec![service("maindb")]));
        assert_eq!(
            read_app_links(&recorded("postgres-link-missing-app")),
            Ok(None)
        );
        assert!(read_links(&recorded("unknown-cmd")).is_err());
    }

    #[test]
    fn lists_of_old_and_new_plugins_are_read() {
        let read = |text: &str| read_list(&answer(0, text, "")).unwrap();
        assert_eq!(read("=====> Postgres services\nmaindb\nmy-db\n").len(), 2);
        let table = "NAME    VERSION        STATUS   EXPOSED PORTS  LINKS\nmaindb  postgres:11.6  running  -              pgapp\n";
        assert_eq!(read(table), [service("maindb")]);
        assert_eq!(read(""), []);
    }

    #[test]
    fn a_dsn_is_a_secret() {
        let dsn = read_dsn(&recorded("postgres-info-dsn")).unwrap().unwrap();
        assert!(dsn.expose().starts_with("postgres://postgres:"));
        assert_eq!(read_dsn(&recorded("postgres-info-missing")), Ok(None));
        assert!(read_dsn(&answer(0, "\n", "")).is_err());
        let described = read_description(&recorded("redis-info")).unwrap().unwrap();
        assert!(described.contains(&("Status".to_owned(), "running".to_owned())));
        assert!(
            !described
                .iter()
                .any(|(_, value)| value.contains("045f570c"))
        );
        let image = read_image(&recorded("redis-info")).unwrap();
        assert_eq!(image.as_deref(), Some("redis:8.8.0"));
        assert_eq!(read_image(&recorded("postgres-info-missing")), Ok(None));
        let status = |id| read_info(&recorded(id)).unwrap();
        assert_eq!(status("postgres-info-status").as_deref(), Some("running"));
        assert_eq!(status("postgres-info-paused").as_deref(), Some("exited"));
    }

    #[test]
    fn a_linked_service_is_not_destroyed() {
        let read = |id| read_destroyed(&recorded(id)).unwrap();
        assert_eq!(read("postgres-destroy-linked"), Destroyed::IsLinked);
        assert_eq!(read("postgres-destroy-missing"), Destroyed::WasAbsent);
        assert_eq!(read("postgres-destroy-db3"), Destroyed::Gone);
    }
}
