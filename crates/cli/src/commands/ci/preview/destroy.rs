//! The end of a preview: its services, its app, its comment. What is not there any more is no error.

use dokku_deploy::{
    app::Environment,
    audit::{Action, AuditEntry, Status},
    flows::cleanup::{self, Candidate, Observed, Scope},
    github::{Closed, destroyed_comment, is_preview_comment},
    host::Host,
};
use jiff::Timestamp;

use super::{Hub, Subject, policy};
use crate::{
    actor,
    ci::github::PullState,
    commands::{
        safety::Safety,
        teardown::{Gone, Teardown, refused, tell},
        with_host,
    },
    failure::Failure,
    invocation::Invocation,
    origin,
    publish::recorded,
};

/// Destroys the preview, however much of it is left, and tells GitHub.
pub fn run(subject: &Subject, hub: Hub<'_>, invocation: &Invocation<'_>) -> Result<Gone, Failure> {
    let ui = invocation.ui;
    let app = &subject.app;
    let safety = Safety {
        fresh: false,
        without_backup: !is_backed_up(subject, hub),
        ..Safety::default()
    };
    let gone = with_host(invocation, |host, watch| {
        let origin = origin::begin(&actor::name(None)?, host.name(), None);
        let mut entry = AuditEntry::of_app(Action::PreviewCleanup, app, Status::Failure, &origin);
        let repository = subject.repository.to_string();
        origin::name_pull_request(&mut entry, Some(&repository), subject.pull.number);
        recorded(entry, host, invocation, |entry| {
            let observed = cleanup::observe(host, std::slice::from_ref(app), &|name| name == app)?;
            refuse_others(&observed, subject)?;
            let scope = Scope {
                app: true,
                environments: false,
                previews: false,
                keep_services: false,
            };
            let plan = cleanup::plan(app, scope, &observed, Timestamp::now())
                .map_err(|refusal| refused(&refusal))?;
            if plan.is_empty() {
                ui.info(&format!("Nothing of {app} is left on {}", host.name()));
            }
            tell(&plan, ui);
            let teardown = Teardown {
                host,
                watch,
                invocation,
                safety: &safety,
            };
            teardown.run(&plan, &observed, entry)
        })
    })?;
    end(subject, hub);
    Ok(gone)
}

/// Tells GitHub of the end: the comment, then the deployments, which the nightly run finds it by.
fn end(subject: &Subject, hub: Hub<'_>) {
    let (repository, number) = (&subject.repository, subject.pull.number);
    let told = hub.github.comment(repository, number, &is_preview_comment);
    // Where nothing was told of a preview, nothing has to be told of its end.
    if !matches!(told, Ok(None)) {
        let closed = if subject.pull.is_merged() {
            Closed::Merged
        } else if subject.pull.state == PullState::Open {
            Closed::NotAtAll
        } else {
            Closed::Unmerged
        };
        if !subject.comment(&is_preview_comment, &destroyed_comment(closed), hub) {
            return;
        }
    }
    let removed = hub
        .github
        .preview_deployments(repository, Some(number))
        .and_then(|all| {
            for (_, id) in &all {
                hub.writer.retire_deployment(repository, *id)?;
            }
            all.iter()
                .try_for_each(|(_, id)| hub.writer.remove_deployment(repository, *id))
        });
    if let Err(error) = removed {
        hub.ui.warning(&format!(
            "GitHub still shows deployments of {}: {error}",
            subject.app
        ));
    }
}

/// An app of that name which says that it is something else stays.
fn refuse_others(observed: &Observed, subject: &Subject) -> Result<(), Failure> {
    let app = &subject.app;
    let Some(variables) = observed.apps.get(app) else {
        return Ok(());
    };
    let environment = variables.text("APP_ENV").unwrap_or_default();
    let candidate = Candidate::of(app, variables);
    let is_elsewhere = candidate
        .repository_id
        .is_some_and(|id| id != subject.repository_id);
    // An app that was created and never came further says nothing of itself yet.
    let is_other = !environment.is_empty() && environment != Environment::Preview.as_str();
    if is_other || is_elsewhere {
        return Err(Failure::refused(format!(
            "{app} is not the preview of pull request {} of {}: APP_ENV is {environment:?}, its repository {}",
            subject.pull.number,
            subject.repository,
            candidate.repository.as_deref().unwrap_or("not recorded"),
        ))
        .hint("Nothing was destroyed."));
    }
    Ok(())
}

/// `preview.backup` of the branch that the pull request is for; what cannot be read means yes.
fn is_backed_up(subject: &Subject, hub: Hub<'_>) -> bool {
    policy::of_base(subject, hub).map_or(true, |policy| policy.preview.backup)
}
