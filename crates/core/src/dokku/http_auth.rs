//! `http-auth:*`, a plugin that asks the visitors of an app for a password. Read in its source; it keeps
//! `htpasswd` and `nginx.conf.d/http-auth.conf` beside the app's repository.
//!
//! It takes passwords as words only: while such a command runs, the lists of processes of both machines
//! show them.

use super::text;
use crate::{
    app::AppName,
    command::DokkuCommand,
    credentials::Credentials,
    host::{Answer, HostError},
};

/// Writes the app's configuration, if there is none yet. Newer versions than 0.10.0 let it ask for a
/// password only where there are users already.
pub fn enable(app: &AppName, credentials: &Credentials) -> DokkuCommand {
    with_user("http-auth:enable", app, credentials)
}

/// The same without a user: those that there are stay.
pub fn enable_again(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("http-auth:enable", app)
}

/// Removes the app's configuration; its users stay.
pub fn disable(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("http-auth:disable", app)
}

/// Adds a user, or gives one that is there another password.
pub fn add_user(app: &AppName, credentials: &Credentials) -> DokkuCommand {
    with_user("http-auth:add-user", app, credentials)
}

/// Removes a user.
pub fn remove_user(app: &AppName, user: &str) -> DokkuCommand {
    DokkuCommand::on("http-auth:remove-user", app).arg(user)
}

fn with_user(verb: &str, app: &AppName, credentials: &Credentials) -> DokkuCommand {
    DokkuCommand::on(verb, app)
        .arg(credentials.user())
        .secret(credentials.password().clone())
        .confidential()
}

/// Asks for the app's configuration, which holds no secret.
pub fn show_config(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("http-auth:show-config", app)
}

/// Whether that configuration asks for a password.
pub fn read_config(answer: &Answer) -> Result<bool, HostError> {
    let text = text(answer)?;
    let directives = text.lines().filter_map(|line| {
        let line = line.trim().strip_suffix(';')?;
        line.split_once(char::is_whitespace)
    });
    let (mut has_realm, mut has_users) = (false, false);
    for (directive, value) in directives {
        has_realm |= directive == "auth_basic" && value.trim() != "off";
        has_users |= directive == "auth_basic_user_file";
    }
    Ok(has_realm && has_users)
}

/// Asks for the names of the app's users.
pub fn users(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("http-auth:report", app).flag("--http-auth-users")
}

/// Reads the answer to [`users`].
pub fn read_users(answer: &Answer) -> Result<Vec<String>, HostError> {
    let words = text(answer)?.split_whitespace();
    Ok(words.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dokku::recorded::{answer, app},
        secret::Secret,
    };

    #[test]
    fn a_password_is_quoted_for_the_host_and_dots_for_people() {
        let credentials = Credentials::new("ada", Secret::new("it's $x; a b")).unwrap();
        let command = add_user(&app("shop-pr-7"), &credentials);
        assert_eq!(
            command.wire().unwrap(),
            r"http-auth:add-user shop-pr-7 ada 'it'\''s $x; a b'"
        );
        assert_eq!(command.to_string(), "http-auth:add-user shop-pr-7 ada ••••");
        // Dokku would take a part of it for a flag of its own.
        let credentials = Credentials::new("ada", Secret::new("hunter2 --app x")).unwrap();
        let command = enable(&app("shop"), &credentials);
        let error = command.wire().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(!command.to_string().contains("hunter2"), "{command}");
    }

    #[test]
    fn only_a_configuration_with_a_realm_and_users_asks_for_a_password() {
        let both = "\nauth_basic           \"Restricted\";\nauth_basic_user_file /home/dokku/x/htpasswd;\n";
        assert_eq!(read_config(&answer(0, both, "")), Ok(true));
        assert_eq!(read_config(&answer(0, "\n", "")), Ok(false));
        let off = both.replace("\"Restricted\"", "off");
        assert_eq!(read_config(&answer(0, &off, "")), Ok(false));
        let none = answer(1, "", " !     No nginx.conf exists for x\n");
        assert!(read_config(&none).is_err());
        assert_eq!(
            read_users(&answer(0, "ada bob\n", "")),
            Ok(vec!["ada".to_owned(), "bob".to_owned()])
        );
    }
}
