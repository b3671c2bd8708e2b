//! The server's own key, and the keys of those who may come in.

use std::io;
use std::path::Path;

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};

use crate::store::write_file;

/// The server's key.
pub struct HostKey {
    /// The secret half.
    pub private: PrivateKey,
    /// The public half as it stands in `known_hosts` after the host's name.
    pub public: String,
}

/// Reads the host key under the root, or makes one on the first start.
pub fn host_key(root: &Path) -> io::Result<HostKey> {
    let path = root.join("ssh/host_ed25519");
    let private = if path.is_file() {
        russh::keys::load_secret_key(&path, None).map_err(io::Error::other)?
    } else {
        let private =
            PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let text = private
            .to_openssh(LineEnding::LF)
            .map_err(io::Error::other)?;
        write_file(&path, text.as_bytes())?;
        private
    };
    let mut public = private.public_key().clone();
    public.set_comment("");
    let public = public
        .to_openssh()
        .map_err(io::Error::other)?
        .trim()
        .to_owned();
    Ok(HostKey { private, public })
}

/// The name of an authorised key: its comment, or `admin`; `None` if the key is not in the file.
pub fn authorized_name(file: &Path, key: &PublicKey) -> Option<String> {
    let text = fs_err::read_to_string(file).ok()?;
    text.lines()
        .filter_map(parse_line)
        .find(|(known, _)| known.key_data() == key.key_data())
        .map(|(_, name)| name)
}

/// One line of an `authorized_keys` file; options in front are skipped.
fn parse_line(line: &str) -> Option<(PublicKey, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let start = ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .filter_map(|kind| word_start(line, kind))
        .min()?;
    let key = PublicKey::from_openssh(&line[start..]).ok()?;
    let comment = line[start..]
        .split_whitespace()
        .skip(2)
        .collect::<Vec<_>>()
        .join(" ");
    Some((
        key,
        if comment.is_empty() {
            "admin".to_owned()
        } else {
            comment
        },
    ))
}

fn word_start(line: &str, prefix: &str) -> Option<usize> {
    line.match_indices(prefix)
        .map(|(index, _)| index)
        .find(|&index| index == 0 || line[..index].ends_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_key_stays_the_same_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let first = host_key(root.path()).unwrap().public;
        assert_eq!(host_key(root.path()).unwrap().public, first);
        assert!(first.starts_with("ssh-ed25519 AAAA"));
        let mode = root
            .path()
            .join("ssh/host_ed25519")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_listed_keys_have_a_name() {
        let root = tempfile::tempdir().unwrap();
        let listed = host_key(&root.path().join("a")).unwrap();
        let other = host_key(&root.path().join("b")).unwrap();
        let file = root.path().join("keys");
        std::fs::write(
            &file,
            format!(
                "# people\nno-pty,command=\"x y\" {} anna@home\n",
                listed.public
            ),
        )
        .unwrap();
        assert_eq!(
            authorized_name(&file, listed.private.public_key()).as_deref(),
            Some("anna@home")
        );
        assert_eq!(authorized_name(&file, other.private.public_key()), None);
        assert_eq!(
            authorized_name(&root.path().join("absent"), listed.private.public_key()),
            None
        );
    }
}
