//! What visitors of an app are asked for, set on the host.

use serde::{Deserialize, Serialize};

/// Asks to let an app be seen only with this name and this password; users from before go. It travels
/// on standard input.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// The name.
    pub user: String,
    /// The password. This type is not printable, for its sake.
    pub password: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protected {
    /// The name.
    pub user: String,
}
