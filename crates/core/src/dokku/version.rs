//! `version`.

use std::fmt;

use crate::{
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// A version of Dokku.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Version {
    /// 0 in every version so far.
    pub major: u32,
    /// 38 in 0.38.27.
    pub minor: u32,
    /// 27 in 0.38.27.
    pub patch: u32,
}

/// The oldest Dokku that this program works with: the one that the bash system installs. What it
/// lacks has named substitutes, see [`capabilities`](super::capabilities).
pub const OLDEST_SUPPORTED: Version = Version::new(0, 34, 4);

impl Version {
    /// The version `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `0.38.27`; what follows the numbers (`-rc1`, `+build`) is ignored.
    fn parse(text: &str) -> Option<Self> {
        let numbers = text
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self::new(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Asks for the version.
pub fn ask() -> DokkuCommand {
    DokkuCommand::new("version")
}

/// Reads `dokku version 0.38.27`. `host` is its name for messages: anything else is no Dokku.
pub fn read(answer: &Answer, host: &str) -> Result<Version, HostError> {
    let text = String::from_utf8_lossy(&answer.stdout);
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("dokku version ")
        && answer.is_ok()
    {
        return Version::parse(rest.trim())
            .ok_or_else(|| answer.unparsable("`dokku version` and three numbers"));
    }
    let complaint = answer.complaint();
    if complaint.ends_with("Access denied") {
        return Err(answer.refused());
    }
    let said = if complaint.is_empty() {
        text
    } else {
        &complaint
    };
    let first: String = said
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    Err(HostError::NotDokku {
        host: host.to_owned(),
        why: if first.is_empty() {
            format!("`version` answered nothing (status {})", answer.status)
        } else {
            format!(
                "`version` answered {first:?} (status {}); is Dokku installed there, and is the user `dokku`?",
                answer.status
            )
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, recorded};

    #[test]
    fn the_recorded_version_is_read() {
        let version = read(&recorded("q-leading-space"), "h").unwrap();
        assert_eq!(version, Version::new(0, 38, 27));
        assert_eq!(version.to_string(), "0.38.27");
        assert!(version > OLDEST_SUPPORTED);
        assert_eq!(ask().wire().unwrap(), "version");
    }

    #[test]
    fn words_after_the_numbers_do_not_matter() {
        let read = |text: &str| read(&answer(0, text, ""), "h").ok();
        assert_eq!(
            read("dokku version 0.39.0-rc1\n"),
            Some(Version::new(0, 39, 0))
        );
        assert_eq!(
            read("dokku version 0.39.0+12.abc\n"),
            Some(Version::new(0, 39, 0))
        );
        for bad in [
            "dokku version 0.39\n",
            "dokku version x\n",
            "dokku version 1.2.3.4\n",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_without_dokku_is_named() {
        let shell = answer(127, "", "bash: line 1: version: command not found\n");
        let error = read(&shell, "web.example.com").unwrap_err();
        assert!(matches!(error, HostError::NotDokku { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("web.example.com") && text.contains("command not found"),
            "{text}"
        );
        assert!(matches!(
            read(&answer(0, "", ""), "h"),
            Err(HostError::NotDokku { .. })
        ));
    }

    #[test]
    fn a_gate_that_denies_access_is_a_refusal() {
        let denied = recorded("cmd-fail-user-auth");
        assert!(matches!(
            read(&denied, "h"),
            Err(HostError::Refused { status: 1, .. })
        ));
    }
}
