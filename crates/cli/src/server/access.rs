//! Asking the visitors of an app for a password: the files that nginx includes in the app's server block.
//! They are those of the plugin http-auth, which may go on with them.

use std::{
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use dokku_deploy::{
    app::AppName,
    credentials::Credentials,
    plugin_protocol::{Fault, FaultKind, ProtectRequest, Protected},
    secret::Secret,
};
use fs_err as fs;
use sha_crypt::{PasswordHasher, ShaCrypt};

use super::{
    dokku,
    locks::{failed, fault, missing},
    place::Place,
};

/// Lets the app be seen with this name and this password only, from the next answer on.
pub fn protect(place: &Place, app: &AppName, request: ProtectRequest) -> Result<Protected, Fault> {
    let credentials = Credentials::new(&request.user, Secret::new(request.password))
        .map_err(|bad| fault(FaultKind::Invalid, &bad.to_string()))?;
    if dokku::export(app.as_str())
        .map_err(|error| failed(&error))?
        .is_none()
    {
        return Err(missing(app));
    }
    write(&place.repository(app.as_str()), &credentials).map_err(|error| failed(&error))?;
    dokku::rebuild_proxy(app.as_str()).map_err(|error| failed(&error))?;
    Ok(Protected {
        user: credentials.user().to_owned(),
    })
}

/// First the user, then the directive that asks for one: at no moment is there a file that nginx cannot
/// use, or a configuration that lets everybody pass.
fn write(home: &Path, credentials: &Credentials) -> io::Result<()> {
    let included = home.join("nginx.conf.d");
    fs::create_dir_all(&included)?;
    let users = home.join("htpasswd");
    let line = format!("{}:{}\n", credentials.user(), hash(credentials.password())?);
    put(&users, &line)?;
    let configuration = included.join("http-auth.conf");
    let asks = format!("auth_basic_user_file {};", users.display());
    // What else somebody has put there, such as addresses that need no password, stays.
    let there = match fs::read_to_string(&configuration) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if there.lines().any(|line| line.trim() == asks) {
        return Ok(());
    }
    let text = format!("{there}auth_basic           \"Restricted\";\n{asks}\n");
    put(&configuration, &text)
}

/// nginx's workers, who are other users, read it.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".deploy-system-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    let mode = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// As `crypt(3)` knows it, with SHA-512.
fn hash(password: &Secret) -> io::Result<String> {
    let salt: [u8; 12] = rand::random();
    ShaCrypt::SHA512
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| io::Error::other(format!("the password cannot be hashed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_there_before_goes_and_what_else_stands_there_stays() {
        let home = tempfile::tempdir().unwrap();
        let write_for = |user: &str| {
            let credentials = Credentials::new(user, Secret::new("x")).unwrap();
            write(home.path(), &credentials).unwrap();
        };
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        let conf = "nginx.conf.d/http-auth.conf";
        fs::create_dir(home.path().join("nginx.conf.d")).unwrap();
        fs::write(home.path().join(conf), "satisfy any;\n").unwrap();
        write_for("ada");
        let first = read(conf);
        assert!(
            first.starts_with("satisfy any;\nauth_basic ") && first.ends_with("/htpasswd;\n"),
            "{first}"
        );
        assert!(read("htpasswd").starts_with("ada:$6$"));
        write_for("bob");
        assert_eq!(read(conf), first);
        let users = read("htpasswd");
        assert!(
            users.starts_with("bob:$6$") && users.lines().count() == 1,
            "{users}"
        );
        let mode = fs::metadata(home.path().join("htpasswd"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}
