//! What a run of deploy is asked to do.

use super::copy::CopyWish;
use crate::{
    app::{AppName, Environment},
    credentials::Credentials,
    deployment::Commit,
    journal::RunEntry,
    settings::Resolved,
    variables::Given,
};

/// What is to be deployed, where, and with what.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The app.
    pub app: AppName,
    /// Its environment.
    pub environment: Environment,
    /// The commit.
    pub commit: Commit,
    /// The settings of that environment.
    pub settings: Resolved,
    /// The domain under which apps get theirs, if the person gave one.
    pub base_domain: Option<String>,
    /// The variables given in this run, by source; `Source::System` is added by the plan.
    pub given: Given,
    /// What visitors are asked for; nothing: everybody may look.
    pub credentials: Option<Credentials>,
    /// Whose data the app's services get a copy of; nothing: they begin empty.
    pub copy: Option<CopyWish>,
    /// Who deploys.
    pub actor: String,
    /// Unique for this run.
    pub run_id: String,
    /// The entry of the record that this run ends in.
    pub entry: Option<RunEntry>,
}
