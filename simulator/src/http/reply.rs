//! Responses as plain data. A fault can change the delivery of a response without affecting its content.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    ConnectionCut,
    delivery::{Delivery, Guard},
};

/// A response.
pub(crate) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    delivery: Option<Delivery>,
    guard: Option<Guard>,
}

impl Reply {
    /// Creates a response. A status outside 100 to 999 becomes 500.
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: Vec::new(), body: body.into(), delivery: None, guard: None }
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, body).header("content-type", "application/json"),
            Err(_) => Self::new(500, "the response cannot be serialized"),
        }
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::new(status, page).header("content-type", "text/html; charset=utf-8")
    }

    /// Adds a header. An invalid header is omitted.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            self.headers.push((name, value));
        }
        self
    }

    /// Adds several headers.
    pub(crate) fn headers<'a>(self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        headers.into_iter().fold(self, |reply, (name, value)| reply.header(name, value))
    }

    /// Replaces status and body, and keeps the cookies.
    pub(crate) fn with_status_and_body(self, status: u16, body: String) -> Self {
        let cookies = self.headers.into_iter().filter(|(name, _)| name == SET_COOKIE).collect();
        Self { headers: cookies, ..Self::new(status, body) }
    }

    /// Replaces the media type.
    pub(crate) fn with_media_type(mut self, media_type: &str) -> Self {
        self.headers.retain(|(name, _)| name != CONTENT_TYPE);
        self.header("content-type", media_type)
    }

    /// Replaces members of a JSON object; null removes one. Other bodies stay unchanged.
    pub(crate) fn with_members(mut self, members: Map<String, Value>) -> Self {
        if let Ok(mut object) = serde_json::from_slice::<Map<String, Value>>(&self.body) {
            for (name, value) in members {
                if value.is_null() {
                    object.remove(&name);
                } else {
                    object.insert(name, value);
                }
            }
            self.body = Value::Object(object).to_string().into();
        }
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Returns whether the body already has its own delivery.
    pub(crate) fn has_delivery(&self) -> bool {
        self.delivery.is_some()
    }

    /// Sets the delivery and keeps `guard` alive until the last byte is sent or the client disconnects.
    pub(crate) fn with_delivery(mut self, delivery: Delivery, guard: impl Send + Sync + 'static) -> Self {
        self.delivery = Some(delivery);
        self.guard = Some(Box::new(guard));
        self
    }

    pub(crate) fn into_response(self) -> Response<BoxBody<Bytes, ConnectionCut>> {
        let mut headers = self.headers;
        let body = match self.delivery {
            None => Full::new(self.body).map_err(|never| match never {}).boxed(),
            Some(delivery) => {
                if let Some(least) = delivery.announced {
                    headers.push((CONTENT_LENGTH, HeaderValue::from(self.body.len().max(least))));
                }
                delivery.begin(self.body, self.guard)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}
