//! The JSON schema of the sections; what options hold is said by Pungi's own schema.

use std::sync::LazyLock;

use serde_json::Value;

use super::schema::Document;
use crate::config::json_schema::schema_of;

static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<Document>);

/// The JSON schema of a configuration of RPM packages.
pub fn schema() -> &'static Value {
    &SCHEMA
}
