//! `ps:*`: an app's processes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    data_lines,
    report::{self, Form, Report},
    text_unless_missing,
};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// How much of an app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Every container.
    All,
    /// None.
    None,
    /// Some containers and not others.
    Mixed,
}

/// What Dokku says of an app's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsReport {
    /// Whether the app was ever deployed.
    pub is_deployed: bool,
    /// How much of it runs; a container that keeps crashing counts as running.
    pub running: Running,
    /// Whether `ps:scale` may change the scale; not so where app.json has a formation.
    pub can_scale: bool,
    /// Whether a push only builds; `None`: this Dokku (before 0.38.0) has no such property.
    pub is_skipping_deploy: Option<bool>,
    /// The state of each container, such as `running` and `exited`, by `web.1`.
    pub containers: BTreeMap<String, String>,
}

/// Asks about the processes of an app.
pub fn report(app: &AppName) -> DokkuCommand {
    report::ask("ps", app, Form::Json)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read_report(answer: &Answer) -> Result<Option<PsReport>, HostError> {
    let Some(report) = Report::read("ps", answer)? else {
        return Ok(None);
    };
    let running = match report.want("running")? {
        "true" => Running::All,
        "false" => Running::None,
        "mixed" => Running::Mixed,
        _ => return Err(report.broken("running")),
    };
    let is_skipping_deploy = match report.get("computed-skip-deploy") {
        Some(_) => Some(report.flag("computed-skip-deploy")?),
        None => None,
    };
    // "running (CID: 11a53d8a3e5)"
    let state = |value: &str| value.split(" (").next().unwrap_or(value).to_owned();
    Ok(Some(PsReport {
        is_deployed: report.flag("deployed")?,
        running,
        can_scale: report.flag("can-scale")?,
        is_skipping_deploy,
        containers: report
            .entries()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix("status-")?.to_owned(), state(value)))
            })
            .collect(),
    }))
}

/// Number of containers by process type.
pub type Scale = BTreeMap<String, u32>;

/// Asks for the scale of an app.
pub fn scale_show(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:scale", app)
}

/// Reads the answer to [`scale_show`]; `None` when the app does not exist.
pub fn read_scale(answer: &Answer) -> Result<Option<Scale>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    data_lines(text)
        .filter(|line| *line != "proctype: qty" && *line != "--------: ---")
        .map(|line| {
            let (process, quantity) = line.split_once(':')?;
            Some((process.trim().to_owned(), quantity.trim().parse().ok()?))
        })
        .collect::<Option<Scale>>()
        .map(Some)
        .ok_or_else(|| answer.unparsable("lines of process types and numbers"))
}

/// Sets the scale. Without `skip_deploy` Dokku deploys the present image again when it changes.
pub fn scale(app: &AppName, scale: &Scale, skip_deploy: bool) -> DokkuCommand {
    let command = DokkuCommand::new("ps:scale");
    let command = if skip_deploy {
        command.flag("--skip-deploy")
    } else {
        command
    };
    let words = scale
        .iter()
        .map(|(process, quantity)| format!("{process}={quantity}"));
    command.arg(app.as_str()).args(words)
}

/// Makes pushes build only: the running containers stay, `run` uses the new image. Since Dokku
/// 0.38.0; [`Capabilities`](super::capabilities::Capabilities) has the way of older ones.
pub fn set_skip_deploy(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:set", app)
        .flag("skip-deploy")
        .flag("true")
}

/// Undoes [`set_skip_deploy`]. From then on any restart ships the newest image.
pub fn clear_skip_deploy(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:set", app).flag("skip-deploy")
}

/// Starts new containers from the newest image and switches to them; not on a first deploy.
pub fn restart(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:restart", app)
}

/// Builds the deployed commit again and deploys it.
pub fn rebuild(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:rebuild", app)
}

/// Starts a stopped app.
pub fn start(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:start", app)
}

/// Stops an app; it stays stopped until it is started.
pub fn stop(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:stop", app)
}

/// Whether output of a rebuild or restart says that another deploy of the app is under way.
pub fn is_deploy_lock(output: &str) -> bool {
    output.contains("currently has a deploy lock in place")
}

/// A container of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Docker's id, 64 hexadecimal digits.
    pub id: String,
    /// Id of the image that it runs, `sha256:…`: the proof of which build serves.
    pub image_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// `web`, `worker` …
    pub process_type: String,
    /// 1 for the first of its type.
    pub index: u32,
    /// Whether it runs at this moment; between crashes it does not.
    pub is_running: bool,
    /// How often Docker has started it again.
    pub restarts: u32,
    /// `deploy` for a process of the app, `run` for a task.
    pub container_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    image: String,
    created: Timestamp,
    state: State,
    #[serde(default)]
    restart_count: u32,
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    #[serde(default)]
    restarting: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    labels: BTreeMap<String, String>,
}

/// Asks for the containers of an app.
pub fn inspect(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("ps:inspect", app)
}

/// Reads the answer to [`inspect`]; `None` when the app does not exist, an empty list when it has
/// no containers.
pub fn read_inspect(answer: &Answer) -> Result<Option<Vec<Container>>, HostError> {
    // Dokku hands the ids to `docker container inspect`, which wants at least one.
    if !answer.is_ok() && answer.complaint().contains("requires at least 1 argument") {
        return Ok(Some(Vec::new()));
    }
    // Containers that were removed behind Dokku's back (`docker system prune`) make the command
    // fail, but the others are described all the same.
    let text = if !answer.is_ok() && answer.complaint().contains("No such container") {
        answer.text()?
    } else {
        match text_unless_missing(answer)? {
            Some(text) => text,
            None => return Ok(None),
        }
    };
    let unparsable = || answer.unparsable("Docker's description of the app's containers");
    let inspected: Vec<Inspected> = serde_json::from_str(text).map_err(|_| unparsable())?;
    inspected
        .into_iter()
        .map(|container| container.read().ok_or_else(unparsable))
        .collect::<Result<_, _>>()
        .map(Some)
}

impl Inspected {
    fn read(self) -> Option<Container> {
        let label = |name: &str| self.config.labels.get(&format!("com.dokku.{name}"));
        let (process_type, index) = label("dyno")?.rsplit_once('.')?;
        Some(Container {
            process_type: process_type.to_owned(),
            index: index.parse().ok()?,
            container_type: label("container-type")?.clone(),
            id: self.id,
            image_id: self.image,
            created: self.created,
            is_running: self.state.running && !self.state.restarting,
            restarts: self.restart_count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        let counts = Scale::from([("web".into(), 2), ("worker".into(), 0)]);
        for (command, line) in [
            (report(&app), "ps:report myapp --format json"),
            (scale_show(&app), "ps:scale myapp"),
            (
                scale(&app, &counts, true),
                "ps:scale --skip-deploy myapp web=2 worker=0",
            ),
            (scale(&app, &counts, false), "ps:scale myapp web=2 worker=0"),
            (set_skip_deploy(&app), "ps:set myapp skip-deploy true"),
            (clear_skip_deploy(&app), "ps:set myapp skip-deploy"),
            (restart(&app), "ps:restart myapp"),
            (rebuild(&app), "ps:rebuild myapp"),
            (start(&app), "ps:start myapp"),
            (stop(&app), "ps:stop myapp"),
            (inspect(&app), "ps:inspect myapp"),
        ] {
            assert_eq!(command.wire().unwrap(), line);
        }
    }

    #[test]
    fn running_and_stopped_apps_are_told_apart() {
        let running = read_report(&recorded("ps-report-json")).unwrap().unwrap();
        assert!(running.is_deployed && running.can_scale);
        assert_eq!(running.running, Running::All);
        assert_eq!(running.is_skipping_deploy, Some(false));
        assert_eq!(running.containers["web.1"], "running");
        let stopped = read_report(&recorded("ps-report-stopped"))
            .unwrap()
            .unwrap();
        assert_eq!(stopped.running, Running::None);
        assert_eq!(stopped.containers.len(), 2);
        let crashing = read_report(&recorded("ps-report-after-crash-2"))
            .unwrap()
            .unwrap();
        assert_eq!(crashing.containers["web.1"], "restarting");
    }

    #[test]
    fn an_older_dokku_has_no_skip_deploy_and_a_strange_one_is_unparsable() {
        let old = r#"{"deployed":"false","ps-can-scale":"true","running":"mixed"}"#;
        let old = read_report(&answer(0, old, "")).unwrap().unwrap();
        assert_eq!(
            (old.is_skipping_deploy, old.running),
            (None, Running::Mixed)
        );
        for strange in [
            r#"{"deployed":"yes","can-scale":"true","running":"true"}"#,
            r#"{"deployed":"true","can-scale":"true","running":"perhaps"}"#,
            r#"{"deployed":"true","can-scale":"true"}"#,
        ] {
            assert!(read_report(&answer(0, strange, "")).is_err(), "{strange}");
        }
        let missing = recorded("apps-report-missing-json");
        assert_eq!(read_report(&missing), Ok(None));
    }

    #[test]
    fn the_scale_is_read() {
        let scale = read_scale(&recorded("ps-scale-show")).unwrap().unwrap();
        assert_eq!(
            scale,
            Scale::from([("web".into(), 1), ("worker".into(), 0)])
        );
        assert!(read_scale(&answer(0, "web: many\n", "")).is_err());
        assert!(read_scale(&recorded("ps-scale-bad2")).is_err());
    }

    #[test]
    fn the_image_of_each_container_is_read() {
        let containers = read_inspect(&recorded("ps-inspect")).unwrap().unwrap();
        let web = &containers[0];
        assert_eq!(
            web.image_id,
            "sha256:f1633606b71b405e92ed8ef029aeec8a7bd9526142cbe26ab995d05546fd80d8"
        );
        assert_eq!((web.process_type.as_str(), web.index), ("web", 1));
        assert_eq!(web.container_type, "deploy");
        assert!(web.is_running);
        assert_eq!(web.created.to_string(), "2026-11-23T10:20:49.995131977Z");
    }

    #[test]
    fn an_app_without_containers_has_none() {
        let none = answer(
            1,
            "",
            "\"docker container inspect\" requires at least 1 argument.\nTraceback …",
        );
        assert_eq!(read_inspect(&none), Ok(Some(Vec::new())));
        assert_eq!(read_inspect(&answer(0, "[]\n", "")), Ok(Some(Vec::new())));
        let pruned = answer(
            1,
            "[]\n",
            "Error response from daemon: No such container: abc",
        );
        assert_eq!(read_inspect(&pruned), Ok(Some(Vec::new())));
        assert!(read_inspect(&answer(1, "", "No such container: abc")).is_err());
        assert!(read_inspect(&answer(0, "[{}]", "")).is_err());
        assert!(read_inspect(&answer(1, "", "boom")).is_err());
    }

    #[test]
    fn another_deploy_under_way_is_recognised() {
        let busy = recorded("rebuild-during-deploy");
        assert!(is_deploy_lock(busy.text().unwrap()));
        assert!(!is_deploy_lock("-----> Deploying"));
    }
}
