//! The OpenAPI document: as the framework generates it, made as strict as the code is.
//!
//! What the framework cannot say is added here: that request bodies take no further members, and which provider types
//! there are. `goclaw openapi` prints the document, `openapi/v1.json` is the committed copy.

use serde_json::{Map, Value, json};

use crate::domain::provider::ProviderType;

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
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(provider_type) = properties.and_then(|properties| properties.get_mut("provider_type")?.as_object_mut())
    {
        provider_type.insert("enum".to_owned(), json!(ProviderType::ALL.map(ProviderType::as_str)));
    }
}
