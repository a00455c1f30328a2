//! The redirect back to the client (RFC 6749 sections 4.1.2 and 4.1.2.1), with the fault of the setting `callback`.

use url::form_urlencoded::Serializer;

use crate::{
    http::Reply,
    provider::{AuthorizationRequest, Provider, random_text},
    settings::{Account, CallbackFault},
};

/// The issuer that a callback names in a mix-up attack (RFC 9207).
const FOREIGN_ISSUER: &str = "https://issuer.example";

/// Issues a code and redirects with it.
pub(super) fn approved(provider: &Provider, request: &AuthorizationRequest, account: Account) -> Reply {
    redirect(&approved_url(provider, request, account))
}

/// Issues a code and returns the redirect URL.
pub(super) fn approved_url(provider: &Provider, request: &AuthorizationRequest, account: Account) -> String {
    let mut guard = provider.state();
    let state = &mut *guard;
    let code = state.issued.code();
    let (now, lifetime) = (state.now(), state.settings.code_lifetime);
    state.codes.issue(code.clone(), request, account, now, lifetime);
    let mut pairs = vec![
        ("code", code),
        // The form encoding writes the spaces between scopes as `+`, as the real callback does.
        ("scope", request.scopes.join(" ")),
        ("state", request.state.clone()),
    ];
    match state.settings.callback {
        CallbackFault::MissingCode => pairs.retain(|(name, _)| *name != "code"),
        CallbackFault::RepeatedCode => pairs.push(("code", format!("ac_{}.{}", random_text(), random_text()))),
        CallbackFault::None
        | CallbackFault::WrongState
        | CallbackFault::ExtraParams
        | CallbackFault::IssuerAdded
        | CallbackFault::WrongIssuer => {}
    }
    url(&provider.issuer, &request.redirect_uri, pairs, state.settings.callback)
}

/// Redirects with an error. An empty description is left out.
pub(super) fn error(provider: &Provider, redirect_uri: &str, state: &str, error: &str, description: &str) -> Reply {
    let mut pairs = vec![("error", error.to_owned())];
    if !description.is_empty() {
        pairs.push(("error_description", description.to_owned()));
    }
    if !state.is_empty() {
        pairs.push(("state", state.to_owned()));
    }
    let fault = provider.state().settings.callback;
    redirect(&url(&provider.issuer, redirect_uri, pairs, fault))
}

fn url(issuer: &str, redirect_uri: &str, mut pairs: Vec<(&'static str, String)>, fault: CallbackFault) -> String {
    match fault {
        CallbackFault::WrongState => {
            pairs.retain(|(name, _)| *name != "state");
            pairs.push(("state", random_text()));
        }
        CallbackFault::ExtraParams => {
            pairs.extend([
                ("session_state", random_text()),
                ("ui_locales", "de".to_owned()),
                ("authuser", "0".to_owned()),
            ]);
        }
        CallbackFault::IssuerAdded => pairs.push(("iss", issuer.to_owned())),
        CallbackFault::WrongIssuer => pairs.push(("iss", FOREIGN_ISSUER.to_owned())),
        CallbackFault::None | CallbackFault::MissingCode | CallbackFault::RepeatedCode => {}
    }
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{redirect_uri}?{query}")
}

fn redirect(url: &str) -> Reply {
    // 303 turns the POST of the approval page into a GET at the client (RFC 9700 section 4.12).
    Reply::new(303, "").header("location", url).header("cache-control", "no-store")
}
