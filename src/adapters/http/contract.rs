//! The OpenAPI document: as the framework generates it, made as strict as the code is.
//!
//! What the framework cannot say is added here: that request bodies take no further members, which provider types there
//! are, what a name, a secret or a redirect URL may look like, and the headers that the guard's answers carry.
//! `goclaw openapi` prints the document, `openapi/v1.json` is the committed copy.

use serde_json::{Map, Value, json};

use crate::domain::{
    api_token::Scope,
    authorization_response::MAX_REDIRECT_BYTES,
    ids::{MAX_DISPLAY_NAME, MAX_PROVIDER_NAME},
    provider::{ProviderType, openai_codex},
    secret::MAX_PASTED_SECRET_BYTES,
};

/// What `str::trim` drops. Spelt out: to some readers of the contract `\s` is more than that, to some it is less.
const SPACE: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// What `DisplayName` calls steering.
const STEERS: &str = r"\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069";

/// The generated document, made strict.
pub(super) fn document(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).unwrap_or_default();
    for name in request_schemas(&document) {
        if let Some(schema) =
            document.pointer_mut(&format!("/components/schemas/{name}")).and_then(Value::as_object_mut)
        {
            make_strict(schema);
            join_members(&name, schema);
        }
    }
    // OpenAI's errors always have it.
    if let Some(param) = document.pointer_mut("/components/schemas/OpenAiErrorMembers/properties/param") {
        param["nullable"] = json!(true);
    }
    for operation in operations(&mut document) {
        name_providers(operation);
        name_headers(operation);
    }
    format!("{document:#}\n")
}

/// The names of all schemas that request bodies are made of.
fn request_schemas(document: &Value) -> Vec<String> {
    let operations = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    // A request for a model may hold whatever OpenAI's API has.
    let is_ours = |operation: &&Value| operation.pointer("/tags/0").is_none_or(|tag| tag != "Models");
    let bodies = operations
        .filter_map(Value::as_object)
        .flat_map(Map::values)
        .filter(is_ours)
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

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.filter_map(|(_, path)| path.as_object_mut()).flatten().map(|(_, operation)| operation)
}

/// Every parameter of a path is the name of a provider, but for those that say what else they are.
fn name_providers(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    let of_providers =
        parameters.filter(|parameter| parameter.get("name").is_none_or(|name| name != "id" && name != "model"));
    for schema in of_providers.filter_map(|parameter| parameter.get_mut("schema")?.as_object_mut()) {
        // What `ProviderName::parse` takes.
        let inner = MAX_PROVIDER_NAME - 2;
        schema.insert("pattern".to_owned(), json!(format!("^[a-z0-9]([a-z0-9-]{{0,{inner}}}[a-z0-9])?$")));
    }
}

fn name_headers(operation: &mut Value) {
    let headers = [
        ("401", "WWW-Authenticate", "The scheme to use.", json!({"type": "string", "pattern": "^Bearer"})),
        ("429", "Retry-After", "How many seconds to wait.", json!({"type": "integer", "minimum": 1})),
    ];
    for (status, name, description, schema) in headers {
        let answer = operation.get_mut("responses").and_then(|answers| answers.get_mut(status));
        if let Some(answer) = answer {
            // A provider does not always say how long to wait.
            let is_ours = answer.pointer("/content/application~1problem+json").is_some();
            let header = json!({"description": description, "required": status == "401" || is_ours, "schema": schema});
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("headers".to_owned(), json!({name: header}));
            }
        }
    }
}

fn make_strict(schema: &mut Map<String, Value>) {
    // Not where there is a choice instead: to it, the members of all its branches would be further ones.
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties.iter_mut().filter_map(|(name, property)| Some((name, property.as_object_mut()?)))
    {
        let narrower = match name.as_str() {
            "provider_type" => {
                let names = ProviderType::ALL.map(ProviderType::as_str).into_iter().chain([openai_codex::ALIAS]);
                json!({"enum": names.collect::<Vec<_>>()})
            }
            // What `AccessToken::from_pasted` takes; said here so that its own sentence answers what does not fit.
            "api_key" | "session_token" => {
                json!({"minLength": 1, "maxLength": MAX_PASTED_SECRET_BYTES, "pattern": trimmed("[!-~]+")})
            }
            "scope" => json!({"enum": Scope::GRANTED.map(Scope::as_str)}),
            "generation" => json!({"minimum": 0, "maximum": i64::MAX}),
            // What `RefreshToken::from_pasted_cookie` takes.
            "client_cookie" => {
                json!({"minLength": 1, "maxLength": MAX_PASTED_SECRET_BYTES, "pattern": trimmed(r"[!#-+\--:<-\[\]-~]+")})
            }
            // What `DisplayName::parse` takes.
            "display_name" | "name" => {
                let visible = format!("[^{SPACE}{STEERS}]");
                let pattern = trimmed(&format!("{visible}([^{STEERS}]*{visible})?"));
                json!({"minLength": 1, "maxLength": MAX_DISPLAY_NAME, "pattern": pattern})
            }
            // What may finish some login. Whether it fits the one that waits, no pattern can say.
            "redirect_url" => {
                let pattern = trimmed(r"https?://[!-~]+\?([!-~]*&)?state=[!-~]+");
                json!({"maxLength": MAX_REDIRECT_BYTES, "pattern": pattern})
            }
            _ => continue,
        };
        property.extend(narrower.as_object().cloned().unwrap_or_default());
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
}

/// A consent to a retry names both members of what was seen, or it is none.
fn join_members(name: &str, schema: &mut Map<String, Value>) {
    if name == "RefreshRequest" {
        schema.insert("anyOf".to_owned(), json!([{"required": ["login_id", "generation"]}, {"maxProperties": 0}]));
    }
}

/// The pattern, with white space around it.
fn trimmed(pattern: &str) -> String {
    format!("^[{SPACE}]*{pattern}[{SPACE}]*$")
}
