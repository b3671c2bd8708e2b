//! `letsencrypt:*`, a plugin that many hosts have.

use super::{is_app_missing, is_true};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// Asks whether the app's certificate is one of Let's Encrypt.
pub fn active(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("letsencrypt:active", app)
}

/// Reads the answer to [`active`]; `None` when the app does not exist. Its status says nothing more
/// than its word: `false` comes with 0 from the versions that were read.
pub fn read_active(answer: &Answer) -> Result<Option<bool>, HostError> {
    if is_app_missing(answer) {
        return Ok(None);
    }
    match is_true(answer.text()?.trim()) {
        Some(is_active) if answer.is_ok() || !is_active => Ok(Some(is_active)),
        _ if answer.is_ok() => Err(answer.unparsable("`true` or `false`")),
        _ => Err(answer.refused()),
    }
}

/// Gets a certificate for all domains of the app; takes up to minutes. It fails where a domain does
/// not resolve to the host yet or no e-mail address was set.
pub fn enable(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("letsencrypt:enable", app)
}

/// Asks for the plugin's help, which only a host with the plugin has.
pub fn help() -> DokkuCommand {
    DokkuCommand::new("letsencrypt:help")
}

/// Renews the certificates of all apps that need it, which may take minutes. It ends with an error
/// when one could not be renewed, and tells of each (dokku-letsencrypt's `auto-renew`).
pub fn auto_renew() -> DokkuCommand {
    DokkuCommand::new("letsencrypt:auto-renew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::{
        is_unknown_command,
        recorded::{answer, app, recorded},
    };

    #[test]
    fn true_and_false_are_all_that_it_says() {
        let app = app("myapp");
        assert_eq!(active(&app).wire().unwrap(), "letsencrypt:active myapp");
        assert_eq!(enable(&app).wire().unwrap(), "letsencrypt:enable myapp");
        assert_eq!(read_active(&answer(0, "true\n", "")), Ok(Some(true)));
        assert_eq!(read_active(&answer(0, "false\n", "")), Ok(Some(false)));
        assert_eq!(read_active(&answer(1, "false\n", "")), Ok(Some(false)));
        for strange in [
            answer(0, "", ""),
            answer(1, "true\n", ""),
            answer(1, "", "no"),
        ] {
            assert!(read_active(&strange).is_err(), "{strange:?}");
        }
    }

    #[test]
    fn a_host_without_the_plugin_is_recognised() {
        let unknown = recorded("unknown-letsencrypt-enable");
        assert!(is_unknown_command(&unknown));
        assert!(read_active(&unknown).is_err());
        assert!(!is_unknown_command(&recorded("apps-exists-no")));
    }
}
