//! The gate on known vulnerabilities: the section `security`.

use super::{
    fault::Sink,
    read::{Distinct, Read, Text, section, words, wrong_value},
    yaml::{Node, Value},
};
use crate::app::Environment;

section! {
    /// The gate on known vulnerabilities. Checked, not acted on yet.
    #[derive(Default)]
    Security {
        /// Whether a critical one stops the deploy. Default: true.
        block_on_critical: Option<bool>,
        /// Which severities are looked for.
        severity: Option<Severities>,
        /// What differs in one environment.
        environments: Option<SecurityEnvironments>,
    }
}

section! {
    /// The gate on known vulnerabilities.
    #[derive(Default)]
    SecurityGate {
        /// Whether a critical one stops the deploy.
        block_on_critical: Option<bool>,
        /// Which severities are looked for.
        severity: Option<Severities>,
    }
}

section! {
    /// What differs in one environment.
    #[derive(Default)]
    SecurityEnvironments {
        /// For the app of the main branch.
        production: Option<SecurityGate>,
        /// For the app named …-staging.
        staging: Option<SecurityGate>,
        /// For the app named …-dev.
        development: Option<SecurityGate>,
        /// For the apps of pull requests.
        preview: Option<SecurityGate>,
    }
}

impl SecurityEnvironments {
    pub(super) fn of(&self, environment: Environment) -> Option<&SecurityGate> {
        match environment {
            Environment::Production => self.production.as_ref(),
            Environment::Staging => self.staging.as_ref(),
            Environment::Development => self.development.as_ref(),
            Environment::Preview => self.preview.as_ref(),
        }
    }
}

words! {
    /// How bad a known vulnerability is.
    pub Severity: "CRITICAL, HIGH, MEDIUM or LOW" {
        /// The worst.
        Critical = "CRITICAL",
        /// Bad.
        High = "HIGH",
        /// Less bad.
        Medium = "MEDIUM",
        /// Hardly worth a word.
        Low = "LOW",
    }
}

/// Severities as a list, or as one text with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Severities(pub Vec<Severity>);

impl Read for Severities {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        let Value::Scalar { text, .. } = &node.value else {
            return Distinct::<Severity>::read(node, faults).map(|list| Self(list.0));
        };
        let words: Result<Vec<_>, _> = text
            .split(',')
            .map(|word| Severity::parse(word.trim()))
            .collect();
        if let Ok(list) = words {
            return Some(Self(list));
        }
        let expected = "CRITICAL, HIGH, MEDIUM and LOW, as a list or with commas";
        wrong_value(node, expected, None, faults);
        None
    }
}

impl schemars::JsonSchema for Severities {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Severities".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let item = generator.subschema_for::<Severity>();
        schemars::json_schema!({ "type": ["array", "string"], "items": item, "uniqueItems": true })
    }
}
