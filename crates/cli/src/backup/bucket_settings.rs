//! Which bucket, and the keys to it: from the usual variables, or as they travel to the host.

use std::{env, fmt};

use dokku_deploy::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A bucket and the keys to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// `AWS_S3_BUCKET`
    pub name: String,
    /// `AWS_REGION`, else `us-east-1`.
    pub region: String,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, for stores other than Amazon's.
    pub endpoint: Option<String>,
    /// `AWS_S3_PREFIX`: what stands before `KIND/APP/FILE`.
    pub prefix: String,
    /// `AWS_ACCESS_KEY_ID`
    pub access_key: Secret,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_key: Secret,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<Secret>,
}

/// The same in JSON, for standard input and for a file that only its owner may read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    region: String,
    endpoint: Option<String>,
    prefix: String,
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

/// What is no bucket. Never quotes what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBucket;

impl fmt::Display for NoBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bucket and its keys are not in the form that this version knows")
    }
}

impl BucketSettings {
    /// Reads the environment; `None` where no bucket is named.
    pub fn from_environment() -> Result<Option<Self>, Failure> {
        let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let Some(name) = given("AWS_S3_BUCKET") else {
            return Ok(None);
        };
        let needed = |variable: &str| {
            given(variable).map(Secret::new).ok_or_else(|| {
                Failure::settings(format!(
                    "AWS_S3_BUCKET is {name:?}, but {variable} is not set"
                ))
            })
        };
        Ok(Some(Self {
            access_key: needed("AWS_ACCESS_KEY_ID")?,
            secret_key: needed("AWS_SECRET_ACCESS_KEY")?,
            region: given("AWS_REGION")
                .or_else(|| given("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint: given("AWS_ENDPOINT_URL_S3").or_else(|| given("AWS_ENDPOINT_URL")),
            prefix: given("AWS_S3_PREFIX").unwrap_or_default(),
            session_token: given("AWS_SESSION_TOKEN").map(Secret::new),
            name,
        }))
    }

    /// As it travels and is kept.
    pub fn to_json(&self) -> Secret {
        let wire = Wire {
            name: self.name.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            prefix: self.prefix.clone(),
            access_key: self.access_key.expose().to_owned(),
            secret_key: self.secret_key.expose().to_owned(),
            session_token: self
                .session_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        };
        // A structure of texts always has a form in JSON.
        Secret::new(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, NoBucket> {
        let wire: Wire = serde_json::from_str(text).map_err(|_| NoBucket)?;
        Ok(Self {
            name: wire.name,
            region: wire.region,
            endpoint: wire.endpoint,
            prefix: wire.prefix,
            access_key: wire.access_key.into(),
            secret_key: wire.secret_key.into(),
            session_token: wire.session_token.map(Secret::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_whole_and_are_never_shown() {
        let settings = BucketSettings {
            name: "b".into(),
            region: "us-east-1".into(),
            endpoint: Some("http://127.0.0.1:9000".into()),
            prefix: "here".into(),
            access_key: Secret::new("AKIDEXAMPLE"),
            secret_key: Secret::new("s3cr3t"),
            session_token: None,
        };
        let json = settings.to_json();
        assert_eq!(
            BucketSettings::from_json(json.expose()),
            Ok(settings.clone())
        );
        assert!(!format!("{settings:?} {json:?}").contains("s3cr3t"));
        assert_eq!(
            BucketSettings::from_json("{\"secret_key\":\"x\"}"),
            Err(NoBucket)
        );
    }
}
