//! Who may see an app: the part of nginx's configuration beside an app that the router heeds.
//!
//! Plugins put files into `APP/nginx.conf.d`, and nginx includes them in the app's server block. Of
//! these only `auth_basic` and `auth_basic_user_file` have an effect here; passwords are compared as
//! `crypt(3)` would, by OpenSSL.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fs_err as fs;

/// An app that asks visitors for a name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    users: PathBuf,
}

impl Access {
    /// What the files in `home/nginx.conf.d` say; `None`: everybody may pass.
    pub fn of(home: &Path) -> io::Result<Option<Self>> {
        let included = match fs::read_dir(home.join("nginx.conf.d")) {
            Ok(included) => included,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut is_asked = false;
        let mut users = None;
        for file in included {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "conf") {
                continue;
            }
            let text = fs::read_to_string(path)?;
            for line in text
                .lines()
                .filter_map(|line| line.trim().strip_suffix(';'))
            {
                match line.split_once(char::is_whitespace) {
                    Some(("auth_basic", realm)) => is_asked = realm.trim() != "off",
                    Some(("auth_basic_user_file", path)) => users = Some(path.trim().into()),
                    _ => {}
                }
            }
        }
        Ok(users.filter(|_| is_asked).map(|users| Self { users }))
    }

    /// Whether a request with this header `Authorization` may pass.
    pub fn lets_in(&self, authorization: Option<&str>) -> bool {
        let given = authorization
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, word)| STANDARD.decode(word.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((user, password)) = given.as_deref().and_then(|text| text.split_once(':')) else {
            return false;
        };
        // nginx refuses everybody where the file is not there.
        let known = fs::read_to_string(&self.users).unwrap_or_default();
        known
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| *name == user)
            .any(|(_, hash)| is_hash_of(password, hash).unwrap_or(false))
    }
}

/// `$6$SALT$HASH` or `$6$rounds=N$SALT$HASH`, as `mkpasswd -m sha-512` and others write it.
fn is_hash_of(password: &str, hash: &str) -> io::Result<bool> {
    // The salt may have a number of rounds before it.
    let salt = hash
        .strip_prefix("$6$")
        .and_then(|rest| rest.rsplit_once('$'));
    let Some((salt, _)) = salt else {
        return Ok(false);
    };
    Ok(crypt(password, Some(salt))? == hash)
}

/// A password as `crypt(3)` writes it with SHA-512; without a salt with a new one.
pub fn crypt(password: &str, salt: Option<&str>) -> io::Result<String> {
    let mut command = Command::new("openssl");
    command.args(["passwd", "-6", "-stdin"]);
    if let Some(salt) = salt {
        command.args(["-salt", salt]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(password.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!("openssl passwd: {why}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(login: &str) -> String {
        format!("Basic {}", STANDARD.encode(login))
    }

    #[test]
    fn only_whoever_is_in_the_file_passes_with_the_password_that_was_set() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Access::of(home.path()).unwrap(), None);
        fs::create_dir(home.path().join("nginx.conf.d")).unwrap();
        let users = home.path().join("htpasswd");
        let text = format!(
            "auth_basic           \"Restricted\";\nauth_basic_user_file {};\n",
            users.display()
        );
        let conf = home.path().join("nginx.conf.d/http-auth.conf");
        fs::write(&conf, &text).unwrap();
        let access = Access::of(home.path()).unwrap().unwrap();
        assert!(!access.lets_in(Some(&basic("ada:secret"))));
        // What `mkpasswd -m sha-512 password` gave.
        let hash = "$6$aXBp2sHg8$EV/2iLc1/26QhyVGjagPvcnaqKpTh1F997mRui43F1ioyH5Nvvn7JA83sJAVJypjHjVvGMBUVwgovXm0BC4Wp0";
        fs::write(&users, format!("ada:{hash}\n")).unwrap();
        assert!(access.lets_in(Some(&basic("ada:password"))));
        for other in ["ada:passwort", "bob:password", "ada", "ada:"] {
            assert!(!access.lets_in(Some(&basic(other))), "{other}");
        }
        assert!(!access.lets_in(None));
        assert!(!access.lets_in(Some("Bearer x")));
        fs::write(conf, text.replace("\"Restricted\"", "off")).unwrap();
        assert_eq!(Access::of(home.path()).unwrap(), None);
    }
}
