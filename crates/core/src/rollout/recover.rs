//! After a halt: leave nothing half switched, and say what serves.

use std::collections::BTreeSet;

use super::run::{Halt, Run};
use crate::{
    deployment::{Serving, Stage},
    dokku::{config, ps},
    host::PushOutcome,
    interrupt::Signal,
    journal::{Phase, Undo, differing},
    release::{NextRelease, Release, again},
    settings::OnFailure,
    variables::MANAGED,
};

/// Whether the commit that is not wanted any more is the newest image only, or serves too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Nothing but variables may have changed.
    Variables,
    /// The newest image is the bad one: any restart would run it.
    Image,
    /// The bad version serves.
    Live,
}

impl Run<'_> {
    /// Puts back what `halt` makes necessary. Never fails: what cannot be put back is a warning,
    /// and the journal stays for the next run.
    pub fn recover(&mut self, halt: &Halt) -> Serving {
        let unknown = |why: &str| Serving::Unknown {
            why: why.to_owned(),
        };
        self.is_recovering = true;
        match halt {
            Halt::Ousted(_) => return self.look(),
            Halt::Unknown(..) => {
                if self.journal.is_some() {
                    self.warn(format!(
                        "the deploy's journal stays on {}: `dokku-cli deploy --resume` goes on, `--abort` puts back",
                        self.app()
                    ));
                }
                return unknown("the host could not be asked");
            }
            Halt::Interrupted(at @ (Stage::Build | Stage::Switch), _) if self.is_under_way => {
                let what = if *at == Stage::Build {
                    "building"
                } else {
                    "going live"
                };
                self.warn(format!(
                    "Dokku may still be {what}; `dokku-cli deploy --abort` puts things in order, \
                     `--resume` deploys again"
                ));
                return unknown(&format!("Dokku was interrupted in {at}"));
            }
            Halt::Failed(..) | Halt::Refused(_) | Halt::Interrupted(..) => {}
        }
        if self.journal.is_none() {
            return self.look();
        }
        if !self.is_journal_ours() {
            self.warn(format!(
                "another run has taken the journal of {} over: nothing is put back here",
                self.app()
            ));
            return self.look();
        }
        let result = match self.damage(halt) {
            Damage::Variables => self.put_back_variables(),
            Damage::Image => self.put_back_image(),
            Damage::Live => self.put_back_live(halt),
        };
        let result = result.and_then(|()| {
            if self.is_held {
                self.unhold(&Stage::Record)?;
            }
            Ok(())
        });
        match result {
            Ok(()) => self.is_over = true,
            Err(halt) => self.warn(format!(
                "not everything could be put back ({}); the journal stays on {}{}: `dokku-cli deploy --abort` tries again",
                halt.why(),
                self.app(),
                self.pending()
            )),
        }
        self.look()
    }

    /// The variables that may still have to be put back, for people.
    fn pending(&self) -> String {
        let undo = self.journal.as_ref().map(|journal| &journal.undo);
        let keys: Vec<&str> = undo
            .into_iter()
            .flat_map(Undo::keys)
            .map(String::as_str)
            .filter(|key| !matches!(*key, "GIT_REV" | MANAGED))
            .collect();
        if keys.is_empty() {
            return String::new();
        }
        format!(" (variables pending: {})", keys.join(", "))
    }

    /// What cannot be read now is found out by the putting back itself.
    fn is_journal_ours(&self) -> bool {
        let (Some(journal), Ok(variables)) = (&self.journal, self.variables(&Stage::Record)) else {
            return true;
        };
        journal.is_held_in(&variables)
    }

    fn damage(&self, halt: &Halt) -> Damage {
        let is_live = matches!(
            halt,
            Halt::Failed(Stage::Health | Stage::Record, _) | Halt::Interrupted(Stage::Health, _)
        );
        if is_live || self.is_live {
            Damage::Live
        } else if self.is_built || self.left_on_branch().is_some() {
            Damage::Image
        } else {
            Damage::Variables
        }
    }

    pub fn put_back_variables(&mut self) -> Result<(), Halt> {
        let undo = self
            .journal
            .as_ref()
            .map(|journal| journal.undo.clone())
            .unwrap_or_default();
        put_back(self, &undo)
    }

    /// The old version still runs; its commit becomes the newest image again.
    pub fn put_back_image(&mut self) -> Result<(), Halt> {
        let previous = self
            .journal
            .as_ref()
            .and_then(|journal| journal.previous.clone());
        if self.plan.is_first {
            self.note("there is no earlier version to put back");
            return self.put_back_variables();
        }
        let Some(previous) = previous else {
            self.warn(format!(
                "which commit served before is not known, so its image cannot be put back: \
                 do not restart {} before the next deploy, a restart would run the image of {}",
                self.app(),
                self.wish.commit.short()
            ));
            return self.put_back_variables();
        };
        self.note(&format!(
            "the newest image is not wanted: {} is built again in its place, without going live",
            short(&previous)
        ));
        // Also where a run that was taken over had held: it may have let go again.
        self.hold(Phase::Restoring)?;
        self.build_again(&previous)?;
        self.put_back_variables()
    }

    /// Makes `previous` the head of the deploy branch and the newest image.
    fn build_again(&mut self, previous: &str) -> Result<(), Halt> {
        let at = Stage::Record;
        let left = self.left_on_branch();
        self.permit(previous, &at)?;
        let before = self.plan.branch_commit.as_deref();
        if !self.is_pushed && left.is_none() && before.is_none_or(|before| before == previous) {
            // The branch never moved: only the image is wrong.
            return self.rebuild();
        }
        let branch = self.plan.branch.clone();
        let leases: Vec<&str> = std::iter::once(self.wish.commit.sha.as_str())
            .chain(left)
            .chain(before)
            .collect();
        let (outcome, _) = self.push_over(previous, &branch, &leases);
        match outcome.map_err(|error| self.halt(&at, error))? {
            PushOutcome::Accepted => Ok(()),
            PushOutcome::UpToDate => self.rebuild(),
            PushOutcome::Rejected { reason } => Err(Halt::Failed(
                at,
                format!(
                    "Dokku rejected the push of the earlier commit {} ({reason})",
                    short(previous)
                ),
            )),
        }
    }

    /// The bad version serves: go back, or keep it, as the settings say.
    fn put_back_live(&mut self, halt: &Halt) -> Result<(), Halt> {
        let previous = self
            .journal
            .as_ref()
            .and_then(|journal| journal.previous.clone());
        let can_go_back = previous.is_some() && !self.plan.is_first;
        let wanted = self.wish.settings.release.on_failure;
        // A person who stops the check has seen enough; a deadline has not.
        let is_asked_to_stop = matches!(halt, Halt::Interrupted(_, by) if *by != Signal::Overdue);
        let is_verified = matches!(halt, Halt::Failed(Stage::Record, _));
        let goes_back = match wanted {
            _ if is_asked_to_stop || is_verified || self.is_closed => false,
            Some(OnFailure::Keep) => false,
            Some(OnFailure::Rollback) | None => can_go_back,
        };
        if !goes_back {
            if wanted == Some(OnFailure::Rollback)
                && !is_asked_to_stop
                && !is_verified
                && !self.is_closed
            {
                self.warn(
                    "there is no earlier version to go back to: things are left as they are"
                        .to_owned(),
                );
            }
            return Ok(());
        }
        let previous = previous.unwrap_or_default();
        self.put_back_variables()?;
        self.note(&format!("going back to {}", short(&previous)));
        self.enter(Phase::Building, &Stage::Record)?;
        self.is_going_back = true;
        if let Some(kept) = &self.plan.kept_before {
            self.run_kept(kept)?;
        } else if self.plan.builds() || self.plan.kept().is_some() {
            self.build_again(&previous)?;
        } else {
            self.restart()?;
        }
        // The app's own word for its version is that of the earlier commit now.
        self.check_health(&previous).map_err(|halt| {
            Halt::Failed(
                Stage::Health,
                format!("the earlier version: {}", halt.why()),
            )
        })?;
        self.prove_earlier(&previous)
    }

    /// The image that was built again proves the earlier release from now on: a release of its own.
    fn prove_earlier(&mut self, sha: &str) -> Result<(), Halt> {
        let at = Stage::Record;
        let answer = self.ask(&at, &ps::inspect(self.app()))?;
        let containers = ps::read_inspect(&answer)
            .map_err(|error| self.halt(&at, error))?
            .unwrap_or_default();
        let images: BTreeSet<String> = containers
            .into_iter()
            .filter(|container| container.is_running)
            .map(|container| container.image_id)
            .collect();
        self.has_gone_back = true;
        let (Some(image), true) = (images.first(), images.len() == 1) else {
            return Ok(());
        };
        // What was built again may be another commit than the last recorded one.
        let Some(previous) = self.plan.previous.as_ref().filter(|last| last.sha == sha) else {
            return Ok(());
        };
        let release = NextRelease {
            sha: previous.sha.clone(),
            image: Some(image.clone()),
            timestamp: self.ground.clock.now(),
            actor: self.wish.actor.clone(),
            message: again(previous.version, &previous.message),
            environment: previous.environment.clone(),
        };
        let variables = self.plan.history.record(&release);
        self.write(&at, &variables)?;
        self.back_as = Some(self.plan.next_version);
        self.retain(self.plan.next_version, image);
        Ok(())
    }

    /// What serves now, by the containers that run.
    pub fn look(&mut self) -> Serving {
        let containers = match self
            .ground
            .host
            .ask(&ps::inspect(self.app()))
            .and_then(|answer| ps::read_inspect(&answer))
        {
            Ok(containers) => containers.unwrap_or_default(),
            Err(error) => {
                return Serving::Unknown {
                    why: error.to_string(),
                };
            }
        };
        let running: Vec<_> = containers
            .iter()
            .filter(|container| container.is_running)
            .collect();
        if running.is_empty() {
            return Serving::Nothing;
        }
        let images: BTreeSet<&str> = running
            .iter()
            .map(|container| container.image_id.as_str())
            .collect();
        let are_old = running
            .iter()
            .all(|container| self.plan.containers_before.contains(&container.id));
        // The same commit, built again, may give the same image.
        let runs_old_image = (!self.is_live || self.is_going_back)
            && images.len() == 1
            && images.first().copied() == self.plan.image_before.as_deref();
        if are_old || runs_old_image || !self.may_serve || self.has_gone_back {
            // A recorded release is named only where its image is proof.
            let is_proven = |release: &&Release| {
                self.back_as.is_some()
                    || release.image.is_some() && release.image == self.plan.image_before
            };
            let previous = self.plan.previous.as_ref().filter(is_proven);
            return Serving::Previous {
                sha: previous.map(|release| release.sha.clone()),
                version: self
                    .back_as
                    .or_else(|| previous.map(|release| release.version)),
            };
        }
        if self.is_going_back {
            return Serving::Unknown {
                why: "going back to the earlier version was begun and not verified".to_owned(),
            };
        }
        match images.first() {
            Some(image) if images.len() == 1 => Serving::New {
                image: (*image).to_owned(),
            },
            _ => Serving::Unknown {
                why: "the app's containers run different images".to_owned(),
            },
        }
    }
}

/// Writes the values that variables had before.
pub(super) fn put_back(run: &mut Run<'_>, undo: &Undo) -> Result<(), Halt> {
    let at = Stage::Record;
    let now = run.variables(&at)?;
    let (set, unset) = differing(undo, &now);
    if !set.is_empty() {
        run.write(&at, &set)?;
    }
    if !unset.is_empty() {
        run.ask(&at, &config::unset(run.app(), &unset))?;
    }
    let is_of_the_app = |key: &String| key != "GIT_REV" && key != MANAGED;
    if set.keys().any(is_of_the_app) || unset.iter().any(is_of_the_app) {
        run.note("the variables that this deploy had changed are as before");
    }
    Ok(())
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
