//! The OpenAPI document: as the framework generates it, made as strict as the code is.
//!
//! What the framework cannot say is added here: that request bodies take no further members, which provider types there
//! are, what a secret may look like. `goclaw openapi` prints the document, `openapi/v1.json` is the committed copy.

use serde_json::{Map, Value, json};

use crate::domain::{provider::ProviderType, secret::MAX_PASTED_SECRET_BYTES};

/// The generated document, made strict.
pub(super) fn document(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).unwrap_or_default();
    for name in request_schemas(&document) {
        if let Some(schema) =
            document.pointer_mut(&format!("/components/schemas/{name}")).and_then(Value::as_object_mut)
        {
            make_strict(schema);
        }
    }
    format!("{document:#}\n")
}

/// The names of all schemas that request bodies are made of.
fn request_schemas(document: &Value) -> Vec<String> {
    let operations = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let bodies = operations
        .filter_map(Value::as_object)
        .flat_map(Map::values)
        .filter_map(|operation| operation.pointer("/requestBody/content/application~1json/schema"));
    let mut names: Vec<String> = bodies.filter_map(referenced).collect();
    let mut next = 0;
    while let Some(name) = names.get(next) {
        let schema = document.pointer(&format!("/components/schemas/{name}"));
        let choices = schema.and_then(|schema| schema.get("oneOf")).and_then(Value::as_array).into_iter().flatten();
        let further: Vec<String> = choices.filter_map(referenced).filter(|choice| !names.contains(choice)).collect();
        names.extend(further);
        next += 1;
    }
    names
}

fn referenced(schema: &Value) -> Option<String> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/").map(str::to_owned)
}

fn make_strict(schema: &mut Map<String, Value>) {
    if schema.get("type").is_some_and(|kind| kind == "object") {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties.iter_mut().filter_map(|(name, property)| Some((name, property.as_object_mut()?)))
    {
        let narrower = match name.as_str() {
            "provider_type" => json!({"enum": ProviderType::ALL.map(ProviderType::as_str)}),
            // What `AccessToken::from_pasted` takes; said here so that its own sentence answers what does not fit.
            "api_key" | "session_token" => {
                json!({"minLength": 1, "maxLength": MAX_PASTED_SECRET_BYTES, "pattern": r"^\s*[!-~]+\s*$"})
            }
            _ => continue,
        };
        property.extend(narrower.as_object().cloned().unwrap_or_default());
    }
}
