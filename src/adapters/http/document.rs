//! Completes the generated OpenAPI document with what the framework cannot express.

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{operations::Need, paths};

/// Examples by operation: of the request and of the response.
const EXAMPLES: &str = include_str!("examples.json");

/// Completes the generated document.
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
        let further = if is_open { json!({}) } else { json!(false) };
        set(&mut document, &format!("/components/schemas/{name}"), "additionalProperties", further);
    }
    set(&mut document, "/components", "responses", responses.into());
    set(&mut document, "/components", "parameters", parameters.into());
    for probe in paths::PROBES {
        let probe = format!("/paths/{}/get", probe.replace('/', "~1"));
        set(&mut document, &probe, "security", json!([]));
        // The listener may send it. Beside an error with a body, progenitor accepts none without.
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

/// Replaces the formats of unsigned integers, which OpenAPI does not have, and writes whole bounds as integers:
/// generators choose a type by them. A reference with a description becomes the reference: the framework writes both as
/// `allOf`, which some generators accept for objects only.
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

/// Returns the name of the body's schema, and whether unknown members are accepted: a request for a model may hold
/// whatever OpenAI's API has.
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

/// Names the scope that a program's token needs; `owner` if no scope suffices.
fn add_required_scope(operation: &mut Value) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    if let Some(need) = Need::of_operation(id) {
        set(operation, "", "x-required-scope", need.scope("{provider}").into());
    }
}

/// Moves the error responses, which are the same for every operation, to the components. Other ones stay.
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

/// Moves the parameters that several operations have to the components.
fn share_parameters(operation: &mut Value, shared: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in parameters {
        // A suffix, because some generators make a type for each parameter and each schema.
        let name = format!("{}Parameter", parameter.get("name").and_then(Value::as_str).unwrap_or_default());
        share(parameter, "parameters", name, shared);
    }
}

/// Replaces a part by a reference to the shared one of this name, unless that is another one.
fn share(part: &mut Value, kind: &str, name: String, shared: &mut Map<String, Value>) {
    let reference = json!({"$ref": format!("#/components/{kind}/{name}")});
    let known = shared.entry(name).or_insert_with(|| part.clone());
    if known == part {
        *part = reference;
    }
}
