//! Encryption by age: to public keys while a backup is written, with a private one when it is read.

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
};

use age::{
    DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient, stream::StreamWriter,
};

/// The beginning of every file of age.
pub const MAGIC: &[u8] = b"age-encryption.org/v1";

/// The public keys that backups are encrypted to.
pub fn recipients(keys: &[String]) -> io::Result<Vec<age::x25519::Recipient>> {
    keys.iter()
        .map(|key| {
            key.parse().map_err(|why| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{key:?} is no public key of age (age1…): {why}"),
                )
            })
        })
        .collect()
}

/// Writes what only the owners of these keys can read.
pub fn encrypt<W: Write>(to: W, keys: &[String]) -> io::Result<StreamWriter<W>> {
    let recipients = recipients(keys)?;
    let each = recipients.iter().map(|one| {
        let one: &dyn Recipient = one;
        one
    });
    Encryptor::with_recipients(each)
        .map_err(|error| io::Error::other(error.to_string()))?
        .wrap_output(to)
}

/// Private keys, as they are read from a file of `age-keygen`.
pub struct Identities(Vec<Box<dyn Identity>>);

impl Identities {
    /// Reads `FILE`.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let wrong = |why: String| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{}: {why}", path.display()),
            )
        };
        if text.contains("-----BEGIN") {
            return Err(wrong(
                "this is a key of ssh or TLS; backups are opened with age's own keys (age-keygen)"
                    .to_owned(),
            ));
        }
        IdentityFile::from_buffer(BufReader::new(text.as_bytes()))?
            .into_identities()
            .map(Self)
            .map_err(|error| wrong(error.to_string()))
    }

    /// Reads what was encrypted to the owner of one of these.
    pub fn decrypt(&self, from: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        let decryptor =
            Decryptor::new(from).map_err(|error| io::Error::other(error.to_string()))?;
        let reader = decryptor
            .decrypt(self.0.iter().map(AsRef::as_ref))
            .map_err(|error| {
                let kind = match error {
                    DecryptError::NoMatchingKeys => io::ErrorKind::PermissionDenied,
                    _ => io::ErrorKind::InvalidData,
                };
                io::Error::new(kind, error.to_string())
            })?;
        Ok(Box::new(reader))
    }
}

/// A key that opens what a run has just encrypted, for the test of it: made in memory, never written,
/// and forgotten at the end of the run.
pub struct PassingKey(age::x25519::Identity);

impl PassingKey {
    /// A new one.
    pub fn new() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Its public half.
    pub fn public(&self) -> String {
        self.0.to_public().to_string()
    }

    /// What reads with it.
    pub fn identities(&self) -> Identities {
        Identities(vec![Box::new(self.0.clone())])
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_a_recipient_reads_it_and_every_cut_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let (mine, other) = (
            age::x25519::Identity::generate(),
            age::x25519::Identity::generate(),
        );
        let path = |name: &str, key: &age::x25519::Identity| {
            let path = directory.path().join(name);
            fs_err::write(
                &path,
                format!("# mine\n{}\n", key.to_string().expose_secret()),
            )
            .unwrap();
            Identities::read(&path).unwrap()
        };
        let text = b"INSERT INTO t VALUES (1);\n".repeat(5000);
        let mut writer = encrypt(Vec::new(), &[mine.to_public().to_string()]).unwrap();
        writer.write_all(&text).unwrap();
        let sealed = writer.finish().unwrap();
        assert!(sealed.starts_with(MAGIC));
        let read = |identities: &Identities, bytes: &[u8]| {
            let mut all = Vec::new();
            identities
                .decrypt(io::Cursor::new(bytes.to_vec()))?
                .read_to_end(&mut all)?;
            Ok::<_, io::Error>(all)
        };
        let mine = path("mine", &mine);
        assert_eq!(read(&mine, &sealed).unwrap(), text);
        assert!(read(&path("other", &other), &sealed).is_err());
        for cut in [10, 200, 65_800, sealed.len() - 1] {
            assert!(read(&mine, &sealed[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_told() {
        for key in [
            "age1nonsense",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN ops",
            "",
        ] {
            assert!(recipients(&[key.to_owned()]).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_key_of_ssh_is_told_from_one_of_age() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("id_ed25519");
        fs_err::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
        let error = Identities::read(&path).err().unwrap().to_string();
        assert!(error.contains("age-keygen"), "{error}");
    }
}
