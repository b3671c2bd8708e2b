//! Records of builds and deploys, with their output: `data/builds/APP/ID.json` and `ID.log`.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::{self, locked};

/// One build or deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its id, later ones sort higher.
    pub id: String,
    /// The app.
    pub app: String,
    /// `build`, or `deploy` where nothing is built.
    pub kind: String,
    /// The process that runs it.
    pub pid: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs and when it was cut short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// `running`, `succeeded` or `failed`.
    pub status: String,
    /// `git-hook`, `ps:rebuild`, `deploy`, `config-redeploy`, …
    pub source: String,
    /// Its exit code, once it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

/// How many records of an app are kept.
const RETENTION: usize = 20;

/// The records of a host.
#[derive(Debug)]
pub struct Builds {
    root: PathBuf,
    active: Mutex<BTreeSet<String>>,
}

impl Builds {
    /// The records below `root`.
    pub fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            active: Mutex::default(),
        }
    }

    /// Begins a record; the file takes its output.
    pub fn begin(&self, app: &str, kind: &str, source: &str) -> io::Result<(Build, fs::File)> {
        let started_at = Timestamp::now();
        let build = Build {
            id: new_id(started_at),
            app: app.to_owned(),
            kind: kind.to_owned(),
            pid: std::process::id(),
            started_at,
            finished_at: None,
            status: "running".to_owned(),
            source: source.to_owned(),
            exit_code: None,
        };
        fs::create_dir_all(self.directory(app))?;
        let log = fs::File::create(self.log_path(app, &build.id))?;
        self.save(&build)?;
        locked(&self.active).insert(build.id.clone());
        self.prune(app)?;
        Ok((build, log))
    }

    /// Ends a record. A recorded Dokku never finishes the record of a build that failed in its
    /// build phase: with `None` it stays `running`, and is shown as abandoned.
    pub fn finish(&self, mut build: Build, exit_code: Option<u8>) -> io::Result<()> {
        if let Some(code) = exit_code {
            build.finished_at = Some(Timestamp::now());
            build.exit_code = Some(code);
            let status = if code == 0 { "succeeded" } else { "failed" };
            status.clone_into(&mut build.status);
            self.save(&build)?;
        }
        locked(&self.active).remove(&build.id);
        Ok(())
    }

    /// The records of an app, the newest first.
    pub fn of_app(&self, app: &str) -> io::Result<Vec<Build>> {
        let mut builds: Vec<Build> = Vec::new();
        for path in self.records(app)? {
            builds.extend(files::read_json::<Build>(&path)?);
        }
        builds.sort_by_key(|build| std::cmp::Reverse((build.started_at, build.id.clone())));
        Ok(builds)
    }

    /// The record with this id.
    pub fn find(&self, app: &str, id: &str) -> io::Result<Option<Build>> {
        if !is_id(id) {
            return Ok(None);
        }
        files::read_json(&self.directory(app).join(format!("{id}.json")))
    }

    /// `running` only while it does; a record of a killed or rejected build is `abandoned`.
    pub fn display_status(&self, build: &Build) -> String {
        if build.status == "running" && !locked(&self.active).contains(&build.id) {
            "abandoned".to_owned()
        } else {
            build.status.clone()
        }
    }

    /// Where a build's output is.
    pub fn log_path(&self, app: &str, id: &str) -> PathBuf {
        self.directory(app).join(format!("{id}.log"))
    }

    /// Forgets an app's records.
    pub fn remove_app(&self, app: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.directory(app)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn prune(&self, app: &str) -> io::Result<()> {
        for build in self.of_app(app)?.into_iter().skip(RETENTION) {
            fs::remove_file(self.directory(app).join(format!("{}.json", build.id)))?;
            fs::remove_file(self.log_path(app, &build.id))?;
        }
        Ok(())
    }

    fn records(&self, app: &str) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(self.directory(app)) {
            Ok(entries) => {
                let paths = entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<io::Result<Vec<_>>>()?;
                Ok(paths
                    .into_iter()
                    .filter(|path| path.extension().is_some_and(|end| end == "json"))
                    .collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn directory(&self, app: &str) -> PathBuf {
        self.root.join("builds").join(app)
    }

    fn save(&self, build: &Build) -> io::Result<()> {
        files::write_json(
            &self
                .directory(&build.app)
                .join(format!("{}.json", build.id)),
            build,
        )
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Milliseconds in base 36 and six random digits, as Dokku's ids look.
fn new_id(now: Timestamp) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut left = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut id = Vec::new();
    while left > 0 {
        id.insert(0, DIGITS[usize::try_from(left % 36).unwrap_or_default()]);
        left /= 36;
    }
    id.extend((0..6).map(|_| DIGITS[rand::random_range(0..DIGITS.len())]));
    id.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_once_or_is_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let builds = Builds::open(dir.path());
        let (first, _log) = builds.begin("a", "build", "git-hook").unwrap();
        let (second, _log) = builds.begin("a", "deploy", "deploy").unwrap();
        assert_eq!(builds.display_status(&first), "running");
        builds.finish(first, Some(1)).unwrap();
        builds.finish(second, None).unwrap();
        let found = builds.of_app("a").unwrap();
        let status: Vec<_> = found
            .iter()
            .map(|build| builds.display_status(build))
            .collect();
        assert_eq!(status, ["abandoned", "failed"]);
        assert_eq!(
            builds.find("a", &found[1].id).unwrap().unwrap().exit_code,
            Some(1)
        );
        assert_eq!(builds.find("a", "../x").unwrap(), None);
    }

    #[test]
    fn only_the_newest_records_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let builds = Builds::open(dir.path());
        for _ in 0..25 {
            let (build, _log) = builds.begin("a", "build", "git-hook").unwrap();
            builds.finish(build, Some(0)).unwrap();
        }
        assert_eq!(builds.of_app("a").unwrap().len(), RETENTION);
    }
}
