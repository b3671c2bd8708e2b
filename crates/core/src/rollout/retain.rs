//! Keeping a release's image on the host, so that going back to it needs no build.

use super::run::Run;
use crate::{
    dokku::deploy_system::{self, PluginError},
    plugin_protocol::{RetainRequest, Retained},
};

impl Run<'_> {
    /// Has the plugin on the host keep the image; without the plugin there is nothing to do. The
    /// release is live and recorded: a failure is a warning.
    pub fn retain(&mut self, version: u64, image: &str) {
        if self.plan.capabilities.deploy_system.is_none() {
            return;
        }
        let request = RetainRequest {
            version,
            image: image.to_owned(),
        };
        match ask(self, &request) {
            Ok(retained) => {
                for warning in retained.warnings {
                    self.warn(format!("images of earlier releases: {warning}"));
                }
            }
            Err(error) => self.warn(format!(
                "the image of v{version} is not kept for a rollback: {error}"
            )),
        }
    }
}

fn ask(run: &Run<'_>, request: &RetainRequest) -> Result<Retained, PluginError> {
    let host = run.ground.host;
    let answer = host.ask(&deploy_system::retain(run.app(), request))?;
    deploy_system::read(&answer, host.name())
}
