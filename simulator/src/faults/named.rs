//! The ready-made faults by name, for scripts in other languages.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::Fault;

/// The seconds until a limit resets; any value would do.
const RESETS_IN_SECONDS: u64 = 3600;

type Named = (&'static str, fn() -> Fault);

const NAMED: [Named; 27] = [
    ("bad_request", || Fault::bad_request("The request was refused, as ordered.")),
    ("unauthorized", || Fault::unauthorized(None)),
    ("token_expired", || Fault::unauthorized(Some("token_expired"))),
    ("token_invalidated", || Fault::unauthorized(Some("token_invalidated"))),
    ("token_revoked", || Fault::unauthorized(Some("token_revoked"))),
    ("payment_required", Fault::payment_required),
    ("empty_payment_required", Fault::empty_payment_required),
    ("deactivated_workspace", Fault::deactivated_workspace),
    ("account_deactivated", Fault::account_deactivated),
    ("missing_scope", Fault::missing_scope),
    ("workspace_access_denied", || Fault::forbidden("codex_workspace_access_denied")),
    ("entitlement_missing", || Fault::forbidden("codex_entitlement_missing")),
    ("invalid_workspace_selected", Fault::invalid_workspace),
    ("unsupported_country", Fault::unsupported_country),
    ("cloudflare_challenge", Fault::cloudflare_challenge),
    ("cloudflare_blocked", Fault::cloudflare_blocked),
    ("usage_limit_not_found", || Fault::usage_limit_not_found(RESETS_IN_SECONDS)),
    ("usage_limit_reached", || Fault::usage_limit_reached(RESETS_IN_SECONDS)),
    ("usage_not_included", Fault::usage_not_included),
    ("too_many_requests", || Fault::too_many_requests(None)),
    ("internal_server_error", Fault::internal_server_error),
    ("internal_server_error_page", Fault::internal_server_error_page),
    ("bad_gateway", Fault::bad_gateway),
    ("gateway_timeout", Fault::gateway_timeout),
    ("server_is_overloaded", || Fault::service_unavailable(None)),
    ("slow_down", Fault::slow_down),
    ("hostile_headers", Fault::hostile_headers),
];

impl Fault {
    /// Returns the ready-made fault of this name, if it exists.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, fault)| fault())
    }
}

/// Deserializes a fault, or the name of one.
pub(super) fn named_or_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    let fault = Value::deserialize(deserializer)?;
    match fault.as_str() {
        Some(name) => Fault::named(name).ok_or_else(|| D::Error::custom(format!("there is no fault named `{name}`"))),
        None => Fault::deserialize(fault).map_err(D::Error::custom),
    }
}
