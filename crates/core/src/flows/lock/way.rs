//! How locks are set on a host.

use super::{course::next_answer, error::LockError};
use crate::{
    dokku::{
        capabilities::{Capabilities, SetVariables},
        plugin, version,
    },
    host::Host,
};

/// How locks are set on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By this system's plugin there, which also enforces them.
    Plugin,
    /// By the app's variables alone; only this program and those who look heed them.
    Variables(SetVariables),
}

impl Way {
    /// The way of a host whose capabilities are known.
    pub fn of(capabilities: &Capabilities) -> Self {
        match capabilities.deploy_system {
            Some(_) => Self::Plugin,
            None => Self::Variables(capabilities.set_variables),
        }
    }

    /// Whether the host itself refuses deploys of a locked app.
    pub fn is_enforced(self) -> bool {
        self == Self::Plugin
    }
}

/// Asks the host how locks are set there, in one round trip.
pub fn way(host: &dyn Host) -> Result<Way, LockError> {
    let mut answers = host.ask_all(&[version::ask(), plugin::list()]).into_iter();
    let mut next = |command| next_answer(&mut answers, command);
    let version = version::read(&next("version")?, host.name())?;
    let plugins = plugin::read(&next("plugin:list")?)?;
    Ok(Way::of(&Capabilities::of(version, &plugins)?))
}
