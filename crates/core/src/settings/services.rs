//! The keys of `.dokku/services.yml`.

use std::collections::BTreeMap;

use super::{
    fault::Sink,
    key::Name,
    read::{place_of, section},
    value::Line,
    yaml::Node,
};
use crate::{app::Environment, service::ServiceKind};

section! {
    /// The services that an app is linked to.
    #[derive(Default)]
    ServicesFile {
        /// One entry for each kind of service.
        services: Option<BTreeMap<ServiceKind, Option<Service>>>,
        /// Services that are not on the Dokku host: for people to read; checked, not acted on.
        external_services: Option<BTreeMap<Name, Option<BTreeMap<Name, ExternalValue>>>>,
    }
}

section! {
    /// A service.
    #[derive(Default)]
    Service {
        /// Whether the app gets one. Default: false.
        enabled: Option<bool>,
        /// Whether it is one for all apps of the environment. Default: false.
        shared: Option<bool>,
        /// The opposite of shared.
        dedicated: Option<bool>,
        /// The image's tag, for a service that is created.
        version: Option<Version>,
        /// The image, for a service that is created.
        image: Option<Line>,
        /// What differs in one environment.
        environments: Option<ServiceEnvironments>,
    }
    check: shared_or_dedicated
}

section! {
    /// What differs in one environment.
    #[derive(Default)]
    ServiceEnvironments {
        /// For the app of the main branch.
        production: Option<ServiceOverrides>,
        /// For the app named …-staging.
        staging: Option<ServiceOverrides>,
        /// For the app named …-dev.
        development: Option<ServiceOverrides>,
        /// For the apps of pull requests.
        preview: Option<ServiceOverrides>,
    }
}

impl ServiceEnvironments {
    pub(super) fn of(&self, environment: Environment) -> Option<&ServiceOverrides> {
        match environment {
            Environment::Production => self.production.as_ref(),
            Environment::Staging => self.staging.as_ref(),
            Environment::Development => self.development.as_ref(),
            Environment::Preview => self.preview.as_ref(),
        }
    }
}

section! {
    /// What differs in one environment.
    #[derive(Default)]
    ServiceOverrides {
        /// Whether the app gets one.
        enabled: Option<bool>,
        /// Whether it is one for all apps of the environment.
        shared: Option<bool>,
        /// The opposite of shared.
        dedicated: Option<bool>,
        /// The image's tag, for a service that is created.
        version: Option<Version>,
        /// The image, for a service that is created.
        image: Option<Line>,
    }
    check: shared_or_dedicated_here
}

fn shared_or_dedicated(service: &Service, node: &Node, faults: &mut Sink<'_>) {
    not_both(service.shared, service.dedicated, node, faults);
}

fn shared_or_dedicated_here(service: &ServiceOverrides, node: &Node, faults: &mut Sink<'_>) {
    not_both(service.shared, service.dedicated, node, faults);
}

fn not_both(shared: Option<bool>, dedicated: Option<bool>, node: &Node, faults: &mut Sink<'_>) {
    if let (Some(shared), Some(dedicated)) = (shared, dedicated)
        && shared == dedicated
    {
        let message = format!(
            "`{}` is both shared and dedicated, or neither",
            faults.key()
        );
        let expected = "expected one of the two keys";
        faults.add(place_of(node, "dedicated"), message, expected, None);
    }
}

/// The tag of an image; numbers need no quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(pub String);

impl super::read::Text for Version {
    const EXPECTED: &'static str = "the tag of an image, such as 16 or \"15.4-alpine\"";
    const MAY_BE_NUMBER: bool = true;
    fn parse(text: &str) -> Result<Self, Option<String>> {
        let is_tag = super::value::is_word(text, "._-") && !text.starts_with(['.', '-']);
        if is_tag {
            Ok(Self(text.to_owned()))
        } else {
            Err(None)
        }
    }
}

impl schemars::JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["number", "string"], "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$" })
    }
}

/// A single value of any kind, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExternalValue(pub Option<String>);

impl super::read::Read for ExternalValue {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        use super::yaml::Value;
        match &node.value {
            Value::Null => Some(Self(None)),
            Value::Scalar { text, .. } => Some(Self(Some(text.clone()))),
            Value::List(_) | Value::Map(_) => {
                super::read::wrong_value(node, "a single value", None, faults);
                None
            }
        }
    }
}

impl schemars::JsonSchema for ExternalValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExternalValue".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean", "null"] })
    }
}
