//! Faults on order: what goes wrong at an endpoint, for the next requests or for all of them. Only the orders live
//! here; `auth::interference` carries them out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::durations;

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint, any grant, also requests it cannot read.
    Token,
    /// The token endpoint, `authorization_code` only.
    CodeExchange,
    /// The token endpoint, `refresh_token` only.
    Refresh,
    /// The revocation endpoint.
    Revoke,
}

impl Endpoint {
    fn covers(self, actual: Self) -> bool {
        self == actual || (self == Self::Token && actual != Self::Revoke)
    }
}

/// What goes wrong. The first group strikes before the provider changes anything; the second group after it has
/// rotated, redeemed or revoked, which is what makes those dangerous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Nothing changed: this status and body instead of an answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body, as it is.
        #[serde(default)]
        body: String,
        /// The media type of the body.
        #[serde(default = "json")]
        content_type: String,
        /// The `Retry-After` header: seconds, a date or nonsense.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Nothing changed: a redirect, which a client must not follow with a token in hand.
    Redirect {
        /// 302, 307, ...
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// Nothing changed: accepted, never answered.
    Hang,
    /// Nothing changed: the connection is reset (TCP RST).
    ResetBefore,
    /// Nothing changed yet: wait, then answer as usual.
    Delay {
        /// How long.
        #[serde(with = "durations")]
        by: Duration,
    },
    /// Done, but the connection closes without an answer.
    LoseAnswer,
    /// Done, but never answered.
    HangAfterCommit,
    /// Done, but the connection closes in the middle of the answer.
    HalfJson,
    /// Done, but the answer is one JSON string of a GiB (chunked, so its size is not announced).
    HugeBody,
    /// Done and answered in full, one byte at a time.
    SlowDrip {
        /// The pause before each byte.
        #[serde(with = "durations")]
        every: Duration,
    },
}

fn json() -> String {
    "application/json".to_owned()
}

impl Fault {
    /// 429 with an optional `Retry-After`.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<&str>) -> Self {
        Self::status(429, "rate_limit_exceeded", "Rate limit reached. Please try again later.", retry_after)
    }

    /// 500 with a JSON error.
    #[must_use]
    pub fn internal_server_error() -> Self {
        Self::status(500, "server_error", "The server had an error while processing your request.", None)
    }

    /// 502 with a proxy's HTML page.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self::Status {
            status: 502,
            body: "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>".to_owned(),
            content_type: "text/html".to_owned(),
            retry_after: None,
        }
    }

    /// 503 with an optional `Retry-After`.
    #[must_use]
    pub fn service_unavailable(retry_after: Option<&str>) -> Self {
        Self::status(503, "server_is_overloaded", "The server is overloaded.", retry_after)
    }

    /// 403 `unsupported_country_region_territory`, as the real provider words it.
    #[must_use]
    pub fn unsupported_country() -> Self {
        let body = serde_json::json!({"error": {
            "code": "unsupported_country_region_territory",
            "message": "Country, region, or territory not supported",
            "param": null,
            "type": "request_forbidden",
        }});
        Self::Status { status: 403, body: body.to_string(), content_type: json(), retry_after: None }
    }

    fn status(status: u16, code: &str, message: &str, retry_after: Option<&str>) -> Self {
        let body =
            serde_json::json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}});
        Self::Status {
            status,
            body: body.to_string(),
            content_type: json(),
            retry_after: retry_after.map(ToOwned::to_owned),
        }
    }

    /// The name in the journal.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::Hang => "hang",
            Self::ResetBefore => "reset_before",
            Self::Delay { .. } => "delay",
            Self::LoseAnswer => "lose_answer",
            Self::HangAfterCommit => "hang_after_commit",
            Self::HalfJson => "half_json",
            Self::HugeBody => "huge_body",
            Self::SlowDrip { .. } => "slow_drip",
        }
    }
}

/// How often an ordered fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// The next so many requests.
    Next(u32),
    /// Every request until the orders are cleared.
    Standing,
}

/// A fault, where it strikes and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    pub fault: Fault,
    /// How often; once unless said otherwise.
    #[serde(default = "once")]
    pub times: Times,
}

fn once() -> Times {
    Times::Next(1)
}

impl FaultOrder {
    /// Strikes the next request.
    #[must_use]
    pub fn once(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: once() }
    }

    /// Strikes the next `count` requests.
    #[must_use]
    pub fn next(count: u32, endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Next(count) }
    }

    /// Strikes every request until the orders are cleared.
    #[must_use]
    pub fn standing(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Standing }
    }
}

/// The orders, oldest first. The oldest that covers an endpoint strikes.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue(Vec<FaultOrder>);

impl FaultQueue {
    pub(crate) fn push(&mut self, order: FaultOrder) {
        self.0.push(order);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn waiting(&self) -> Vec<FaultOrder> {
        self.0.clone()
    }

    /// Takes the fault for a request to this endpoint, if one is on order.
    pub(crate) fn strike(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.retain(|order| order.times != Times::Next(0));
        let order = self.0.iter_mut().find(|order| order.endpoint.covers(endpoint))?;
        if let Times::Next(left) = &mut order.times {
            *left -= 1;
        }
        Some(order.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Fault, FaultOrder, FaultQueue};

    #[test]
    fn orders_strike_in_turn_and_only_where_they_belong() {
        let mut queue = FaultQueue::default();
        queue.push(FaultOrder::next(2, Endpoint::Refresh, Fault::Hang));
        queue.push(FaultOrder::standing(Endpoint::Token, Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Revoke), None);
        assert_eq!(queue.strike(Endpoint::CodeExchange), Some(Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::LoseAnswer));
    }
}
