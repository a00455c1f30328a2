//! The refusal of an invalid model request, in the real backend's two forms: `detail`, or OpenAI's error object.

use serde_json::{Value, json};

use crate::{http::Reply, provider::Entry, refusals};

#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    body: Value,
}

impl Refusal {
    /// Returns an error in the form of OpenAI's API, on which the backend is built.
    pub(super) fn of_api(status: u16, code: Option<&str>, param: &str, message: &str) -> Self {
        let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": code});
        Self { status, body: json!({"error": error}) }
    }

    /// Records the refusal and returns the response.
    pub(super) fn reply(self, entry: &Entry) -> Reply {
        entry.set_outcome("invalid_request");
        Reply::json(self.status, &self.body)
    }
}

impl<T: AsRef<str>> From<T> for Refusal {
    /// Returns a 400 of the backend itself, with the reason in `detail`.
    fn from(why: T) -> Self {
        Self { status: 400, body: refusals::detail(why.as_ref()) }
    }
}
