//! The tags that group operations in the OpenAPI document.

use poem_openapi::Tags;

#[derive(Tags)]
pub(super) enum Tag {
    /// Log in and out.
    Auth,
    /// List and change accounts.
    Providers,
    /// Send requests to models. Errors have OpenAI's form here.
    Models,
    /// Forward requests to a provider's own API. The gateway's errors have OpenAI's form here.
    Proxy,
    /// Tokens for programs.
    Tokens,
    /// Sessions of the gateway's page.
    Session,
    /// The gateway itself.
    Meta,
}
