//! The members of a caller's JSON object, taken one after another, with the place they stand in: so an error names the
//! very member, and what nobody took is known to be left over.

use serde_json::{Map, Value};

use super::BadRequest;

/// An object whose members are taken out. A member that is `null` counts as absent: clients send optional parameters so.
#[derive(Debug, Clone)]
pub(super) struct Members {
    /// Empty for the body itself, else e.g. `messages[2]`.
    path: String,
    map: Map<String, Value>,
}

/// What may be one text or a list of parts: `input`, `content`.
#[derive(Debug)]
pub(super) enum TextOrList {
    Text(String),
    List(Vec<Value>),
}

impl Members {
    /// The body. Of members with one name the last counts.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, BadRequest> {
        let value = serde_json::from_slice(body).map_err(|error| BadRequest::invalid_json(&error))?;
        Self::of(value, String::new())
    }

    pub(super) fn of(value: Value, path: String) -> Result<Self, BadRequest> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(BadRequest::invalid_type(&path, "an object"))
            }
        }
    }

    /// The full name of a member, for errors.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// A member that is a string, left where it is.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.map.get(name)?.as_str()
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn take_text(&mut self, name: &str) -> Result<Option<String>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BadRequest::invalid_type(&self.path_of(name), "a string")),
        }
    }

    pub(super) fn need_text(&mut self, name: &str) -> Result<String, BadRequest> {
        self.take_text(name)?.ok_or_else(|| BadRequest::missing(&self.path_of(name)))
    }

    pub(super) fn take_bool(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(BadRequest::invalid_type(&self.path_of(name), "a boolean")),
        }
    }

    pub(super) fn take_array(&mut self, name: &str) -> Result<Option<Vec<Value>>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(BadRequest::invalid_type(&self.path_of(name), "an array")),
        }
    }

    pub(super) fn need_array(&mut self, name: &str) -> Result<Vec<Value>, BadRequest> {
        self.take_array(name)?.ok_or_else(|| BadRequest::missing(&self.path_of(name)))
    }

    pub(super) fn take_text_or_list(&mut self, name: &str) -> Result<Option<TextOrList>, BadRequest> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(TextOrList::Text(text))),
            Some(Value::Array(items)) => Ok(Some(TextOrList::List(items))),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                Err(BadRequest::invalid_type(&self.path_of(name), "a string or an array"))
            }
        }
    }

    pub(super) fn need_text_or_list(&mut self, name: &str) -> Result<TextOrList, BadRequest> {
        self.take_text_or_list(name)?.ok_or_else(|| BadRequest::missing(&self.path_of(name)))
    }

    pub(super) fn take_object(&mut self, name: &str) -> Result<Option<Self>, BadRequest> {
        let path = self.path_of(name);
        self.take(name).map(|value| Self::of(value, path)).transpose()
    }

    pub(super) fn need_object(&mut self, name: &str) -> Result<Self, BadRequest> {
        self.take_object(name)?.ok_or_else(|| BadRequest::missing(&self.path_of(name)))
    }

    /// Takes out `model`, which both dialects want.
    pub(super) fn take_model(&mut self) -> Result<String, BadRequest> {
        let model = self.need_text("model")?;
        if model.is_empty() {
            return Err(BadRequest::unsupported_value("model", "the name of a model is not empty."));
        }
        Ok(model)
    }

    /// What is left, with one more member.
    pub(super) fn into_object_with(mut self, name: &str, value: Value) -> Value {
        self.map.insert(name.to_owned(), value);
        Value::Object(self.map)
    }

    /// Takes out the parameters that are not sent on and gives back the names of those that were there.
    pub(super) fn drop_all(&mut self, names: &[&str]) -> Vec<String> {
        names.iter().filter(|name| self.take(name).is_some()).map(|name| (*name).to_owned()).collect()
    }

    /// Refuses the first of the parameters that is there; the second of each pair says why and what to do.
    pub(super) fn refuse_all(&mut self, names: &[(&str, &str)]) -> Result<(), BadRequest> {
        match names.iter().find(|(name, _)| self.has(name)) {
            Some((name, advice)) => Err(BadRequest::refused(name, advice)),
            None => Ok(()),
        }
    }

    /// The end: a member that nobody took is unknown.
    pub(super) fn finish(self) -> Result<(), BadRequest> {
        match self.map.iter().find(|(_, value)| !value.is_null()) {
            Some((name, _)) => Err(BadRequest::unknown(&self.path_of(name))),
            None => Ok(()),
        }
    }
}
