//! Checks the JSON of a caller or provider before it is parsed into values.
//!
//! A tree of small values takes more than ten times the memory of their JSON. And parsers disagree on which of two
//! members with the same name counts, so two programs can read one body as different requests (RFC 8259 section 4).
//! [`check`] reads a body once without building a tree, and refuses oversized bodies and repeated members.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

/// Removes the byte order mark that some servers send before JSON, although RFC 8259 section 8.1 forbids it.
pub fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The deepest nesting that serde_json parses. Higher limits have no effect.
pub const MAX_DEPTH: usize = 127;

/// The limits of a JSON body, besides its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The nesting depth of arrays and objects.
    pub depth: usize,
    /// The number of all values, including objects and arrays.
    pub values: usize,
    /// The members of an object and the objects around it. Their names are held in memory to find repetitions.
    pub members: usize,
}

impl Limits {
    /// For requests to models and for a provider's JSON: long conversations have tens of thousands of values.
    pub const MODEL_BODY: Self = Self { depth: MAX_DEPTH, values: 250_000, members: 50_000 };
    /// For requests to the control API, which are flat objects of a few members.
    pub const CONTROL_BODY: Self = Self { depth: 16, values: 1_000, members: 100 };
}

/// Why JSON is refused. The text has the position and never quotes the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (line {line}, column {column})")]
pub struct InvalidJson {
    pub reason: InvalidJsonReason,
    pub line: usize,
    pub column: usize,
}

/// The texts complete a sentence that begins with "the body".
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

impl InvalidJsonReason {
    /// Whether the JSON is valid but exceeds a limit.
    pub fn is_too_large(self) -> bool {
        match self {
            Self::TooDeep { .. } | Self::TooManyValues { .. } | Self::TooManyMembers { .. } => true,
            Self::Syntax | Self::RepeatedMember => false,
        }
    }
}

/// Parses a provider's JSON. Checks a long one first, so that a hostile response cannot become a huge tree.
///
/// # Errors
///
/// The JSON is invalid, does not fit the type, or is long and refused by [`check`].
pub fn parse_tree<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    check_size(bytes).map_err(|error| serde_json::Error::custom(error.reason))?;
    serde_json::from_slice(bytes)
}

/// Checks a provider's JSON if it is long, before it is read member by member.
///
/// # Errors
///
/// The JSON is long and [`check`] refuses it.
pub fn check_size(bytes: &[u8]) -> Result<(), InvalidJson> {
    // A value takes at least two bytes, so short texts need no check.
    if bytes.len() / 2 > Limits::MODEL_BODY.values { check(bytes, &Limits::MODEL_BODY) } else { Ok(()) }
}

/// Checks a whole body.
///
/// # Errors
///
/// The first position where the body is invalid, repeats a member of an object, or exceeds a limit.
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

/// Classifies an error of serde_json, which reports too deep nesting only in its text.
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
    /// Why the checker stopped the parser. Serde's own error has only a text.
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
