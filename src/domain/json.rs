//! Checks a caller's JSON before it is parsed into values.
//!
//! Small JSON values grow more than tenfold as a tree. Parsers also disagree on which of two members with one name to
//! use, so two programs can read one body as different requests (RFC 8259 section 4). [`check`] reads a body once,
//! builds no tree, and refuses oversized bodies and repeated members.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

/// The deepest nesting that serde_json parses. Higher limits have no effect.
pub const MAX_DEPTH: usize = 127;

/// Limits of a JSON body besides its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of arrays and objects.
    pub depth: usize,
    /// All values, including objects and arrays.
    pub values: usize,
    /// Members of an object and of the objects around it. Their names are held in memory to find repetitions.
    pub members: usize,
}

impl Limits {
    /// For requests to models: long conversations have tens of thousands of values.
    pub const MODEL_BODY: Self = Self { depth: MAX_DEPTH, values: 1_000_000, members: 50_000 };
    /// For requests to the control API, which are flat objects of a few members.
    pub const CONTROL_BODY: Self = Self { depth: 16, values: 1_000, members: 100 };
}

/// Refused JSON. The text names the place and never repeats the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (line {line}, column {column})")]
pub struct InvalidJson {
    pub reason: InvalidJsonReason,
    pub line: usize,
    pub column: usize,
}

/// The texts follow "the body".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJsonReason {
    #[error("is not valid JSON")]
    Syntax,
    #[error("has two members with the same name in one object")]
    RepeatedMember,
    #[error("is nested too deeply: at most {limit} levels")]
    TooDeep { limit: usize },
    #[error("has too many values: at most {limit}")]
    TooManyValues { limit: usize },
    #[error("has an object with too many members: at most {limit}")]
    TooManyMembers { limit: usize },
}

/// Checks a whole body.
///
/// # Errors
///
/// The first place where the body is not JSON, repeats a member of an object, or exceeds a limit.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), InvalidJson> {
    let mut checker = Checker { limits, depth: 0, values: 0, members: 0, reason: None };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let outcome = checker.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    outcome.map_err(|error| InvalidJson {
        reason: checker.reason.unwrap_or_else(|| reason_of(&error)),
        line: error.line(),
        column: error.column(),
    })
}

/// Classifies an error of the parser. It reports too deep nesting only in its text.
fn reason_of(error: &serde_json::Error) -> InvalidJsonReason {
    if error.to_string().starts_with("recursion limit exceeded") {
        InvalidJsonReason::TooDeep { limit: MAX_DEPTH }
    } else {
        InvalidJsonReason::Syntax
    }
}

struct Checker<'l> {
    limits: &'l Limits,
    depth: usize,
    values: usize,
    members: usize,
    /// Why the checker stopped the parser. Serde passes on only a text.
    reason: Option<InvalidJsonReason>,
}

impl Checker<'_> {
    fn refuse<E: Error>(&mut self, reason: InvalidJsonReason) -> E {
        self.reason = Some(reason);
        E::custom(reason)
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        let limit = self.limits.depth.min(MAX_DEPTH);
        self.depth += 1;
        if self.depth > limit { Err(self.refuse(InvalidJsonReason::TooDeep { limit })) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Checker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let limit = self.limits.values;
        self.values += 1;
        if self.values > limit {
            return Err(self.refuse(InvalidJsonReason::TooManyValues { limit }));
        }
        deserializer.deserialize_any(self)
    }
}

/// A string with its escapes resolved (`"\u0061"` is `"a"`), borrowed if it has none.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unescaped<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'de> Visitor<'de> for &mut Checker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        while items.next_element_seed(&mut *self)?.is_some() {}
        self.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        let (before, limit) = (self.members, self.limits.members);
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<Unescaped<'de>>()? {
            self.members += 1;
            if self.members > limit {
                return Err(self.refuse(InvalidJsonReason::TooManyMembers { limit }));
            }
            if !names.insert(name) {
                return Err(self.refuse(InvalidJsonReason::RepeatedMember));
            }
            members.next_value_seed(&mut *self)?;
        }
        self.members = before;
        self.depth -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

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
    fn errors_name_the_place_without_the_content() {
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
    fn the_deepest_limit_is_that_of_the_parser() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(reason(&nested(MAX_DEPTH), &ANY), None);
        assert!(serde_json::from_str::<Value>(&nested(MAX_DEPTH)).is_ok());
        let too_deep = Some(InvalidJsonReason::TooDeep { limit: MAX_DEPTH });
        assert_eq!(reason(&nested(MAX_DEPTH + 1), &Limits { depth: 1000, ..ANY }), too_deep);
        assert_eq!(reason(&nested(100_000), &ANY), too_deep);
    }

    /// Returns the limits that a value just meets.
    fn measure(value: &Value) -> Limits {
        let items = |items: &mut dyn Iterator<Item = Limits>| {
            items.fold(Limits { depth: 1, values: 1, members: 0 }, |sum, item| Limits {
                depth: sum.depth.max(item.depth + 1),
                values: sum.values + item.values,
                members: sum.members.max(item.members),
            })
        };
        match value {
            Value::Array(list) => items(&mut list.iter().map(measure)),
            Value::Object(map) => items(&mut map.values().enumerate().map(|(index, value)| {
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
            around in 0..5usize,
            value in any_json(),
        ) {
            let spelled: String = name.chars().zip(escaped).map(|(c, escaped)| {
                if escaped || matches!(c, '"' | '\\') { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }
            }).collect();
            let object = format!("{{{}:{value},\"{spelled}\":0}}", json!(name));
            let text = format!("{}{object}{}", r#"[0,{"":"#.repeat(around), "}]".repeat(around));
            prop_assert_eq!(reason(&text, &ANY), Some(InvalidJsonReason::RepeatedMember));
        }

        #[test]
        fn syntax_errors_are_those_of_the_parser(text in r#"[\[\]{}:,"\\u0-9eE.+\- ntrfalsd]{0,24}"#) {
            let is_syntax_error = reason(&text, &ANY) == Some(InvalidJsonReason::Syntax);
            prop_assert_eq!(is_syntax_error, serde_json::from_str::<Value>(&text).is_err());
        }
    }
}
