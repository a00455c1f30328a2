//! The commands of the control API that have their own body type or wait.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{done, error_reply};
use crate::{
    auth, durations,
    http::Reply,
    outages::{Outage, Outages},
    provider::{self, CookieRotation, Provider},
    steps::{Release, Step, Steps},
};

/// How long `/stops/await` waits by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST /approve`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    authorize_url: String,
    #[serde(default)]
    account: usize,
}

pub(super) fn approve(provider: &Provider, request: &Approve) -> Reply {
    match auth::approve(provider, &request.authorize_url, request.account) {
        Ok(callback_url) => Reply::json(200, &json!({"callback_url": callback_url})),
        Err(error) => error_reply(&error),
    }
}

/// `POST /browsers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBrowser {
    #[serde(default)]
    account: usize,
}

pub(super) fn sign_in_browser(provider: &Provider, request: &SignInBrowser) -> Reply {
    match provider::sign_in_browser(provider, request.account) {
        Some(browser) => Reply::json(200, &browser),
        None => not_found("there is no such account"),
    }
}

/// `POST /browsers/revoke`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBrowser {
    session_id: String,
}

pub(super) fn revoke_browser(provider: &Provider, request: &RevokeBrowser) -> Reply {
    let known = provider.state().browsers.revoke(&request.session_id);
    if known { done() } else { not_found("there is no such session") }
}

/// `POST /browsers/rotation`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetRotation {
    session_id: String,
    rotation: CookieRotation,
}

pub(super) fn set_rotation(provider: &Provider, request: &SetRotation) -> Reply {
    let known = provider.state().browsers.set_rotation(&request.session_id, request.rotation);
    if known { done() } else { not_found("there is no such session") }
}

/// `POST /stops/release`: releases requests at one step or, without a step, everywhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseRequest {
    step: Option<Step>,
    release: Release,
}

pub(super) fn release(steps: &Steps, request: &ReleaseRequest) -> Reply {
    steps.release(request.step, request.release);
    done()
}

/// `POST /stops/await`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AwaitStep {
    step: Step,
    #[serde(default = "one")]
    count: usize,
    #[serde(default = "default_timeout", with = "durations")]
    timeout: Duration,
}

fn one() -> usize {
    1
}

fn default_timeout() -> Duration {
    DEFAULT_TIMEOUT
}

/// Responds when the step is reached, or with a 408 after the timeout.
pub(super) async fn await_step(steps: &Steps, body: &[u8]) -> Reply {
    let request: AwaitStep = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return error_reply(&error),
    };
    let reached = tokio::time::timeout(request.timeout, steps.reached(request.step, request.count)).await;
    match reached {
        Ok(()) => Reply::json(200, &steps.stopped()),
        Err(_) => Reply::json(408, &json!({"error": "the step was not reached in time"})),
    }
}

/// `POST /outages`: responds when the change has taken effect.
pub(super) async fn outage(outages: &Outages, body: &[u8]) -> Reply {
    match serde_json::from_slice(body) {
        Ok(Outage { site, down }) => {
            outages.set(site, down).await;
            done()
        }
        Err(error) => error_reply(&error),
    }
}

fn not_found(why: &str) -> Reply {
    Reply::json(404, &json!({"error": why}))
}
