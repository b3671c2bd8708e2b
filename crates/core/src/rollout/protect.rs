//! Asking visitors for a password, before the app answers anybody.

use super::run::{Halt, Run};
use crate::{
    credentials::Credentials,
    deployment::Stage,
    dokku::{
        deploy_system::{self, PluginError},
        http_auth, proxy, ps,
    },
    health,
    net::{NetError, Probe},
    plugin_protocol::Protected,
};

const AT: Stage = Stage::Prepare;

/// Who on the host can ask visitors for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doorkeeper {
    /// This system's own plugin: the password travels on standard input.
    DeploySystem,
    /// The plugin http-auth, which takes it as a word.
    HttpAuth,
}

impl Run<'_> {
    /// Lets the app be seen with these credentials only. Whatever it is that stands in the way is the end:
    /// nothing is ever deployed that seems protected and is not.
    pub fn protect(&mut self, by: Doorkeeper) -> Result<(), Halt> {
        let Some(credentials) = &self.wish.credentials else {
            return Ok(());
        };
        let answer = self.ask(&AT, &proxy::kind(self.app()))?;
        let proxy = proxy::read_kind(&answer).map_err(|error| self.halt(&AT, error))?;
        if proxy != proxy::NGINX {
            return Err(Halt::Failed(
                AT,
                format!(
                    "{} is served by {proxy}, and only nginx can ask visitors for the password",
                    self.app()
                ),
            ));
        }
        match by {
            Doorkeeper::DeploySystem => self.protect_by_plugin(credentials),
            Doorkeeper::HttpAuth => self.protect_by_http_auth(credentials),
        }
    }

    fn protect_by_plugin(&mut self, credentials: &Credentials) -> Result<(), Halt> {
        let host = self.ground.host;
        let asked = host
            .ask(&deploy_system::protect(self.app(), credentials))
            .map_err(PluginError::from)
            .and_then(|answer| deploy_system::read::<Protected>(&answer, host.name()));
        match asked {
            Ok(_) => Ok(()),
            // An older one than this program, and the other way is there.
            Err(PluginError::Lacking(_)) if self.plan.capabilities.has_http_auth => {
                self.protect_by_http_auth(credentials)
            }
            Err(PluginError::Host(error)) => Err(self.halt(&AT, error)),
            Err(error) => Err(Halt::Failed(AT, error.to_string())),
        }
    }

    fn protect_by_http_auth(&mut self, credentials: &Credentials) -> Result<(), Halt> {
        let app = self.app();
        self.ask(&AT, &http_auth::enable(app, credentials))?;
        self.ask(&AT, &http_auth::add_user(app, credentials))?;
        if !self.asks_for_password()? {
            // Now that there is a user, it writes what it should have written at once.
            self.ask(&AT, &http_auth::disable(app))?;
            self.ask(&AT, &http_auth::enable_again(app))?;
            if !self.asks_for_password()? {
                return Err(Halt::Failed(
                    AT,
                    format!(
                        "the plugin http-auth says that {app} asks for no password, though it was told to"
                    ),
                ));
            }
        }
        let answer = self.ask(&AT, &http_auth::users(app))?;
        let users = http_auth::read_users(&answer).map_err(|error| self.halt(&AT, error))?;
        for other in users.iter().filter(|user| *user != credentials.user()) {
            self.ask(&AT, &http_auth::remove_user(app, other))?;
        }
        Ok(())
    }

    fn asks_for_password(&self) -> Result<bool, Halt> {
        let answer = self.ask(&AT, &http_auth::show_config(self.app()))?;
        http_auth::read_config(&answer).map_err(|error| self.halt(&AT, error))
    }

    /// Proves that nobody sees anything without the password. Where that cannot be proven the app is
    /// stopped.
    pub fn prove_protected(&mut self, addresses: &[String], probe: &Probe) -> Result<(), Halt> {
        for address in addresses {
            let mut anonymous = Probe {
                url: address.clone(),
                credentials: None,
                ..probe.clone()
            };
            let answer = self.ask_in_vain(&mut anonymous);
            let why = match answer {
                Ok(401) => continue,
                Ok(status) => format!("{address} answers {status} without the password"),
                Err(error) => format!("whether it asks for the password is not known: {error}"),
            };
            self.is_closed = true;
            let stopped = self.ask(&Stage::Health, &ps::stop(self.app()));
            return Err(Halt::Failed(
                Stage::Health,
                match stopped {
                    Ok(_) => format!("{why}: {} was stopped", self.app()),
                    Err(halt) => format!(
                        "{why}, and {} could not be stopped ({}): it may be open to everybody. Stop it: dokku ps:stop {}",
                        self.app(),
                        halt.why(),
                        self.app()
                    ),
                },
            ));
        }
        self.note("without the password everybody is refused (401)");
        Ok(())
    }

    /// The status that a stranger gets, after as many tries as the health check has.
    fn ask_in_vain(&mut self, probe: &mut Probe) -> Result<u16, NetError> {
        let ground = self.ground;
        let check = &self.wish.settings.healthcheck;
        let mut attempt = 1;
        loop {
            let answer = health::ask(
                ground.net,
                probe,
                &[401],
                &|| ground.clock.elapsed(),
                &mut |_| {},
            );
            let is_last = attempt >= check.attempts;
            match answer {
                Err(NetError::Unresolved { .. }) if probe.connect_to.is_none() => {
                    probe.connect_to = Some(ground.router.to_owned());
                    continue;
                }
                // Whoever stands before the app may not know it yet.
                Ok(answer) if answer.status >= 500 && !is_last => {}
                Err(_) if !is_last => {}
                answer => return answer.map(|answer| answer.status),
            }
            attempt += 1;
            ground.clock.wait(check.wait);
        }
    }
}
