//! JSON strings, arrays and objects as a checked body spells them, parsed one level at a time.

use std::{borrow::Cow, fmt};

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::InvalidRequest;
use crate::domain::json::Unescaped;

/// A string as JSON, with quotes and escapes.
#[derive(Debug, Clone)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) const EMPTY: Self = Self(Cow::Borrowed(r#""""#));

    pub(super) fn of(value: &'a RawValue) -> Option<Self> {
        value.get().starts_with('"').then_some(Self(Cow::Borrowed(value.get())))
    }

    pub(super) fn from_plain(word: &str) -> Self {
        Self(Cow::Owned(Value::from(word).to_string()))
    }

    pub(super) fn as_json(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == Self::EMPTY.0
    }

    /// Appends `line_feeds` line feeds and `other`.
    pub(super) fn append(&mut self, line_feeds: usize, other: &Text<'_>) {
        let joined = self.0.to_mut();
        joined.pop();
        joined.push_str(&r"\n".repeat(line_feeds));
        joined.push_str(other.0.strip_prefix('"').unwrap_or_default());
    }

    pub(super) fn unescaped(self) -> Cow<'a, str> {
        match self.0 {
            Cow::Borrowed(json) => unescaped(json).unwrap_or_default(),
            Cow::Owned(json) => Cow::Owned(serde_json::from_str(&json).unwrap_or_default()),
        }
    }
}

/// Resolves the escapes of a string; None if it has a lone surrogate.
pub(super) fn unescaped(json: &str) -> Option<Cow<'_, str>> {
    // Most strings have no escapes and need no parser.
    match memchr(b'\\', json.as_bytes()) {
        None => json.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed),
        Some(_) => serde_json::from_str(json).map(Cow::Owned).ok(),
    }
}

/// An array whose items are parsed one after another.
#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    path: String,
    json: &'a str,
}

impl<'a> List<'a> {
    /// Whether the JSON contains this text.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.json.contains(text)
    }

    pub(super) fn of(value: &'a RawValue, path: String) -> Option<Self> {
        value.get().starts_with('[').then_some(Self { path, json: value.get() })
    }

    /// Returns a stored array of items, which errors call `input`.
    pub(super) fn of_json(json: &'a str) -> Self {
        Self { path: "input".to_owned(), json }
    }

    pub(super) fn is_empty(&self) -> bool {
        serde_json::from_str::<[IgnoredAny; 0]>(self.json).is_ok()
    }

    /// Returns the items with their escapes resolved. They must be strings.
    pub(super) fn texts(self) -> Result<Vec<String>, InvalidRequest> {
        let mut texts = Vec::new();
        self.each_raw(|item, path| {
            let text = Text::of(item).ok_or_else(|| InvalidRequest::invalid_type(&path, "a string"))?;
            texts.push(text.unescaped().into_owned());
            Ok(())
        })?;
        Ok(texts)
    }

    /// Passes each item with its path to `visit`.
    pub(super) fn each_raw(
        self,
        visit: impl FnMut(&'a RawValue, String) -> Result<(), InvalidRequest>,
    ) -> Result<(), InvalidRequest> {
        let mut items = Items { path: self.path, visit, refused: None };
        // The body is valid JSON, so only `visit` can fail.
        let _ended = serde_json::Deserializer::from_str(self.json).deserialize_seq(&mut items);
        items.refused.map_or(Ok(()), Err)
    }
}

/// Parses a value; None if it has another type.
pub(super) fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

pub(super) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The names and values of an object, in order.
pub(super) type MemberList<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

pub(super) struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = MemberList<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        // Most objects have at most eight members.
        let mut list = Vec::with_capacity(8);
        while let Some((Unescaped(name), value)) = members.next_entry()? {
            list.push((name, value));
        }
        Ok(list)
    }
}

struct Items<F> {
    path: String,
    visit: F,
    /// The error of `visit`, which Serde's own error cannot carry.
    refused: Option<InvalidRequest>,
}

impl<'de, F: FnMut(&'de RawValue, String) -> Result<(), InvalidRequest>> Visitor<'de> for &mut Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(item) = items.next_element()? {
            if let Err(error) = (self.visit)(item, format!("{}[{index}]", self.path)) {
                self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
            index += 1;
        }
        Ok(())
    }
}
