//! Images of earlier releases: kept under names of their own, and gone back to without a build.
//!
//! A restart passes no trigger, so going back asks the locks here. Dokku removes images that it
//! takes for unneeded at each deploy, whatever names they have, unless the app's property
//! `skip-cleanup` is set; with it, tidying up is this plugin's.

use dokku_deploy::{
    app::AppName,
    plugin_protocol::{
        Fault, FaultKind, KEPT_IMAGES, KeptImage, RetainRequest, Retained, RollbackRequest,
        RollingBack,
    },
};
use jiff::Timestamp;

use super::{
    audit::{Event, Happening},
    docker, dokku,
    gate::record,
    locks::{failed, fault, missing, unreadable},
    permit,
    place::Place,
    state::{Standing, Verdict},
    turn::Turn,
};
use crate::ui::Ui;

/// The name under which Dokku looks for an app's newest image.
fn newest(app: &AppName) -> String {
    format!("dokku/{app}:latest")
}

fn repository(app: &AppName) -> String {
    format!("deploy-system/{app}")
}

fn name(app: &AppName, version: u64) -> String {
    format!("{}:v{version}", repository(app))
}

/// Names of an app's images are changed by one process at a time.
fn turn(place: &Place, app: &AppName) -> Result<Turn, Fault> {
    Turn::wait(&place.data().join(format!("apps/{app}.images"))).map_err(|error| failed(&error))
}

/// The images that are kept, newest release first.
pub fn kept(app: &AppName) -> Result<Vec<KeptImage>, Fault> {
    let tags = docker::tags(&repository(app)).map_err(|error| failed(&error))?;
    let mut kept: Vec<KeptImage> = tags
        .into_iter()
        .filter_map(|(tag, image)| {
            let version = tag.strip_prefix('v')?.parse().ok()?;
            Some(KeptImage { version, image })
        })
        .collect();
    kept.sort_unstable_by_key(|image| std::cmp::Reverse(image.version));
    Ok(kept)
}

/// Keeps the image of a release, and the last [`KEPT_IMAGES`] of them in all.
pub fn retain(place: &Place, app: &AppName, request: &RetainRequest) -> Result<Retained, Fault> {
    let _turn = turn(place, app)?;
    let image = image_of(app, &request.image)?;
    docker::tag(&image, &name(app, request.version)).map_err(|error| failed(&error))?;
    // Only now: an app whose images are not kept is tidied up by Dokku as before.
    dokku::keep_images(app.as_str()).map_err(|error| failed(&error))?;
    let mut retained = Retained {
        kept: kept(app)?,
        dropped: Vec::new(),
        warnings: Vec::new(),
    };
    let limit = KEPT_IMAGES.min(retained.kept.len());
    for old in retained.kept.split_off(limit) {
        match docker::remove(&name(app, old.version)) {
            Ok(()) => retained.dropped.push(old.version),
            Err(error) => retained.warnings.push(error.to_string()),
        }
    }
    if let Err(error) = docker::prune(app.as_str()) {
        retained.warnings.push(error.to_string());
    }
    Ok(retained)
}

/// The id of an image, if it is there and was built for the app.
fn image_of(app: &AppName, id: &str) -> Result<String, Fault> {
    if !docker::is_id(id) {
        let message = format!("{id:?} is not the id of an image");
        return Err(fault(FaultKind::Invalid, &message));
    }
    match docker::image(id).map_err(|error| failed(&error))? {
        Some(image) if image.app == app.as_str() => Ok(image.id),
        Some(_) => Err(fault(
            FaultKind::Invalid,
            &format!("the image {id} was not built for {app}"),
        )),
        None => Err(failed(&format!("there is no image {id} on the host"))),
    }
}

/// Runs the kept image of an earlier release again, unless the app is locked.
pub fn roll_back(
    place: &Place,
    app: &AppName,
    request: &RollbackRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<RollingBack, Fault> {
    let _turn = turn(place, app)?;
    let kept = kept(app)?;
    let wanted = KeptImage {
        version: request.version,
        image: request.image.clone(),
    };
    if !kept.contains(&wanted) {
        return Ok(RollingBack::NotKept { kept });
    }
    let Some(before) = docker::image(&newest(app)).map_err(|error| failed(&error))? else {
        return Err(failed(&format!(
            "Docker has no image {}: the app was never deployed, or its images have other names",
            newest(app)
        )));
    };
    let permitted_by = match passage(place, app, request, now, ui)? {
        Passage::Free => None,
        Passage::Permitted(by) => Some(by.unwrap_or_else(|| "the break-glass file".to_owned())),
        Passage::Locked(locked) => return Ok(locked),
    };
    docker::tag(&request.image, &newest(app)).map_err(|error| failed(&error))?;
    let ended = dokku::restart(app.as_str());
    let status = match &ended {
        Ok(status) if status.success() => None,
        Ok(status) => Some(dokku::status(*status)),
        Err(error) => Some(error.to_string()),
    };
    let mut happening = happening(Event::Rollback, app, request);
    happening.reason = Some(match &status {
        None => format!("to v{}", request.version),
        Some(status) => format!("to v{}, which did not start ({status})", request.version),
    });
    record(place, happening, now, ui);
    let Some(status) = status else {
        return Ok(RollingBack::Switched {
            replaced: before.id,
            permitted_by,
        });
    };
    Ok(RollingBack::NotStarted {
        status,
        is_put_back: put_back(app, &before.id, ui),
    })
}

/// Makes the image from before the newest one again: any restart would run it.
fn put_back(app: &AppName, image: &str, ui: &Ui) -> bool {
    match docker::tag(image, &newest(app)) {
        Ok(()) => true,
        Err(error) => {
            super::gate::say(
                ui,
                &format!("{} could not be put back: {error}", newest(app)),
            );
            false
        }
    }
}

/// Whether a rollback may go on.
enum Passage {
    Free,
    Permitted(Option<String>),
    Locked(RollingBack),
}

fn passage(
    place: &Place,
    app: &AppName,
    request: &RollbackRequest,
    now: Timestamp,
    ui: &Ui,
) -> Result<Passage, Fault> {
    let standing = Standing::read(app.as_str(), now, dokku::export).ok_or_else(|| missing(app))?;
    let verdict = standing.verdict(app.as_str());
    let reason = match &verdict {
        Verdict::Free => return Ok(Passage::Free),
        Verdict::Locked(_, lock) => lock.reason.clone(),
        Verdict::Unknown(_, why) => (*why).to_owned(),
    };
    let excuse = permit::excuse(place, app.as_str(), &request.commit, now)
        .map_err(|error| failed(&error))?;
    let mut happening = happening(Event::Denied, app, request);
    happening.reason = Some(reason);
    if let Some(excuse) = excuse {
        happening.event = excuse.event();
        let by = excuse.by().map(str::to_owned);
        happening.by.clone_from(&by);
        happening.reason = Some(excuse.reason().to_owned());
        record(place, happening, now, ui);
        return Ok(Passage::Permitted(by));
    }
    record(place, happening, now, ui);
    match verdict {
        Verdict::Locked(of, lock) => Ok(Passage::Locked(RollingBack::Locked {
            of: of.to_owned(),
            lock: lock.clone(),
        })),
        Verdict::Unknown(of, why) => Err(unreadable(&of, &why)),
        Verdict::Free => Ok(Passage::Free),
    }
}

fn happening(event: Event, app: &AppName, request: &RollbackRequest) -> Happening {
    Happening {
        commit: Some(request.commit.clone()),
        by: Some(request.by.clone()),
        source: Some("deploy-system:rollback-image".to_owned()),
        ..Happening::new(event, app.as_str())
    }
}
