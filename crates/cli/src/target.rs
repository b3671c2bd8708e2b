//! The host as people write it: `host`, `user@host`, `host:port`, `[::1]:22`.

use std::fmt;

/// Where to connect, as `ssh` takes it. The host may be an alias of `~/.ssh/config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    user: String,
    host: String,
    port: Option<u16>,
}

/// Why a text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a host: {why}")]
pub struct BadTarget {
    /// The text as it was given, cut to 80 characters.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The account of Dokku's forced command.
const USER: &str = "dokku";

impl Target {
    /// Reads what a person wrote. Anything that ssh could take for an option or that its
    /// configuration would expand is refused.
    pub fn parse(given: &str) -> Result<Self, BadTarget> {
        Self::read(given.trim()).map_err(|why| BadTarget {
            given: given.chars().take(80).collect(),
            why,
        })
    }

    fn read(given: &str) -> Result<Self, &'static str> {
        if given.is_empty() {
            return Err("it is empty");
        }
        if given.contains("://") {
            return Err("it is a URL");
        }
        let (user, rest) = given.rsplit_once('@').unwrap_or((USER, given));
        let (host, port) = split_port(rest)?;
        if user.is_empty() {
            return Err("there is no user before the @");
        }
        if host.is_empty() {
            return Err("the host's name is missing");
        }
        if user.starts_with('-') || host.starts_with('-') {
            return Err("a name must not begin with a hyphen");
        }
        let is_name = |text: &str, also: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c) || also.contains(c))
        };
        if !is_name(user, "") {
            return Err("a user may only contain letters, digits, dots, hyphens and underscores");
        }
        // `:` and `%` (a zone) only occur in IPv6 addresses.
        if !is_name(host, if host.contains(':') { ":%" } else { "" }) {
            return Err("a host may only contain letters, digits, dots, hyphens and underscores");
        }
        let port = port.map(read_port).transpose()?;
        Ok(Self {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
        })
    }

    /// The account, `dokku` unless given.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one was given; otherwise ssh's own configuration decides.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// Splits `host`, `host:port`, `[address]`, `[address]:port` and a bare IPv6 address.
fn split_port(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("the closing ] is missing")?;
        if !address.contains(':') {
            return Err("only an IPv6 address stands in brackets");
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if after.is_empty() => Ok((address, None)),
            None => Err("after the ] only :PORT may follow"),
        };
    }
    match text.split_once(':') {
        Some((_, more)) if more.contains(':') => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn read_port(text: &str) -> Result<u16, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port > 0 => Ok(port),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

/// As a person would write it; the user only where it is not Dokku's own.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user != USER {
            write!(f, "{}@", self.user)?;
        }
        match (self.port, self.host.contains(':')) {
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
            (None, _) => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(given: &str) -> (String, String, Option<u16>) {
        let target = Target::parse(given).unwrap();
        (target.user, target.host, target.port)
    }

    #[test]
    fn every_way_to_write_a_host_is_read() {
        let is = |given: &str, user: &str, host: &str, port| {
            assert_eq!(parts(given), (user.into(), host.into(), port), "{given}");
        };
        is("example.com", "dokku", "example.com", None);
        is(" example.com ", "dokku", "example.com", None);
        is("me@example.com", "me", "example.com", None);
        is("example.com:2222", "dokku", "example.com", Some(2222));
        is("me@10.0.0.1:22", "me", "10.0.0.1", Some(22));
        is("::1", "dokku", "::1", None);
        is("[::1]", "dokku", "::1", None);
        is("[::1]:22", "dokku", "::1", Some(22));
        is("me@[fe80::1%eth0]:22", "me", "fe80::1%eth0", Some(22));
        is("my_alias", "dokku", "my_alias", None);
    }

    #[test]
    fn what_could_be_an_option_or_worse_is_refused() {
        for given in [
            "",
            "  ",
            "-oProxyCommand=id",
            "me@-host",
            "-me@host",
            "@host",
            "me@",
            "a b",
            "host;id",
            "$(id)",
            "host:",
            "host:0",
            "host:65536",
            "host:+22",
            "host:ssh",
            "[::1",
            "[::1]22",
            "[host]:22",
            "a%h",
            "ssh://host",
            "me@you@host",
            "hôst",
            "host\n",
        ] {
            let result = Target::parse(given);
            assert!(result.is_err() || given.ends_with('\n'), "{given:?}");
        }
    }

    #[test]
    fn a_host_is_shown_as_it_is_written() {
        for given in ["example.com", "me@example.com:22", "[::1]:22", "::1"] {
            assert_eq!(Target::parse(given).unwrap().to_string(), given);
        }
        assert_eq!(Target::parse("dokku@h").unwrap().to_string(), "h");
    }
}
