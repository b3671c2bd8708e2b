//! Changing single lines of the settings file; all others stay as they are.

use std::{
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// The text with `name` set to `value`: in place of its first line, or at the end. Further lines
/// of that name go. `None` removes the setting.
pub fn with(text: &str, name: &str, value: Option<&str>) -> String {
    let mut line = value.map(|value| format!("{name}={}", quoted(value)));
    let mut lines: Vec<String> = Vec::new();
    for old in text.lines() {
        if !is_of(old, name) {
            lines.push(old.to_owned());
        } else if let Some(line) = line.take() {
            lines.push(line);
        }
    }
    lines.extend(line);
    lines.push(String::new());
    lines.join("\n")
}

/// Whether a line sets `name`, in any case: `alias_prod` and `ALIAS_PROD` are one.
fn is_of(line: &str, name: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    line.split_once('=').is_some_and(|(key, _)| {
        key == name || (key.starts_with("ALIAS_") && key.eq_ignore_ascii_case(name))
    })
}

/// A value as a shell reads it back.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for letter in value.chars() {
        if "$`\"\\".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
    text
}

/// Puts the file in place at once; only its owner may read it. Where it is a link, what it leads to
/// is replaced.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let directory = path
        .parent()
        .ok_or_else(|| io::Error::other("the settings file has no directory"))?;
    let mut file = tempfile::Builder::new()
        .prefix(".dokku-cli.")
        .permissions(PermissionsExt::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_the_name_change() {
        let text = "# mine\nDOKKU_HOST=\"a\"\nALIAS_PROD=x\nexport DOKKU_HOST=b\n";
        assert_eq!(
            with(text, "DOKKU_HOST", Some("c d")),
            "# mine\nDOKKU_HOST=\"c d\"\nALIAS_PROD=x\n"
        );
        assert_eq!(
            with(text, "ALIAS_API", Some("api")),
            format!("{text}ALIAS_API=\"api\"\n")
        );
        assert_eq!(
            with(text, "ALIAS_PROD", None),
            "# mine\nDOKKU_HOST=\"a\"\nexport DOKKU_HOST=b\n"
        );
        assert_eq!(with("", "A", Some(r#"$x`"\"#)), "A=\"\\$x\\`\\\"\\\\\"\n");
    }

    #[test]
    fn the_file_is_private_and_a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        write(&real, "A=1\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, "A=2\n").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "A=2\n");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = std::fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
