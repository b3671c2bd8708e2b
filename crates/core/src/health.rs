//! The health check: is what answers at the app's address healthy, and is it the right version?

use std::time::Duration;

use url::Url;

use crate::net::{Net, NetError, Probe, ProbeAnswer};

/// What a healthy answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Statuses that count as healthy.
    pub statuses: Vec<u16>,
    /// A header that names the version which answers.
    pub version_header: Option<String>,
    /// A dotted path into a JSON body that names the version, such as `build.commit`.
    pub version_json: Option<String>,
    /// The commit that should answer, 40 hexadecimal digits.
    pub commit: String,
}

/// What one answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Healthy; and the app names the right commit itself, where it is asked for one.
    Healthy {
        /// Whether the app's own word for its version was compared, and matched.
        version_confirmed: bool,
    },
    /// Not healthy, in words.
    Unhealthy(String),
}

/// Shortest abbreviation of a commit that counts as naming it.
const SHORTEST_COMMIT: usize = 7;

/// The most redirects that one question follows.
pub const MOST_HOPS: usize = 5;

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Its status.
    pub status: u16,
    /// The address that it came from.
    pub from: String,
    /// The address that it led to.
    pub to: String,
}

/// Asks, and follows redirects within the same host: at most [`MOST_HOPS`], all of them together
/// within the time of `probe`. `elapsed` is a clock that only runs forward. The last answer counts;
/// where a redirect is not followed, that is the answer of it.
pub fn ask(
    net: &dyn Net,
    probe: &Probe,
    statuses: &[u16],
    elapsed: &dyn Fn() -> Duration,
    told: &mut dyn FnMut(&Hop),
) -> Result<ProbeAnswer, NetError> {
    let begun = elapsed();
    let mut probe = probe.clone();
    let mut hops = 0;
    loop {
        let mut answer = net.probe(&probe)?;
        let location = answer.headers.iter().find(|(name, _)| name == "location");
        let location = location.map(|(_, to)| to.as_str());
        let to = match redirect(&probe.url, answer.status, location) {
            // A redirect may be just what is expected.
            Some(to) if hops < MOST_HOPS && !statuses.contains(&answer.status) => to,
            _ => {
                answer.took = elapsed().saturating_sub(begun).max(answer.took);
                return Ok(answer);
            }
        };
        hops += 1;
        told(&Hop {
            status: answer.status,
            from: probe.url.clone(),
            to: to.clone(),
        });
        let spent = elapsed().saturating_sub(begun);
        if spent >= probe.timeout {
            return Err(NetError::TimedOut {
                url: to,
                after: probe.timeout,
            });
        }
        probe.timeout -= spent;
        probe.url = to;
    }
}

/// Where an answer redirects to, if that is the same host: the same name by the same or a safer
/// scheme, on the same port or that of the safer scheme.
pub fn redirect(from: &str, status: u16, location: Option<&str>) -> Option<String> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let from = Url::parse(from).ok()?;
    let to = from.join(location?).ok()?;
    let is_safer = from.scheme() == "http" && to.scheme() == "https";
    let is_alike =
        from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    let is_plain = to.username().is_empty() && to.password().is_none();
    (from.host() == to.host() && (is_safer || is_alike) && is_plain).then(|| to.into())
}

/// Judges an answer.
pub fn judge(answer: &ProbeAnswer, expected: &Expectation) -> Verdict {
    if !expected.statuses.contains(&answer.status) {
        return Verdict::Unhealthy(wrong_status(answer, &expected.statuses));
    }
    let mut version_confirmed = false;
    if let Some(name) = &expected.version_header {
        let value = answer
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        match value {
            None => return Verdict::Unhealthy(format!("the answer has no header {name}")),
            Some((_, value)) if !is_commit(value, &expected.commit) => {
                return Verdict::Unhealthy(other_version(value, &expected.commit));
            }
            Some(_) => version_confirmed = true,
        }
    }
    if let Some(path) = &expected.version_json {
        match version_in(&answer.body, path) {
            None => {
                return Verdict::Unhealthy(format!(
                    "the answer has no text at {path} in a JSON body"
                ));
            }
            Some(value) if !is_commit(&value, &expected.commit) => {
                return Verdict::Unhealthy(other_version(&value, &expected.commit));
            }
            Some(_) => version_confirmed = true,
        }
    }
    Verdict::Healthy { version_confirmed }
}

fn wrong_status(answer: &ProbeAnswer, statuses: &[u16]) -> String {
    let expected = statuses
        .iter()
        .map(u16::to_string)
        .collect::<Vec<_>>()
        .join(" or ");
    let location = answer
        .headers
        .iter()
        .find(|(name, _)| (300..400).contains(&answer.status) && name == "location")
        .map(|(_, to)| format!(" (redirects to {}, which is not followed)", short(to)))
        .unwrap_or_default();
    format!("status {}{location}, expected {expected}", answer.status)
}

fn other_version(found: &str, expected: &str) -> String {
    let expected = expected.get(..SHORTEST_COMMIT).unwrap_or(expected);
    format!("version {:?} answers, expected {expected}", short(found))
}

fn is_commit(said: &str, commit: &str) -> bool {
    let said = said.trim();
    said.len() >= SHORTEST_COMMIT && commit.starts_with(&said.to_ascii_lowercase())
}

fn version_in(body: &[u8], path: &str) -> Option<String> {
    let mut value: &serde_json::Value = &serde_json::from_slice(body).ok()?;
    for key in path.split('.') {
        value = value.get(key)?;
    }
    value.as_str().map(str::to_owned)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> ProbeAnswer {
        ProbeAnswer {
            status,
            headers: headers
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            body: body.into(),
            took: Duration::from_millis(5),
        }
    }

    fn expectation() -> Expectation {
        Expectation {
            statuses: vec![200],
            version_header: None,
            version_json: None,
            commit: COMMIT.into(),
        }
    }

    #[test]
    fn only_the_expected_statuses_are_healthy() {
        let healthy = Verdict::Healthy {
            version_confirmed: false,
        };
        assert_eq!(judge(&answer(200, &[], ""), &expectation()), healthy);
        for status in [201, 204, 404, 500, 502] {
            assert!(matches!(
                judge(&answer(status, &[], ""), &expectation()),
                Verdict::Unhealthy(_)
            ));
        }
        let wider = Expectation {
            statuses: vec![200, 204],
            ..expectation()
        };
        assert_eq!(judge(&answer(204, &[], ""), &wider), healthy);
    }

    /// Answers what stands in a table; 200 elsewhere.
    struct Table(Vec<(&'static str, u16, &'static str)>);

    impl Net for Table {
        fn probe(&self, probe: &Probe) -> Result<ProbeAnswer, NetError> {
            assert_eq!(probe.connect_to.as_deref(), Some("192.0.2.1"));
            let row = self.0.iter().find(|(url, ..)| *url == probe.url);
            Ok(row.map_or_else(
                || answer(200, &[], ""),
                |(_, status, to)| answer(*status, &[("location", *to)], ""),
            ))
        }
    }

    /// The last answer's status and the addresses on the way.
    fn asked(table: Vec<(&'static str, u16, &'static str)>, url: &str) -> (u16, Vec<String>) {
        let probe = Probe {
            url: url.into(),
            connect_to: Some("192.0.2.1".into()),
            credentials: None,
            timeout: Duration::from_secs(3),
        };
        let mut hops = Vec::new();
        let clock = || Duration::ZERO;
        let last = ask(&Table(table), &probe, &[200], &clock, &mut |hop| {
            hops.push(hop.to.clone());
        });
        (last.unwrap().status, hops)
    }

    #[test]
    fn redirects_within_the_same_host_are_followed_and_told() {
        let table = vec![
            ("http://a.test/", 301, "https://a.test/"),
            ("https://a.test/", 302, "login?next=%2F"),
            ("https://a.test/login?next=%2F", 307, "/en/login"),
        ];
        let (status, hops) = asked(table, "http://a.test/");
        assert_eq!(status, 200);
        assert_eq!(
            hops,
            [
                "https://a.test/",
                "https://a.test/login?next=%2F",
                "https://a.test/en/login"
            ]
        );
    }

    #[test]
    fn no_redirect_leads_away() {
        for to in [
            "http://b.test/",
            "//b.test/",
            "http://a.test.b.test/",
            "http://a.test:8080/",
            "http://user@a.test/",
            "ftp://a.test/",
            "http://",
        ] {
            let table = vec![("http://a.test/", 302, to)];
            assert_eq!(asked(table, "http://a.test/"), (302, Vec::new()), "{to}");
        }
        let table = vec![("https://a.test/", 302, "http://a.test/")];
        assert_eq!(asked(table, "https://a.test/"), (302, Vec::new()));
        let table = vec![("http://a.test/", 304, "/x")];
        assert_eq!(asked(table, "http://a.test/"), (304, Vec::new()));
    }

    #[test]
    fn a_ring_of_redirects_ends() {
        let table = vec![
            ("http://a.test/1", 302, "/2"),
            ("http://a.test/2", 302, "/1"),
        ];
        let (status, hops) = asked(table, "http://a.test/1");
        assert_eq!((status, hops.len()), (302, MOST_HOPS));
    }

    #[test]
    fn a_redirect_that_is_expected_is_the_answer_and_all_hops_share_one_time() {
        let table = || Table(vec![("http://a.test/", 302, "/x")]);
        let probe = Probe {
            url: "http://a.test/".into(),
            connect_to: Some("192.0.2.1".into()),
            credentials: None,
            timeout: Duration::from_secs(3),
        };
        let mut hops = 0;
        let still = || Duration::ZERO;
        let last = ask(&table(), &probe, &[302], &still, &mut |_| hops += 1);
        assert_eq!((last.unwrap().status, hops), (302, 0));
        let now = std::cell::Cell::new(0);
        let late = || Duration::from_secs(now.replace(now.get() + 4));
        let last = ask(&table(), &probe, &[200], &late, &mut |_| hops += 1);
        assert!(matches!(last, Err(NetError::TimedOut { .. })), "{last:?}");
    }

    #[test]
    fn a_redirect_is_unhealthy_and_says_where_it_leads() {
        let verdict = judge(
            &answer(302, &[("location", "https://login.example/")], ""),
            &expectation(),
        );
        assert_eq!(
            verdict,
            Verdict::Unhealthy(
                "status 302 (redirects to https://login.example/, which is not followed), expected 200".into()
            )
        );
    }

    #[test]
    fn the_apps_own_word_for_its_version_is_compared() {
        let header = Expectation {
            version_header: Some("X-Version".into()),
            ..expectation()
        };
        let ok = Verdict::Healthy {
            version_confirmed: true,
        };
        assert_eq!(
            judge(&answer(200, &[("x-version", "0123456")], ""), &header),
            ok
        );
        assert_eq!(
            judge(&answer(200, &[("x-version", COMMIT)], ""), &header),
            ok
        );
        for wrong in ["", "0123", "fedcba9", "01234567ff"] {
            let verdict = judge(&answer(200, &[("x-version", wrong)], ""), &header);
            assert!(matches!(verdict, Verdict::Unhealthy(_)), "{wrong}");
        }
        assert!(matches!(
            judge(&answer(200, &[], ""), &header),
            Verdict::Unhealthy(_)
        ));

        let json = Expectation {
            version_json: Some("build.commit".into()),
            ..expectation()
        };
        let body = format!(r#"{{"build":{{"commit":"{COMMIT}"}}}}"#);
        assert_eq!(judge(&answer(200, &[], &body), &json), ok);
        assert!(matches!(
            judge(&answer(200, &[], "<html>"), &json),
            Verdict::Unhealthy(_)
        ));
    }
}
