//! Generates minimal JSON for a JSON schema. It ignores rarer keywords, such as `pattern`, `multipleOf` and `allOf`.

use serde_json::{Map, Value, json};

/// The maximum depth of a schema. A recursive schema becomes null there.
const DEPTH: u32 = 32;

/// The text for strings without a known format.
const TEXT: &str = "text";

/// Returns the minimal value for a schema.
pub(super) fn minimal_value(schema: &Value) -> Value {
    value(schema, schema, DEPTH)
}

fn value(root: &Value, schema: &Value, depth: u32) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let first = |name: &str| schema.get(name).and_then(Value::as_array).and_then(|choices| choices.first());
    if let Some(only) = schema.get("const").or_else(|| first("enum")) {
        return only.clone();
    }
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    if let Some(chosen) =
        referred.and_then(|pointer| root.pointer(pointer)).or_else(|| first("anyOf")).or_else(|| first("oneOf"))
    {
        return value(root, chosen, depth);
    }
    match kind(schema) {
        Some("object") => object(root, schema, depth),
        Some("array") => array(root, schema, depth),
        Some("string") => json!(text(schema)),
        Some("integer" | "number") => number(schema),
        Some("boolean") => json!(false),
        _ => Value::Null,
    }
}

/// Returns the first type of a schema, or the type its other members imply.
fn kind(schema: &Value) -> Option<&str> {
    let named = schema.get("type");
    named
        .and_then(Value::as_str)
        .or_else(|| named.and_then(|types| types.get(0)).and_then(Value::as_str))
        .or_else(|| schema.get("properties").map(|_| "object"))
        .or_else(|| schema.get("items").map(|_| "array"))
}

/// Returns only the required members: first in the order of `properties`, then those without a schema.
fn object(root: &Value, schema: &Value, depth: u32) -> Value {
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let described = properties.keys().map(String::as_str).filter(|name| required.iter().any(|other| other == name));
    let others = required.iter().filter_map(Value::as_str).filter(|name| !properties.contains_key(*name));
    let member = |name: &str| {
        let member = properties.get(name).map_or(Value::Null, |schema| value(root, schema, depth));
        (name.to_owned(), member)
    };
    Value::Object(described.chain(others).map(member).collect())
}

fn array(root: &Value, schema: &Value, depth: u32) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
    let item = schema.get("items").map_or(Value::Null, |items| value(root, items, depth));
    Value::Array(vec![item; least.unwrap_or_default()])
}

fn text(schema: &Value) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("time") => "00:00:00Z",
        Some("email") => "person1@example.com",
        Some("uri") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000001",
        _ => TEXT,
    };
    let length = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let (least, most) = (length("minLength").unwrap_or_default(), length("maxLength").unwrap_or(usize::MAX));
    text.chars().chain(std::iter::repeat('x')).take(text.len().max(least).min(most)).collect()
}

/// Returns zero, or the allowed value nearest to it. Ignores `exclusiveMaximum` and a fractional `exclusiveMinimum`.
fn number(schema: &Value) -> Value {
    let bound = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let above = bound("exclusiveMinimum").and_then(Value::as_i64).map(|bound| json!(bound.saturating_add(1)));
    let least = bound("minimum").cloned().or(above).filter(|least| least.as_f64() > Some(0.0));
    let most = bound("maximum").cloned().filter(|most| most.as_f64() < Some(0.0));
    least.or(most).unwrap_or_else(|| json!(0))
}

#[cfg(test)]
mod tests {
    use super::{DEPTH, minimal_value};
    use serde_json::{Value, json};

    #[test]
    fn every_kind_of_schema_gets_its_minimal_value() {
        for (schema, expected) in [
            (json!({"type": "string"}), json!("text")),
            (json!({"type": "string", "minLength": 6}), json!("textxx")),
            (json!({"type": "string", "maxLength": 2}), json!("te")),
            (json!({"type": "string", "format": "date"}), json!("2026-01-01")),
            (json!({"type": "integer"}), json!(0)),
            (json!({"type": "integer", "minimum": 3}), json!(3)),
            (json!({"type": "integer", "minimum": -3}), json!(0)),
            (json!({"type": "integer", "exclusiveMinimum": 3}), json!(4)),
            (json!({"type": "number", "maximum": -1.5}), json!(-1.5)),
            (json!({"type": "boolean"}), json!(false)),
            (json!({"type": "null"}), json!(null)),
            (json!({"type": ["string", "null"]}), json!("text")),
            (json!({"type": "array", "items": {"type": "boolean"}}), json!([])),
            (json!({"type": "array", "items": {"type": "boolean"}, "minItems": 2}), json!([false, false])),
            (json!({"enum": ["b", "a"]}), json!("b")),
            (json!({"const": 7}), json!(7)),
            (json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!(0)),
            (json!({"oneOf": [{"const": "one"}]}), json!("one")),
            (json!({"type": "object"}), json!({})),
            (json!({"properties": {"left_out": {"type": "string"}}}), json!({})),
            (json!({}), json!(null)),
        ] {
            assert_eq!(minimal_value(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn required_members_have_the_order_of_properties() {
        let schema = json!({
            "type": "object",
            "properties": {
                "second": {"$ref": "#/$defs/point"},
                "optional": {"type": "string"},
                "first": {"type": "integer"},
            },
            "required": ["first", "second", "undescribed"],
            "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
        });
        assert_eq!(minimal_value(&schema).to_string(), r#"{"second":{"x":0},"first":0,"undescribed":null}"#);
    }

    #[test]
    fn a_recursive_schema_becomes_null_at_the_maximum_depth() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
        let (mut value, mut depth) = (minimal_value(&schema), 0);
        while let Some(next) = value.get("next").cloned() {
            (value, depth) = (next, depth + 1);
        }
        // Each member takes two levels: the reference and its object.
        assert_eq!((value, depth), (Value::Null, DEPTH / 2));
    }
}
