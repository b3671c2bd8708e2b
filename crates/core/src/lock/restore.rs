//! The lock that a restore holds: whose data may be half there, it tells.

use super::Lock;
use crate::service::ServiceName;

/// The reason of the lock of a restore of this service.
pub fn restore_reason(service: &ServiceName, file: &str) -> String {
    format!("{}{file}", before_file(service))
}

fn before_file(service: &ServiceName) -> String {
    format!("restore of {service} from ")
}

impl Lock {
    /// Whether a restore of this service holds it, or held it and was killed.
    pub fn is_of_restore(&self, service: &ServiceName) -> bool {
        self.reason.starts_with(&before_file(service))
    }
}
