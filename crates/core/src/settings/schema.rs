//! The JSON Schemas of both files, from the types that read them.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{config::Config, services::ServicesFile};

/// The JSON Schema of `.dokku/config.yml`.
pub fn config_schema() -> Schema {
    schema_of::<Config>("config.yml of the Dokku Deploy System")
}

/// The JSON Schema of `.dokku/services.yml`.
pub fn services_schema() -> Schema {
    schema_of::<ServicesFile>("services.yml of the Dokku Deploy System")
}

fn schema_of<T: JsonSchema>(title: &str) -> Schema {
    // Draft 7 is what the YAML extensions of editors know best.
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    // A file that holds nothing but comments is valid.
    schema.insert("type".to_owned(), serde_json::json!(["object", "null"]));
    schema
}
