//! The list of releases to choose from.

use dokku_deploy::{
    app::AppName,
    flows::rollback,
    release::{History, Release, short},
};

use crate::{failure::Failure, ui::Ui};

/// Most characters of a message in the list.
const MESSAGE: usize = 50;

/// Lists the releases and asks for one. Where nobody can be asked, and for an empty answer, it is the
/// usual one.
pub fn pick(app: &AppName, history: &History, ui: &Ui) -> Result<String, Failure> {
    let Some(usual) = rollback::usual(history) else {
        return Ok("previous".to_owned());
    };
    let usual = format!("v{}", usual.version);
    if !ui.can_ask() {
        return Ok(usual);
    }
    ui.header(&format!("Available Releases for {app}"));
    for line in lines(history.releases()) {
        ui.plain(&line);
    }
    let answer = ui.ask("Rollback to version", Some(&usual))?;
    Ok(answer.unwrap_or(usual))
}

fn lines(releases: &[Release]) -> Vec<String> {
    let width = |text: fn(&Release) -> String| {
        let lengths = releases.iter().map(|release| text(release).chars().count());
        lengths.max().unwrap_or_default()
    };
    let version = |release: &Release| format!("v{}", release.version);
    let (versions, actors) = (width(version), width(|release| release.actor.clone()));
    releases
        .iter()
        .map(|release| {
            let message: String = release.message.chars().take(MESSAGE).collect();
            format!(
                "  {:<versions$}  {}  {}  {:<actors$}  {message}",
                version(release),
                short(&release.sha),
                release.timestamp.strftime("%Y-%m-%d"),
                release.actor,
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use dokku_deploy::release::NextRelease;

    use super::*;

    #[test]
    fn the_list_is_aligned_and_messages_are_cut() {
        let next = |sha: &str, actor: &str, message: &str| NextRelease {
            sha: sha.repeat(40),
            image: None,
            timestamp: "2026-11-23T10:20:30Z".parse().unwrap(),
            actor: actor.into(),
            message: message.into(),
            environment: "production".into(),
        };
        let mut history = History::default().with(&next("a", "ada", "first"));
        for _ in 0..9 {
            history = history.with(&next("b", "grace@example.com", &"long ".repeat(20)));
        }
        let all = lines(history.releases());
        assert_eq!(
            all.first().unwrap(),
            "  v10  bbbbbbb  2026-11-23  grace@example.com  long long long long long long long long long long"
        );
        assert_eq!(
            all.last().unwrap(),
            "  v1   aaaaaaa  2026-11-23  ada                first"
        );
    }
}
