//! The control API: the methods of `Simulator` as JSON over HTTP, for tests in other languages and for manual use. It
//! has its own port, separate from the provider, and its requests are not in the journal.

mod commands;

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, Request};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    faults::FaultOrder,
    http::{ConnectionCut, Origin, Reply, UnreadBody, read_body},
    outages::Outages,
    provider::{Provider, SigningKey},
    scripts::ScriptOrder,
    settings::Approval,
};

/// The maximum request body, in bytes; settings are far smaller.
const BODY_LIMIT: usize = 1024 * 1024;

/// The control API as an origin.
pub(crate) struct ControlOrigin {
    pub(crate) provider: Arc<Provider>,
    pub(crate) outages: Arc<Outages>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Introspection {
    token: String,
}

impl Origin for ControlOrigin {
    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        let reply = match (&head.method, head.uri.path()) {
            (&Method::POST, "/rotate-keys") => rotate_keys(&self.provider).await,
            (&Method::POST, "/reset") => {
                self.provider.reset();
                self.outages.end_and_wait().await;
                Some(done())
            }
            (&Method::POST, "/outages") => Some(commands::outage(&self.outages, &body).await),
            (&Method::POST, "/stops/await") => Some(commands::await_step(&self.provider.steps, &body).await),
            (&Method::GET, path) => self.get(path),
            (&Method::POST, path) => self.post(path, &body),
            _ => None,
        };
        Ok(reply.unwrap_or_else(|| Reply::json(404, &json!({"error": "unknown route"}))))
    }
}

impl ControlOrigin {
    fn get(&self, path: &str) -> Option<Reply> {
        let state = self.provider.state();
        Some(match path {
            "/healthz" => Reply::json(200, &json!({"status": "ok"})),
            "/journal" => Reply::json(200, &state.journal.entries()),
            "/ledger" => Reply::json(200, &state.families.ledger()),
            "/issued" => Reply::json(200, &state.issued.all()),
            "/settings" => Reply::json(200, &state.settings),
            "/faults" => Reply::json(200, &state.faults.waiting()),
            "/scripts" => Reply::json(200, &state.scripts.waiting()),
            "/presentations" => Reply::json(200, &state.presentations.all()),
            "/presentations/totals" => {
                drop(state);
                Reply::json(200, &self.provider.presentation_totals())
            }
            "/cancellations" => Reply::json(200, &state.journal.cancellations()),
            "/streams" => Reply::json(200, &state.streams),
            "/browsers" => Reply::json(200, &state.browsers.ledger()),
            "/stops" => Reply::json(200, &self.provider.steps.stopped()),
            "/outages" => Reply::json(200, &self.outages.all()),
            _ => return None,
        })
    }

    fn post(&self, path: &str, body: &Bytes) -> Option<Reply> {
        Some(match path {
            "/approval" => with_body(body, |approval: Approval| {
                self.provider.state().settings.approval = approval;
                done()
            }),
            "/faults" => with_body(body, |order: FaultOrder| {
                self.provider.state().faults.push(order);
                done()
            }),
            "/faults/clear" => {
                self.provider.state().faults.clear();
                done()
            }
            "/scripts" => with_body(body, |order: ScriptOrder| {
                self.provider.state().scripts.push(order);
                done()
            }),
            "/scripts/clear" => {
                self.provider.state().scripts.clear();
                done()
            }
            "/settings" => with_body(body, |members: Map<String, Value>| {
                let mut state = self.provider.state();
                match state.settings.merged(members) {
                    Ok(settings) => {
                        state.settings = settings;
                        Reply::json(200, &state.settings)
                    }
                    Err(error) => error_reply(&error),
                }
            }),
            "/introspect" => with_body(body, |Introspection { token }| {
                let state = self.provider.state();
                Reply::json(200, &json!({"status": state.families.status(&token, state.now())}))
            }),
            "/approve" => with_body(body, |request| commands::approve(&self.provider, &request)),
            "/browsers" => with_body(body, |request| commands::sign_in_browser(&self.provider, &request)),
            "/browsers/rotation" => with_body(body, |request| commands::set_rotation(&self.provider, &request)),
            "/browsers/revoke" => with_body(body, |request| commands::revoke_browser(&self.provider, &request)),
            "/stops" => with_body(body, |order| {
                self.provider.steps.queue(order);
                done()
            }),
            "/stops/release" => with_body(body, |request| commands::release(&self.provider.steps, &request)),
            "/stops/clear" => {
                self.provider.steps.clear();
                done()
            }
            "/revoke-all" => {
                self.provider.state().families.revoke_all();
                done()
            }
            _ => return None,
        })
    }
}

async fn rotate_keys(provider: &Provider) -> Option<Reply> {
    let generated = tokio::task::spawn_blocking(SigningKey::generate).await;
    Some(match generated {
        Ok(Ok(key)) => {
            let kid = key.kid().to_owned();
            provider.state().keys.rotate(key);
            Reply::json(200, &json!({"kid": kid}))
        }
        Ok(Err(error)) => error_reply(&error),
        Err(error) => error_reply(&error),
    })
}

/// Calls `act` with the parsed body. An invalid body gets a 400.
fn with_body<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T) -> Reply) -> Reply {
    match serde_json::from_slice(body) {
        Ok(value) => act(value),
        Err(error) => error_reply(&error),
    }
}

fn done() -> Reply {
    Reply::json(200, &json!({}))
}

/// Returns a 400 with the whole error chain, which the caller needs to correct the request.
fn error_reply(error: &dyn std::error::Error) -> Reply {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let why: Vec<String> = chain.map(ToString::to_string).collect();
    Reply::json(400, &json!({"error": why.join(": ")}))
}
