//! What a deploy stands on.

use super::copy::Copier;
use crate::{clock::Clock, host::Host, interrupt::Interrupts, net::Net};

/// Everything outside that a deploy needs.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The Dokku host.
    pub host: &'a dyn Host,
    /// Host name or address under which the host's router is reached, for names without DNS.
    pub router: &'a str,
    /// The network, for the health check.
    pub net: &'a dyn Net,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Ctrl-C and SIGTERM.
    pub interrupts: &'a dyn Interrupts,
    /// Who copies services, where that is wanted.
    pub copier: Option<&'a dyn Copier>,
}
