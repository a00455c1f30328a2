//! Shared by all groups of operations: access to the services, and the tags.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::Tags;

/// A service of the application, as a handler receives it.
pub(super) type Service<'a, T> = Data<&'a Arc<T>>;

/// The groups of operations in the document.
#[derive(Tags)]
pub(super) enum Tag {
    /// Sign in and out.
    Auth,
    /// List and change accounts.
    Providers,
    /// Ask a model. Errors have OpenAI's form here.
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
