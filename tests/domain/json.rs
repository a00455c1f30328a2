//! Tests of the limits and checks for JSON from callers and providers.

use goclaw::domain::json::{InvalidJsonReason, Limits, MAX_DEPTH, check, parse_tree};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const ANY: Limits = Limits { depth: MAX_DEPTH, values: usize::MAX, members: usize::MAX };

fn reason(text: &str, limits: &Limits) -> Option<InvalidJsonReason> {
    check(text.as_bytes(), limits).err().map(|error| error.reason)
}

#[test]
fn repeated_members_are_refused_at_any_depth() {
    assert_eq!(reason(r#"{"a":[1,-2,0.5,null,true,"x\n"],"b":{"a":{}},"c":[{"a":1},{"a":1}]}"#, &ANY), None);
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"[{"a":1,"\u0061":2}]"#,
        r#"{"\n":1,"\u000a":2}"#,
        r#"{"😀":1,"\ud83d\ude00":2}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(reason(text, &ANY), Some(InvalidJsonReason::RepeatedMember), "{text}");
    }
}

#[test]
fn errors_have_the_position_but_not_the_content() {
    let error = check(b"{\"secret\": 1,\n \"secret\": 2}", &ANY).unwrap_err();
    assert_eq!(error.to_string(), "has two members with the same name in one object (line 2, column 9)");
    let error = check(b"{\"key\": secret}", &ANY).unwrap_err();
    assert_eq!(error.to_string(), "is not valid JSON (line 1, column 9)");
}

#[test]
fn invalid_json_is_refused() {
    for text in ["", "{", "[1,]", "{} {}", "01", "1e999", r#""\ud800""#, r#"{1: 2}"#, "nul", "\u{feff}{}"] {
        assert_eq!(reason(text, &ANY), Some(InvalidJsonReason::Syntax), "{text}");
    }
    assert_eq!(check(b"\"\xff\"", &ANY).unwrap_err().reason, InvalidJsonReason::Syntax);
    assert_eq!(check(b"{\"\xff\": 1}", &ANY).unwrap_err().reason, InvalidJsonReason::Syntax);
}

#[test]
fn nesting_is_limited_to_the_depth_of_the_parser() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(reason(&nested(MAX_DEPTH), &ANY), None);
    assert!(serde_json::from_str::<Value>(&nested(MAX_DEPTH)).is_ok());
    let too_deep = Some(InvalidJsonReason::TooDeep { limit: MAX_DEPTH });
    assert_eq!(reason(&nested(MAX_DEPTH + 1), &Limits { depth: 1000, ..ANY }), too_deep);
    assert_eq!(reason(&nested(100_000), &ANY), too_deep);
}

#[test]
fn json_from_a_provider_has_the_limits_of_a_model_body() {
    let items = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    let Limits { values, .. } = Limits::MODEL_BODY;
    assert!(parse_tree::<Value>(items(values - 1).as_bytes()).is_ok());
    let error = parse_tree::<Value>(items(values + 1).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "has too many values: at most 250000");
    assert!(parse_tree::<Vec<Value>>(b"[{}]").is_ok() && parse_tree::<Vec<Value>>(b"{}").is_err());
}

/// Returns the smallest limits that accept a value.
fn measure(value: &Value) -> Limits {
    let container = |items: &mut dyn Iterator<Item = Limits>| {
        items.fold(Limits { depth: 1, values: 1, members: 0 }, |sum, item| Limits {
            depth: sum.depth.max(item.depth + 1),
            values: sum.values + item.values,
            members: sum.members.max(item.members),
        })
    };
    match value {
        Value::Array(list) => container(&mut list.iter().map(measure)),
        Value::Object(map) => container(&mut map.values().enumerate().map(|(index, value)| {
            let measured = measure(value);
            Limits { members: measured.members + index + 1, ..measured }
        })),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Limits { depth: 0, values: 1, members: 0 }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_accepted_exactly_within_its_limits(value in any_json()) {
        let (text, limits) = (value.to_string(), measure(&value));
        prop_assert_eq!(reason(&text, &limits), None);
        let Limits { depth, values, members } = limits;
        let fewer = Limits { values: values - 1, ..limits };
        prop_assert_eq!(reason(&text, &fewer), Some(InvalidJsonReason::TooManyValues { limit: values - 1 }));
        if let Some(limit) = depth.checked_sub(1) {
            let shallower = Limits { depth: limit, ..limits };
            prop_assert_eq!(reason(&text, &shallower), Some(InvalidJsonReason::TooDeep { limit }));
        }
        if let Some(limit) = members.checked_sub(1) {
            let smaller = Limits { members: limit, ..limits };
            prop_assert_eq!(reason(&text, &smaller), Some(InvalidJsonReason::TooManyMembers { limit }));
        }
    }

    #[test]
    fn repeated_members_are_found_despite_escapes(
        name in "[ -~]{1,4}",
        escaped in prop::collection::vec(any::<bool>(), 4),
        levels in 0..5usize,
        value in any_json(),
    ) {
        let spelled: String = name.chars().zip(escaped).map(|(c, escaped)| {
            if escaped || matches!(c, '"' | '\\') { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }
        }).collect();
        let object = format!("{{{}:{value},\"{spelled}\":0}}", json!(name));
        let text = format!("{}{object}{}", r#"[0,{"":"#.repeat(levels), "}]".repeat(levels));
        prop_assert_eq!(reason(&text, &ANY), Some(InvalidJsonReason::RepeatedMember));
    }

    #[test]
    fn syntax_errors_are_those_of_the_parser(text in r#"[\[\]{}:,"\\u0-9eE.+\- ntrfalsd]{0,24}"#) {
        let is_syntax_error = reason(&text, &ANY) == Some(InvalidJsonReason::Syntax);
        prop_assert_eq!(is_syntax_error, serde_json::from_str::<Value>(&text).is_err());
    }
}
