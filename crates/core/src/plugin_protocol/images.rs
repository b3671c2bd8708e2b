//! Images of earlier releases on the host: kept, listed and gone back to.

use serde::{Deserialize, Serialize};

use crate::lock::Lock;

/// How many releases' images are kept of an app.
pub const KEPT_IMAGES: usize = crate::release::KEPT;

/// Asks to keep the image of a release, so that a rollback needs no build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetainRequest {
    /// The release's number.
    pub version: u64,
    /// Its image: `sha256:` and 64 hexadecimal digits.
    pub image: String,
}

/// What became of a request to keep an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// The images that are kept now, newest release first.
    pub kept: Vec<KeptImage>,
    /// Releases whose images are not kept any more.
    pub dropped: Vec<u64>,
    /// What could not be tidied up, in words.
    pub warnings: Vec<String>,
}

/// The image of a release that is kept on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptImage {
    /// The release's number.
    pub version: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub image: String,
}

/// Asks to run the kept image of an earlier release again, without a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The release to go back to.
    pub version: u64,
    /// Its image, as the release's record says: `sha256:` and 64 hexadecimal digits.
    pub image: String,
    /// Its commit, in full: what a permission for a locked app is bound to.
    pub commit: String,
    /// The person.
    pub by: String,
}

/// What became of a request to go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RollingBack {
    /// The app's processes were started again from the kept image.
    Switched {
        /// The image that was the app's newest before.
        replaced: String,
        /// Who had permitted it, where the app is locked.
        permitted_by: Option<String>,
    },
    /// The app or its base is locked, and nobody permitted it; nothing was changed.
    Locked {
        /// Whose lock it is.
        of: String,
        /// The lock.
        lock: Lock,
    },
    /// The image is not kept, or another one is kept under that number; nothing was changed.
    NotKept {
        /// The images that are.
        kept: Vec<KeptImage>,
    },
    /// The image's processes did not come up.
    NotStarted {
        /// How `ps:restart` ended.
        status: String,
        /// Whether the app's newest image is again the one from before.
        is_put_back: bool,
    },
}

/// Asks to let one commit of a locked app pass once: a push, or a rollback to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitRequest {
    /// The commit, all of its hexadecimal digits.
    pub commit: String,
    /// The person.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A permission, as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it ends unused.
    pub until: jiff::Timestamp,
}
