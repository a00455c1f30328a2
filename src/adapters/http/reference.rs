//! Renders the OpenAPI document as one HTML page, for `/docs`.

use serde_json::{Map, Value};

pub(super) const STYLE: &str = include_str!("reference.css");

pub(super) fn html(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let tags = list(&document, "tags");
    let links: String = tags.map(|tag| text_of(tag, "name")).map(|name| link(&format!("tag-{name}"), name)).collect();
    let operations: String = list(&document, "tags").map(|tag| tag_section(&document, tag)).collect();
    let schemas = members(document.pointer("/components/schemas"));
    let schemas: String = schemas.map(|(name, schema)| schema_section(name, schema)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>goclaw API</title><style>{STYLE}</style></head>\
         <body><h1>goclaw API</h1>{}<p>The same as a document for tools: <a href=\"openapi.json\">openapi.json</a></p>\
         <nav>{links}{}</nav>{operations}<h2 id=\"schemas\">Schemas</h2>{schemas}</body></html>\n",
        paragraph(document.pointer("/info/description")),
        link("schemas", "Schemas"),
    )
}

fn tag_section(document: &Value, tag: &Value) -> String {
    let name = text_of(tag, "name");
    let paths = members(document.get("paths"))
        .flat_map(|(path, item)| members(Some(item)).map(move |(method, operation)| (path, method, operation)));
    let of_tag = paths.filter(|(.., operation)| list(operation, "tags").any(|tag| tag.as_str() == Some(name)));
    let operations: String =
        of_tag.map(|(path, method, operation)| operation_section(document, path, method, operation)).collect();
    let (name, about) = (escaped(name), paragraph(tag.get("description")));
    format!("<h2 id=\"tag-{name}\">{name}</h2>{about}{operations}")
}

fn operation_section(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let parameters = list(operation, "parameters").map(|parameter| resolve(document, parameter));
    let parameters: String = parameters
        .map(|parameter| {
            let about = format!("{}, in {}", type_of(parameter.get("schema")), text_of(parameter, "in"));
            entry(text_of(parameter, "name"), is_required(parameter), &about, parameter.get("description"))
        })
        .collect();
    let body = operation.get("requestBody").map(|body| resolve(document, body));
    let body: String = members(body.and_then(|body| body.get("content")))
        .map(|(kind, content)| entry(kind, false, &type_of(content.get("schema")), None))
        .collect();
    let responses: String = members(operation.get("responses"))
        .map(|(status, response)| {
            let response = resolve(document, response);
            let types: Vec<String> =
                members(response.get("content")).map(|(_, content)| type_of(content.get("schema"))).collect();
            entry(status, false, &types.join(" or "), response.get("description"))
        })
        .collect();
    format!(
        "<h3 id=\"{id}\">{summary} <code>{method} {path}</code></h3>{about}{}{}{}",
        titled("Parameters", &parameters),
        titled("Body", &body),
        titled("Responses", &responses),
        id = escaped(text_of(operation, "operationId")),
        summary = escaped(text_of(operation, "summary")),
        method = escaped(&method.to_uppercase()),
        path = escaped(path),
        about = paragraph(operation.get("description")),
    )
}

fn schema_section(name: &str, schema: &Value) -> String {
    let required: Vec<&str> = list(schema, "required").filter_map(Value::as_str).collect();
    let properties: String = members(schema.get("properties"))
        .map(|(name, property)| {
            entry(name, required.contains(&name.as_str()), &type_of(Some(property)), property.get("description"))
        })
        .collect();
    let shape = if properties.is_empty() { format!("<p>{}</p>", type_of(Some(schema))) } else { String::new() };
    let (name, about) = (escaped(name), paragraph(schema.get("description")));
    format!("<h3 id=\"schema-{name}\">{name}</h3>{about}{shape}{}", titled("Members", &properties))
}

/// Describes a type. A named type becomes a link to its section.
fn type_of(schema: Option<&Value>) -> String {
    let Some(schema) = schema else { return "anything".to_owned() };
    if let Some(name) = text_of(schema, "$ref").strip_prefix("#/components/schemas/") {
        return link(&format!("schema-{name}"), name);
    }
    if let Some(first) = list(schema, "allOf").next() {
        return type_of(Some(first));
    }
    let allowed: Vec<String> =
        list(schema, "enum").map(|value| format!("<code>{}</code>", escaped(&shown(value)))).collect();
    match text_of(schema, "type") {
        _ if !allowed.is_empty() => format!("one of {}", allowed.join(", ")),
        "array" => format!("array of {}", type_of(schema.get("items"))),
        "" => "anything".to_owned(),
        name => escaped(name),
    }
}

fn entry(name: &str, is_required: bool, about: &str, description: Option<&Value>) -> String {
    let required = if is_required { ", required" } else { "" };
    let (name, text) = (escaped(name), paragraph(description));
    format!("<dt><code>{name}</code></dt><dd><small>{about}{required}</small>{text}</dd>")
}

fn titled(title: &str, entries: &str) -> String {
    if entries.is_empty() { String::new() } else { format!("<h4>{title}</h4><dl>{entries}</dl>") }
}

fn link(anchor: &str, text: &str) -> String {
    format!("<a href=\"#{}\">{}</a> ", escaped(anchor), escaped(text))
}

/// Renders a text as a paragraph. Text between backticks becomes `<code>`.
fn paragraph(text: Option<&Value>) -> String {
    let text = escaped(text.and_then(Value::as_str).unwrap_or_default());
    if text.is_empty() {
        return text;
    }
    let mut parts = text.split('`');
    let mut html = parts.next().unwrap_or_default().to_owned();
    for (part, tag) in parts.zip(["<code>", "</code>"].into_iter().cycle()) {
        html.push_str(tag);
        html.push_str(part);
    }
    format!("<p>{html}</p>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_required(value: &Value) -> bool {
    value.get("required").and_then(Value::as_bool).unwrap_or_default()
}

fn text_of<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Resolves a `$ref`. Returns any other value unchanged.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = text_of(value, "$ref").strip_prefix('#');
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}
