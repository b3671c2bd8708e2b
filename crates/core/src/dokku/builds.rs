//! `builds:*`: Dokku's own list of builds and deploys, since 0.38.0.

use jiff::Timestamp;
use serde::Deserialize;

use super::text_unless_missing;
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// One build or deploy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Build {
    /// Dokku's id, for `builds:output`.
    pub id: String,
    /// `build` or `deploy`.
    pub kind: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, if Dokku was there to see.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// `running`, `succeeded`, `failed`, `abandoned`: the one that was killed is not running.
    #[serde(rename = "display_status")]
    pub status: String,
    /// `git-hook`, `ps:rebuild`, `deploy` …
    pub source: String,
}

/// Lists an app's builds, newest first.
pub fn list(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("builds:list", app)
        .flag("--format")
        .flag("json")
}

/// Reads the answer to [`list`]; `None` when the app does not exist.
pub fn read_list(answer: &Answer) -> Result<Option<Vec<Build>>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|_| answer.unparsable("a list of builds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn a_killed_build_is_abandoned_and_not_running() {
        assert_eq!(
            list(&app("myapp")).wire().unwrap(),
            "builds:list myapp --format json"
        );
        let builds = read_list(&recorded("builds-after-fail-2"))
            .unwrap()
            .unwrap();
        assert_eq!(
            (builds[0].status.as_str(), builds[0].finished_at),
            ("abandoned", None)
        );
        assert_eq!(builds[1].status, "succeeded");
        assert_eq!(builds[2].status, "failed");
        assert_eq!(read_list(&answer(0, "[]", "")), Ok(Some(Vec::new())));
        assert!(read_list(&answer(0, "none", "")).is_err());
    }
}
