//! Settings that one run gives: the inputs of a workflow. They win over both files.

use super::{
    read::Text,
    resolve::Resolved,
    value::{Cpu, Memory, UrlPath},
};

/// What a run may give; nothing of it has to be given. An empty text is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Instead of `healthcheck.path`.
    pub health_check_path: Option<String>,
    /// Instead of `resources.memory`.
    pub memory: Option<String>,
    /// Instead of `resources.cpu`.
    pub cpu: Option<String>,
}

/// An input that no settings file could hold either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {given:?}: expected {expected}{}", why.as_ref().map_or_else(String::new, |why| format!(" ({why})")))]
pub struct BadInput {
    /// The option.
    pub name: &'static str,
    /// As it was given.
    pub given: String,
    /// What it has to be.
    pub expected: &'static str,
    /// Why it is not, if there is more to say.
    pub why: Option<String>,
}

impl Resolved {
    /// These settings with what the run gives.
    pub fn with_inputs(mut self, inputs: &Inputs) -> Result<Self, BadInput> {
        if let Some(path) =
            read::<UrlPath>("--health-check-path", inputs.health_check_path.as_ref())?
        {
            self.healthcheck.path = path.0;
        }
        if let Some(memory) = read::<Memory>("--memory", inputs.memory.as_ref())? {
            self.resources.memory = Some(memory.0);
        }
        if let Some(cpu) = read::<Cpu>("--cpu", inputs.cpu.as_ref())? {
            self.resources.cpu = Some(cpu.0);
        }
        Ok(self)
    }
}

fn read<T: Text>(name: &'static str, given: Option<&String>) -> Result<Option<T>, BadInput> {
    let Some(given) = given.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    T::parse(given).map(Some).map_err(|why| BadInput {
        name,
        given: given.chars().take(80).collect(),
        expected: T::EXPECTED,
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::Environment, settings::Settings};

    fn with(inputs: &Inputs) -> Result<Resolved, BadInput> {
        Settings::default()
            .resolve(Environment::Production)
            .with_inputs(inputs)
    }

    #[test]
    fn an_input_wins_and_an_empty_one_is_not_given() {
        let resolved = with(&Inputs {
            health_check_path: Some("/up".into()),
            memory: Some(String::new()),
            cpu: Some("0.5".into()),
        })
        .unwrap();
        assert_eq!(resolved.healthcheck.path, "/up");
        assert_eq!(resolved.resources.memory, None);
        assert_eq!(resolved.resources.cpu.as_deref(), Some("0.5"));
    }

    #[test]
    fn an_input_is_held_to_the_rules_of_the_file() {
        let error = with(&Inputs {
            memory: Some("512 MB; rm -rf /".into()),
            ..Inputs::default()
        })
        .unwrap_err();
        assert!(
            error.to_string().starts_with("--memory is \"512 MB; rm"),
            "{error}"
        );
        let error = with(&Inputs {
            health_check_path: Some("up".into()),
            ..Inputs::default()
        });
        assert_eq!(error.unwrap_err().name, "--health-check-path");
    }
}
