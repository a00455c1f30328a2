//! JSON objects of callers and providers, borrowed from the body. A value is parsed only when it is read, because a
//! tree of the body would take up to 15 times its size.

use std::borrow::Cow;

use serde::Deserializer;
use serde_json::value::RawValue;

use super::{
    InvalidRequest,
    json_writer::JsonWriter,
    raw_json::{List, MemberList, MemberVisitor, Text, is_null, read},
};
use crate::domain::{
    json::{self, Limits},
    model_ref::ModelName,
};

/// Maximum length in bytes of all JSON of a request that becomes strings. It is longer than any model's context.
pub(super) const MAX_JSON_AS_TEXT: usize = 4 * 1024 * 1024;

/// A JSON object from which members are taken out as they are translated. A `null` member counts as absent, because
/// clients send optional parameters as `null`. `take_*` takes out an optional member, `need_*` a required one.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    /// The path in the body, for errors: empty for the body itself, else e.g. `messages[2]`.
    path: String,
    list: MemberList<'a>,
}

/// Checks a body and returns its `model`.
pub fn model_of(body: &[u8]) -> Result<ModelName, InvalidRequest> {
    json::check(body, &Limits::MODEL_BODY)?;
    Members::of_body(body)?.take_model()
}

impl<'a> Members<'a> {
    /// Parses a body that [`model_of`] has checked.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        Self::read(str::from_utf8(body).unwrap_or_default(), String::new())
    }

    /// Parses a provider's event or an object in it; None if it is not an object.
    pub(super) fn of_event(json: &'a str) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let list = deserializer.deserialize_map(MemberVisitor).ok()?;
        deserializer.end().ok().map(|()| Self { path: String::new(), list })
    }

    /// Parses a value of a checked body, which must be an object.
    pub(super) fn of(value: &'a RawValue, path: String) -> Result<Self, InvalidRequest> {
        Self::read(value.get(), path)
    }

    fn read(json: &'a str, path: String) -> Result<Self, InvalidRequest> {
        match serde_json::Deserializer::from_str(json).deserialize_map(MemberVisitor) {
            Ok(list) => Ok(Self { path, list }),
            Err(_not_an_object) => Err(InvalidRequest::invalid_type(&path, "an object")),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the full path of a member, for errors.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Returns a member without taking it out.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.list.iter().find(|(known, value)| known == name && !is_null(value)).map(|(_, value)| *value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns a string member with its escapes resolved, without taking it out.
    pub(super) fn word(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(Text::of).map(|text| text.unescaped())
    }

    /// Returns a member that is an array, without taking it out.
    pub(super) fn list(&self, name: &str) -> Option<List<'a>> {
        self.get(name).and_then(|value| List::of(value, self.path_of(name)))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let index = self.list.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.list.remove(index);
        (!is_null(value)).then_some(value)
    }

    /// Takes out a member and parses it with `read`. `expected` describes its type in the error.
    fn take_as<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a RawValue) -> Option<T>,
    ) -> Result<Option<T>, InvalidRequest> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| InvalidRequest::invalid_type(&self.path_of(name), expected))
    }

    fn require<T>(&self, name: &str, taken: Option<T>) -> Result<T, InvalidRequest> {
        taken.ok_or_else(|| InvalidRequest::missing(&self.path_of(name)))
    }

    pub(super) fn take_text(&mut self, name: &str) -> Result<Option<Text<'a>>, InvalidRequest> {
        self.take_as(name, "a string", Text::of)
    }

    /// Takes out a member that the backend needs as a string. Other JSON becomes a string that contains it. Its length
    /// is subtracted from `left`, which begins with [`MAX_JSON_AS_TEXT`]: escapes can double the length, and the memory
    /// budget does not cover this.
    pub(super) fn take_as_text(&mut self, name: &str, left: &mut usize) -> Result<Option<Text<'a>>, InvalidRequest> {
        let Some(value) = self.take(name) else { return Ok(None) };
        if let Some(text) = Text::of(value) {
            return Ok(Some(text));
        }
        let too_long = || InvalidRequest::too_long_json(&self.path_of(name));
        *left = left.checked_sub(value.get().len()).ok_or_else(too_long)?;
        Ok(Some(Text::from_plain(value.get())))
    }

    /// Copies a member that is a string, if it is present.
    pub(super) fn copy_text(&mut self, name: &str, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
        if let Some(text) = self.take_text(name)? {
            out.text(name, &text);
        }
        Ok(())
    }

    pub(super) fn need_text(&mut self, name: &str) -> Result<Text<'a>, InvalidRequest> {
        let text = self.take_text(name)?;
        self.require(name, text)
    }

    /// Takes out a required string with its escapes resolved.
    pub(super) fn need_word(&mut self, name: &str) -> Result<Cow<'a, str>, InvalidRequest> {
        self.need_text(name).map(|text| text.unescaped())
    }

    /// Takes out a flag, which is false by default.
    pub(super) fn take_flag(&mut self, name: &str) -> Result<bool, InvalidRequest> {
        self.take_as(name, "a boolean", read).map(Option::unwrap_or_default)
    }

    pub(super) fn take_list(&mut self, name: &str) -> Result<Option<List<'a>>, InvalidRequest> {
        let path = self.path_of(name);
        self.take_as(name, "an array", |value| List::of(value, path))
    }

    pub(super) fn need_list(&mut self, name: &str) -> Result<List<'a>, InvalidRequest> {
        let list = self.take_list(name)?;
        self.require(name, list)
    }

    pub(super) fn take_text_or_list(&mut self, name: &str) -> Result<Option<TextOrList<'a>>, InvalidRequest> {
        let path = self.path_of(name);
        self.take_as(name, "a string or an array", |value| match Text::of(value) {
            Some(text) => Some(TextOrList::Text(text)),
            None => List::of(value, path).map(TextOrList::List),
        })
    }

    pub(super) fn need_text_or_list(&mut self, name: &str) -> Result<TextOrList<'a>, InvalidRequest> {
        let either = self.take_text_or_list(name)?;
        self.require(name, either)
    }

    pub(super) fn take_object(&mut self, name: &str) -> Result<Option<Self>, InvalidRequest> {
        let path = self.path_of(name);
        self.take(name).map(|value| Self::of(value, path)).transpose()
    }

    pub(super) fn need_object(&mut self, name: &str) -> Result<Self, InvalidRequest> {
        let object = self.take_object(name)?;
        self.require(name, object)
    }

    /// Takes out `model`, which is required.
    pub(super) fn take_model(&mut self) -> Result<ModelName, InvalidRequest> {
        ModelName::parse(&self.need_word("model")?).map_err(|error| self.unsupported("model", &format!("{error}.")))
    }

    /// Writes the remaining members into an open object.
    pub(super) fn write(&self, out: &mut JsonWriter) {
        self.list.iter().for_each(|(name, value)| out.raw(name, value));
    }

    /// Removes the members with these names and those that are `null`. Returns whether any were removed.
    pub(super) fn leave_out(&mut self, names: &[&str]) -> bool {
        let before = self.list.len();
        self.list.retain(|(name, value)| !is_null(value) && !names.contains(&&**name));
        self.list.len() < before
    }

    /// Moves members unchanged into an open object.
    pub(super) fn pass_all(&mut self, names: &[&str], out: &mut JsonWriter) {
        for name in names {
            if let Some(value) = self.take(name) {
                out.raw(name, value);
            }
        }
    }

    /// Returns an error if one of these parameters is present. Each pair is a name and the advice for its error.
    pub(super) fn refuse_all(&self, names: &[(&str, &str)]) -> Result<(), InvalidRequest> {
        match names.iter().find(|(name, _)| self.has(name)) {
            Some((name, advice)) => Err(InvalidRequest::refused(name, advice)),
            None => Ok(()),
        }
    }

    /// Returns the error of a member with an unsupported value.
    pub(super) fn unsupported(&self, name: &str, advice: &str) -> InvalidRequest {
        InvalidRequest::unsupported_value(&self.path_of(name), advice)
    }

    /// Returns all members, including those that are `null`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.list.iter().map(|(name, value)| (&**name, *value))
    }

    /// Returns the names of the remaining members that are not `null`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter(|(_, value)| !is_null(value)).map(|(name, _)| &**name)
    }
}

impl<'a> List<'a> {
    /// Passes each item, which must be an object, to `visit`.
    pub(super) fn each(
        self,
        mut visit: impl FnMut(Members<'a>) -> Result<(), InvalidRequest>,
    ) -> Result<(), InvalidRequest> {
        self.each_raw(|item, path| visit(Members::of(item, path)?))
    }

    /// Whether every item is an object with a `type`, as content parts are.
    pub(super) fn are_parts(&self) -> bool {
        let mut are_typed = true;
        let read = self.clone().each(|item| {
            are_typed &= item.word("type").is_some();
            Ok(())
        });
        read.is_ok() && are_typed
    }
}

/// A string, or an array of parts: `input`, `content`.
#[derive(Debug)]
pub(super) enum TextOrList<'a> {
    Text(Text<'a>),
    List(List<'a>),
}

impl<'a> TextOrList<'a> {
    /// Returns the text, or the texts of the parts joined with line breaks. `text_of` returns the text of a part.
    pub(super) fn joined_lines(
        self,
        text_of: impl Fn(&mut Members<'a>) -> Result<Text<'a>, InvalidRequest>,
    ) -> Result<Text<'a>, InvalidRequest> {
        let parts = match self {
            Self::Text(text) => return Ok(text),
            Self::List(parts) => parts,
        };
        let mut joined: Option<Text<'a>> = None;
        parts.each(|mut part| {
            let text = text_of(&mut part)?;
            match &mut joined {
                Some(joined) => joined.append(1, &text),
                None => joined = Some(text),
            }
            Ok(())
        })?;
        Ok(joined.unwrap_or(Text::EMPTY))
    }
}
