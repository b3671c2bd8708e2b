//! A plan in words.

use super::{copy::Copying, plan::Plan, protect::Doorkeeper, step::Step, wish::Wish};
use crate::secret::SHOWN;

/// What a step does, in the present and in the past.
pub(super) fn sentence(step: &Step, wish: &Wish) -> (String, String) {
    let app = &wish.app;
    let commit = wish.commit.short();
    let (doing, did) = match step {
        Step::CreateApp => (
            format!("Creating the app {app}"),
            format!("{app} is created"),
        ),
        Step::TakeJournal => ("Taking the deploy journal".to_owned(), String::new()),
        Step::CreateService { kind, name, .. } => (
            format!("Creating the {kind} service {name}"),
            format!("{name} is created"),
        ),
        Step::CopyService(copying) => copied(copying),
        Step::LinkService { kind, name } => (
            format!("Linking the {kind} service {name}"),
            format!("{name} is linked"),
        ),
        Step::SetVariables(changes) => (
            format!(
                "Setting {} and unsetting {} variables",
                changes.set.len(),
                changes.unset.len()
            ),
            "the variables are set and were read back".to_owned(),
        ),
        Step::SetDeployBranch(branch) => (
            format!("Deploying from the branch {branch} on the host"),
            String::new(),
        ),
        Step::AddDomains(domains) => (
            format!("Adding {}", domains.join(", ")),
            "the domains are added".to_owned(),
        ),
        Step::Limit { memory, cpu } => (
            format!(
                "Limiting to memory {}, cpu {}",
                memory.as_deref().unwrap_or("as it is"),
                cpu.as_deref().unwrap_or("as it is")
            ),
            "the limits are set".to_owned(),
        ),
        Step::Scale(counts) => {
            let counts: Vec<String> = counts
                .iter()
                .map(|(process, count)| format!("{process}={count}"))
                .collect();
            (
                format!("Scaling to {}", counts.join(" ")),
                "the counts are set".to_owned(),
            )
        }
        Step::Protect(by) => (
            format!(
                "Asking visitors for a password, by the plugin {}",
                match by {
                    Doorkeeper::DeploySystem => "deploy-system",
                    Doorkeeper::HttpAuth => "http-auth",
                }
            ),
            "nobody gets in without the password".to_owned(),
        ),
        Step::Recheck => (
            "Looking for locks and other deploys once more".to_owned(),
            String::new(),
        ),
        Step::Hold => (
            "Holding traffic back until the release tasks are done".to_owned(),
            String::new(),
        ),
        Step::Push { branch, .. } => (
            format!("Pushing {commit} to {branch}"),
            format!("{commit} is built"),
        ),
        Step::Rebuild => (
            format!("Building {commit} again"),
            format!("{commit} is built"),
        ),
        Step::Tasks(tasks) => {
            let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
            (
                format!("Running the release tasks {}", names.join(", ")),
                String::new(),
            )
        }
        Step::RunKept(kept) => (
            format!("Running the kept image of v{} again", kept.version),
            format!("{commit} is live"),
        ),
        Step::Switch { .. } => (
            format!("Switching to {commit}"),
            format!("{commit} is live"),
        ),
        Step::Restart => (
            "Restarting, so that the changes take effect".to_owned(),
            "the processes are new".to_owned(),
        ),
        Step::EnsurePort => (
            "Looking at the ports of the image".to_owned(),
            String::new(),
        ),
        Step::EnableTls => ("Asking for certificates".to_owned(), String::new()),
        Step::Verify => (
            "Checking what serves, and its health".to_owned(),
            "healthy".to_owned(),
        ),
        Step::Record => (
            "Recording the release".to_owned(),
            "the release is recorded".to_owned(),
        ),
    };
    (doing, did)
}

fn copied(copying: &Copying) -> (String, String) {
    let masked = match &copying.masking {
        Some(masking) => format!(", masked by {}", masking.file),
        None => String::new(),
    };
    let (from, owner, to) = (&copying.from, &copying.owner, &copying.to);
    (
        format!("Copying {from} of {owner} to {to}{masked}"),
        format!("{to} is a checked copy"),
    )
}

impl Plan {
    /// The plan for people to read, a line for each step; no secret in it.
    pub fn describe(&self, wish: &Wish) -> Vec<String> {
        let mut lines = Vec::new();
        for step in &self.steps {
            lines.push(sentence(step, wish).0);
            if let Step::SetVariables(changes) = step {
                lines.extend(changes.set.keys().map(|key| format!("  set {key}={SHOWN}")));
                lines.extend(changes.unset.iter().map(|key| format!("  unset {key}")));
            }
            if let Step::Tasks(tasks) = step {
                for task in tasks {
                    lines.push(format!(
                        "  {} (at most {} s): {}",
                        task.name,
                        task.timeout.as_secs(),
                        task.command.lines().next().unwrap_or_default()
                    ));
                }
            }
        }
        lines
    }
}
