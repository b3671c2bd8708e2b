//! `docker` as plugins find it on PATH: a stand-in over the sandbox's own images, not Docker.
//!
//! It knows the few words about images that a plugin needs which keeps earlier releases, and
//! refuses all others. Containers are not shown.

use std::collections::BTreeSet;
use std::io::Write;

use super::answer::write_or_hang_up;
use super::{Failure, Outcome};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::Apps;
use crate::runtime::container::Kind;
use crate::runtime::images::{Image, Images};

const ID: &str = "{{.Id}}";
const APP: &str = "{{index .Config.Labels \"com.dokku.app-name\"}}";
const APP_LABEL: &str = "label=com.dokku.app-name=";

/// Runs `docker` with these words; the answer is the exit code.
pub fn execute(words: &[String], io: &mut Io, host: &SandboxHost) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(apps) = host.apps() else {
        return complain(&Failure::new("Cannot connect to the Docker daemon"), io);
    };
    let outcome = match words.as_slice() {
        ["image", "inspect", "--format", format, references @ ..] => {
            inspect(format, references, &apps, io)
        }
        ["tag", from, to] | ["image", "tag", from, to] => tag(from, to, &apps),
        [
            "image",
            "ls",
            "--no-trunc",
            "--format",
            "{{.Tag}} {{.ID}}",
            repository,
        ] => list(repository, &apps, io),
        ["image", "rm", references @ ..] => remove(references, &apps, io),
        ["image", "prune", "--force", "--filter", filter] => prune(filter, &apps),
        _ => Err(Failure::new(
            "the sandbox's stand-in for docker knows image inspect --format, image tag, image ls --no-trunc --format {{.Tag}} {{.ID}}, image rm and image prune only",
        )),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => complain(&failure, io),
    }
}

fn complain(failure: &Failure, io: &mut Io) -> u8 {
    for line in &failure.lines {
        write_or_hang_up(&mut io.stderr, &format!("{line}\n"));
    }
    failure.code
}

fn no_such_image(reference: &str) -> Failure {
    Failure::new(format!(
        "Error response from daemon: No such image: {reference}"
    ))
}

/// An image by its name or its id.
fn find(reference: &str, images: &Images) -> Result<Image, Failure> {
    let found = if reference.starts_with("sha256:") {
        images.find(reference)?
    } else {
        images.tagged(&with_tag(reference))?
    };
    found.ok_or_else(|| no_such_image(reference))
}

/// A name without a tag means `latest`.
fn with_tag(name: &str) -> String {
    if name.contains(':') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

fn inspect(format: &str, references: &[&str], apps: &Apps, io: &mut Io) -> Outcome {
    let plain = format.replace(ID, "").replace(APP, "");
    if plain.contains("{{") {
        return Err(Failure::new(format!(
            "the sandbox's stand-in for docker fills in {ID} and {APP} only"
        )));
    }
    for reference in references {
        let image = find(reference, &apps.images)?;
        let text = format.replace(ID, &image.id).replace(APP, &image.app);
        writeln!(io.stdout, "{text}")?;
    }
    Ok(())
}

fn tag(from: &str, to: &str, apps: &Apps) -> Outcome {
    let image = find(from, &apps.images)?;
    Ok(apps.images.tag(&image.id, &with_tag(to))?)
}

/// Tags of a repository and their ids; Docker lists the newest image first.
fn list(repository: &str, apps: &Apps, io: &mut Io) -> Outcome {
    let mut found = Vec::new();
    for (name, id) in apps.images.names()? {
        if let (Some((of, tag)), Some(image)) = (name.rsplit_once(':'), apps.images.find(&id)?)
            && of == repository
        {
            found.push((image.created, format!("{tag} {id}")));
        }
    }
    found.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    for (_, tag) in found {
        writeln!(io.stdout, "{tag}")?;
    }
    Ok(())
}

/// Removes names; an image that is left without one goes too, unless a container uses it.
fn remove(references: &[&str], apps: &Apps, io: &mut Io) -> Outcome {
    for reference in references {
        let image = find(reference, &apps.images)?;
        let name = with_tag(reference);
        apps.images.untag(&name)?;
        writeln!(io.stdout, "Untagged: {name}")?;
        remove_unneeded(&image, apps)?;
    }
    Ok(())
}

/// Removes the app's images that have no name and that no container uses.
fn prune(filter: &str, apps: &Apps) -> Outcome {
    let app = filter.strip_prefix(APP_LABEL).ok_or_else(|| {
        Failure::new(format!(
            "the sandbox's stand-in for docker filters by {APP_LABEL} only"
        ))
    })?;
    for image in apps.images.of_app(app)? {
        remove_unneeded(&image, apps)?;
    }
    Ok(())
}

fn remove_unneeded(image: &Image, apps: &Apps) -> Outcome {
    let is_named = apps.images.names()?.into_values().any(|id| id == image.id);
    let used: BTreeSet<String> = [Kind::Deploy, Kind::Run]
        .into_iter()
        .flat_map(|kind| apps.containers.of_app(&image.app, kind))
        .map(|container| container.record().image)
        .collect();
    if !is_named && !used.contains(&image.id) {
        apps.images.remove(&image.id)?;
    }
    Ok(())
}
