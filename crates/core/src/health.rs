//! The health check: is what answers at the app's address healthy, and is it the right version?

use crate::net::ProbeAnswer;

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
