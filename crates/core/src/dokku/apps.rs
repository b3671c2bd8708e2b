//! `apps:*`.

pub use super::Created;
use super::{data_lines, is_app_missing, text};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// Creates an app.
pub fn create(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("apps:create", app)
}

/// Reads the answer to [`create`].
pub fn read_created(answer: &Answer) -> Result<Created, HostError> {
    super::created(answer, "Name is already taken")
}

/// Destroys an app with everything but its services, which are only unlinked.
pub fn destroy(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("apps:destroy", app).flag("--force")
}

/// Reads the answer to [`destroy`]: whether there was such an app.
pub fn read_destroyed(answer: &Answer) -> Result<bool, HostError> {
    existed(answer)
}

/// Asks whether an app exists.
pub fn exists(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("apps:exists", app)
}

/// Reads the answer to [`exists`].
pub fn read_exists(answer: &Answer) -> Result<bool, HostError> {
    existed(answer)
}

fn existed(answer: &Answer) -> Result<bool, HostError> {
    if answer.is_ok() {
        Ok(true)
    } else if is_app_missing(answer) {
        Ok(false)
    } else {
        Err(answer.refused())
    }
}

/// Lists all apps that this ssh key may see. (`--format json` is not in Dokku before 0.38.21.)
pub fn list() -> DokkuCommand {
    DokkuCommand::new("apps:list").quiet()
}

/// Reads the answer to [`list`]; a host without apps gives an empty list.
pub fn read_list(answer: &Answer) -> Result<Vec<AppName>, HostError> {
    // "You haven't deployed any applications yet" is how a host without apps answers.
    if !answer.is_ok()
        && answer
            .complaint()
            .contains("haven't deployed any applications")
    {
        return Ok(Vec::new());
    }
    data_lines(text(answer)?)
        .map(|line| AppName::new(line).map_err(|_| answer.unparsable("a list of apps")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(create(&app).wire().unwrap(), "apps:create myapp");
        assert_eq!(destroy(&app).wire().unwrap(), "apps:destroy myapp --force");
        assert_eq!(exists(&app).wire().unwrap(), "apps:exists myapp");
        assert_eq!(list().wire().unwrap(), "--quiet apps:list");
    }

    #[test]
    fn a_taken_name_is_an_answer_and_a_bad_name_a_refusal() {
        assert_eq!(read_created(&recorded("apps-create-new")), Ok(Created::New));
        assert_eq!(
            read_created(&recorded("apps-create-existing")),
            Ok(Created::Taken)
        );
        let error = read_created(&recorded("apps-create-underscore")).unwrap_err();
        assert!(
            error.to_string().contains("lowercase alphanumeric"),
            "{error}"
        );
    }

    #[test]
    fn only_dokkus_own_words_make_an_app_absent() {
        assert_eq!(read_exists(&recorded("apps-exists-no")), Ok(false));
        assert_eq!(read_exists(&recorded("apps-exists-nonexist")), Ok(true));
        assert_eq!(read_destroyed(&recorded("apps-destroy-missing")), Ok(false));
        assert_eq!(read_destroyed(&recorded("apps-destroy-force")), Ok(true));
        for other in [
            answer(1, "", "Access denied"),
            answer(20, "", ""),
            answer(255, "", ""),
        ] {
            assert!(read_exists(&other).is_err(), "{other:?}");
        }
        assert!(read_destroyed(&recorded("destroy-fail-pre-delete")).is_err());
    }

    #[test]
    fn the_list_is_read_with_and_without_header() {
        let names = |id| {
            let list = read_list(&recorded(id)).unwrap();
            list.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names("apps-list-quiet"), ["myapp"]);
        assert_eq!(names("apps-list-2"), ["app2", "my.app", "myapp"]);
    }

    #[test]
    fn no_apps_and_no_answer_are_told_apart() {
        let none = answer(1, "", " !     You haven't deployed any applications yet\n");
        assert_eq!(read_list(&none), Ok(Vec::new()));
        assert_eq!(read_list(&answer(0, "", "")), Ok(Vec::new()));
        assert!(read_list(&recorded("cmd-fail-user-auth")).is_err());
        assert!(read_list(&answer(0, "command not found: x\n", "")).is_err());
    }
}
