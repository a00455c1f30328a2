//! Adds to the generated OpenAPI document what poem-openapi cannot express, such as examples, scopes and shared errors.

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{operations::RequiredPermission, paths};

/// Example requests and responses, by `operationId`.
const EXAMPLES: &str = include_str!("examples.json");

/// Returns the completed document, as indented JSON.
pub(super) fn document(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).unwrap_or_default();
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    standardize(&mut document);
    let (mut bodies, mut responses, mut parameters) = (Vec::new(), Map::new(), Map::new());
    for operation in operations(&mut document) {
        bodies.extend(body_schema(operation));
        add_examples(operation, &examples);
        add_required_scope(operation);
        share_errors(operation, &mut responses);
        share_parameters(operation, &mut parameters);
    }
    for (name, is_open) in bodies {
        let additional = if is_open { json!({}) } else { json!(false) };
        set(&mut document, &format!("/components/schemas/{name}"), "additionalProperties", additional);
    }
    set(&mut document, "/components", "responses", responses.into());
    set(&mut document, "/components", "parameters", parameters.into());
    for probe in paths::PROBES {
        let probe = format!("/paths/{}/get", probe.replace('/', "~1"));
        set(&mut document, &probe, "security", json!([]));
        // The server may send a 431 without a body. The generator progenitor rejects that beside a 503 with a body.
        if document.pointer(&format!("{probe}/responses/503")).is_none() {
            let too_large = json!({"description": "The request's headers are too large."});
            set(&mut document, &format!("{probe}/responses"), "431", too_large);
        }
    }
    format!("{document:#}\n")
}

/// Sets a member of the object at a JSON pointer (RFC 6901).
fn set(document: &mut Value, pointer: &str, member: &str, value: Value) {
    if let Some(object) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.insert(member.to_owned(), value);
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.filter_map(|(_, item)| item.as_object_mut()).flatten().map(|(_, operation)| operation)
}

/// Adapts schemas to client generators. Replaces the formats of unsigned integers, which OpenAPI does not define.
/// Writes whole bounds as integers, because generators derive a type from them. Replaces an `allOf` around one
/// reference by the reference, because some generators accept `allOf` only for objects.
fn standardize(value: &mut Value) {
    if let Some(reference) = value.pointer("/allOf/0/$ref").cloned() {
        *value = json!({"$ref": reference});
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member.as_str(), member.as_f64()) {
                    ("format", Some("uint16"), _) => *member = json!("int32"),
                    ("format", Some("uint64"), _) => *member = json!("int64"),
                    ("minimum" | "maximum", _, Some(bound)) => {
                        *member = bound.to_string().parse::<i64>().map_or(json!(bound), Value::from);
                    }
                    _ => standardize(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(standardize),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the name of the request body's schema, and whether the body may have undocumented members. Requests of the
/// model APIs may have any parameter of OpenAI's API.
fn body_schema(operation: &Value) -> Option<(String, bool)> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref")?.as_str()?;
    let is_open = operation.pointer("/tags/0")? == "Models";
    Some((schema.rsplit('/').next().unwrap_or_default().to_owned(), is_open))
}

fn add_examples(operation: &mut Value, examples: &Value) {
    let Some(of_operation) = operation.get("operationId").and_then(|id| examples.get(id.as_str()?)) else { return };
    for (part, content) in [("request", "/requestBody/content"), ("response", "/responses/200/content")] {
        let media = operation.pointer_mut(content).and_then(|content| content.get_mut("application/json"));
        if let (Some(media), Some(example)) = (media, of_operation.get(part)) {
            set(media, "", "example", example.clone());
        }
    }
}

/// Adds the scope that an API token needs. It is `owner` if no scope permits the operation.
fn add_required_scope(operation: &mut Value) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    if let Some(need) = RequiredPermission::of_operation(id) {
        set(operation, "", "x-required-scope", need.scope("{provider}").into());
    }
}

/// Moves problems and OpenAI errors to the components, because many operations have the same ones.
fn share_errors(operation: &mut Value, shared: &mut Map<String, Value>) {
    for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        let status = StatusCode::from_bytes(status.as_bytes()).unwrap_or_default();
        let reason = status.canonical_reason().unwrap_or_default().replace([' ', '-'], "");
        let schema = |media| response.pointer(&format!("/content/application~1{media}/schema/$ref"));
        if schema("problem+json").is_some() {
            share(response, "responses", reason, shared);
        } else if schema("json").is_some_and(|schema| schema == "#/components/schemas/OpenAiErrorBody") {
            share(response, "responses", format!("OpenAi{reason}"), shared);
        }
    }
}

/// Moves the parameters to the components.
fn share_parameters(operation: &mut Value, shared: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in parameters {
        // The suffix prevents a name clash: some generators make a type of each parameter and of each schema.
        let name = format!("{}Parameter", parameter.get("name").and_then(Value::as_str).unwrap_or_default());
        share(parameter, "parameters", name, shared);
    }
}

/// Replaces `part` by a reference to the component of this name, unless a different component has the name.
fn share(part: &mut Value, kind: &str, name: String, shared: &mut Map<String, Value>) {
    let reference = json!({"$ref": format!("#/components/{kind}/{name}")});
    let component = shared.entry(name).or_insert_with(|| part.clone());
    if component == part {
        *part = reference;
    }
}
