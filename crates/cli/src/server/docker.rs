//! Docker, as the plugin calls it on the host: names of images, nothing else.

use std::process::{Command, Output, Stdio};

use super::dokku::DokkuError;

/// The label by which Dokku knows whose image it is.
const APP_LABEL: &str = "com.dokku.app-name";

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// The app that it was built for; empty where it does not say.
    pub app: String,
}

/// The image of a name or id; `None` where there is none.
pub fn image(reference: &str) -> Result<Option<Image>, DokkuError> {
    let format = format!("{{{{.Id}}}} {{{{index .Config.Labels \"{APP_LABEL}\"}}}}");
    let output = run(&["image", "inspect", "--format", &format, reference])?;
    if !output.status.success() {
        if String::from_utf8_lossy(&output.stderr).contains("No such image") {
            return Ok(None);
        }
        return Err(DokkuError::refused("docker image inspect", &output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().split_once(' ').or(Some((text.trim(), ""))) {
        Some((id, app)) if is_id(id) => Ok(Some(Image {
            id: id.to_owned(),
            app: app.to_owned(),
        })),
        _ => Err(DokkuError::Unparsable {
            command: "docker image inspect".to_owned(),
            expected: "an image's id",
        }),
    }
}

/// Whether a text is an image's id in full.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Gives an image a name.
pub fn tag(image: &str, name: &str) -> Result<(), DokkuError> {
    accept("docker image tag", &run(&["image", "tag", image, name])?)
}

/// The tags of a repository's images, each with the image's id.
pub fn tags(repository: &str) -> Result<Vec<(String, String)>, DokkuError> {
    let format = "{{.Tag}} {{.ID}}";
    let output = run(&["image", "ls", "--no-trunc", "--format", format, repository])?;
    accept("docker image ls", &output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| match line.split_once(' ') {
            Some((tag, id)) if is_id(id) => Ok((tag.to_owned(), id.to_owned())),
            _ => Err(DokkuError::Unparsable {
                command: "docker image ls".to_owned(),
                expected: "tags and ids of images",
            }),
        })
        .collect()
}

/// Removes a name, and the image if it has no other and no container uses it.
pub fn remove(name: &str) -> Result<(), DokkuError> {
    accept("docker image rm", &run(&["image", "rm", name])?)
}

/// Removes the app's images that have no name and that no container uses.
pub fn prune(app: &str) -> Result<(), DokkuError> {
    let filter = format!("label={APP_LABEL}={app}");
    let words = ["image", "prune", "--force", "--filter", &filter];
    accept("docker image prune", &run(&words)?)
}

fn run(words: &[&str]) -> Result<Output, DokkuError> {
    Command::new("docker")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| DokkuError::Start {
            program: "docker",
            source,
        })
}

fn accept(command: &str, output: &Output) -> Result<(), DokkuError> {
    if output.status.success() {
        return Ok(());
    }
    Err(DokkuError::refused(command, output))
}
