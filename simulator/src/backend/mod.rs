//! A minimal ChatGPT Codex backend for testing a proxy: authentication, one streaming endpoint, three JSON endpoints,
//! and a journal of the requests. Its paths are below [`BASE_PATH`], as at the real host.

mod authentication;
mod catalog;
mod compact;
mod events;
mod form;
mod input;
mod items;
mod limits;
mod memory;
mod question;
mod refusal;
mod request;
mod responses;
mod script;
mod unique_members;
mod usage;

use std::sync::Arc;

use hyper::{Method, Request, header::UPGRADE, http::request::Parts};

pub(crate) use memory::BackendMemory;

use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Origin, Reply, UnreadBody, read_body},
    interference,
    provider::{Entry, Provider},
    refusals,
    settings::Account,
    site::Site,
};

/// The path prefix that belongs to the base URL.
pub(crate) const BASE_PATH: &str = "/backend-api";

/// The maximum request body in bytes; a long conversation with pictures fits.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The backend as an origin.
pub(crate) struct BackendOrigin {
    pub(crate) provider: Arc<Provider>,
}

impl Origin for BackendOrigin {
    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.record_arrival(Site::Backend, &head);
        entry.record_response(self.answer_to(&entry, head, body)).await
    }
}

impl BackendOrigin {
    async fn answer_to(&self, entry: &Entry, head: Parts, body: UnreadBody) -> Result<Reply, ConnectionCut> {
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        entry.record_body(&body);
        let authenticated = authentication::authenticate(&self.provider, entry, &head.headers);
        let endpoint = endpoint(&head);
        // A separate statement: as an argument of `split_stream_fault`, which locks the state too, this would deadlock.
        let queued = self.provider.state().faults.next_for(endpoint);
        let (fault, stream_fault) = interference::split_stream_fault(queued, entry, endpoint == Endpoint::Responses);
        let decide = || match (authenticated, endpoint) {
            (Err(refusal), _) => refusal,
            (Ok(account), Endpoint::Responses) => {
                responses::responses(&self.provider, entry, &head, &body, &account, stream_fault)
            }
            (Ok(account), Endpoint::Compact) => compact::compact(&self.provider, entry, &head, &body, &account),
            (Ok(account), _) => self.answer_other(endpoint, &head, &account),
        };
        interference::apply(fault, entry, (), decide).await
    }

    /// Handles the list of models, the usage, and paths that the simulator does not serve.
    fn answer_other(&self, endpoint: Endpoint, head: &Parts, account: &Account) -> Reply {
        let (settings, now) = self.provider.state().settings_and_time();
        if endpoint == Endpoint::Models {
            catalog::models(&settings, head)
        } else if endpoint == Endpoint::Usage {
            Reply::json(
                200,
                &limits::Quota::of(account, &settings, &self.provider.state().backend.added_usage, now).usage(),
            )
        } else if head.method == Method::GET && head.headers.contains_key(UPGRADE) {
            // The real backend serves this over a WebSocket; after a 426 clients fall back to HTTP.
            Reply::json(426, &refusals::detail("Upgrade Required"))
        } else {
            Reply::json(404, &refusals::detail("Not Found"))
        }
    }
}

/// Returns the endpoint of a request, or the whole backend for an unknown path.
fn endpoint(head: &Parts) -> Endpoint {
    match (&head.method, head.uri.path().strip_prefix(BASE_PATH)) {
        (&Method::POST, Some("/codex/responses")) => Endpoint::Responses,
        (&Method::POST, Some("/codex/responses/compact")) => Endpoint::Compact,
        (&Method::GET, Some("/codex/models")) => Endpoint::Models,
        (&Method::GET, Some("/wham/usage")) => Endpoint::Usage,
        _ => Endpoint::Backend,
    }
}
