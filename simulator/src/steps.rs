//! The steps of a refresh request. A test can hold the request at each step, or cut its connection there. To kill a
//! gateway at an exact moment, a test queues a stop, waits until it is reached, and kills the process.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::{faults::Times, http::ConnectionCut, journal::FamilyId};

/// The progress of a refresh request, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A connection to the auth origin is accepted and nothing is read, so any request may follow. On a reused
    /// connection only the first request passes this step.
    Connected,
    /// The head of a request to the token endpoint is read, for any grant; its body is not.
    Arrived,
    /// The body is read and is a refresh. The state is unchanged.
    BodyRead,
    /// The provider has rotated; no response is sent.
    Rotated,
    /// The head of the response is sent, but no body.
    HeadersSent,
    /// Half of the response body is sent.
    BodyHalf,
    /// The last byte of the JSON is sent, but not the end of the message (RFC 9112 section 7.1).
    BodySent,
}

/// The action on a stopped request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Hold it until it is released. If the client disconnects, the request ends, except at `Connected` and `Arrived`:
    /// there the sent bytes are already in the socket and are processed after the release, as on a real server.
    Hold,
    /// Close its connection.
    Close,
    /// Reset its connection; after the head of the response is sent, close it.
    Reset,
}

/// A queued stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopOrder {
    /// The step.
    pub step: Step,
    /// The action; hold by default.
    #[serde(default = "hold")]
    pub stop: Stop,
    /// How often; once by default.
    #[serde(default = "Times::once")]
    pub times: Times,
}

fn hold() -> Stop {
    Stop::Hold
}

impl StopOrder {
    /// Holds the next request at this step.
    #[must_use]
    pub fn hold(step: Step) -> Self {
        Self { step, stop: Stop::Hold, times: Times::once() }
    }

    /// Closes the connection of the next request at this step.
    #[must_use]
    pub fn close(step: Step) -> Self {
        Self { stop: Stop::Close, ..Self::hold(step) }
    }
}

/// What happens to held requests on release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// They continue normally.
    Continue,
    /// Their connections are closed.
    Close,
    /// Their connections are reset.
    Reset,
}

/// A request that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedRequest {
    /// The step.
    pub step: Step,
    /// The family of the refresh token, if already known.
    pub family: Option<FamilyId>,
    /// Its current state.
    pub state: StoppedState,
}

/// The state of a stopped request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedState {
    /// It is held.
    Held,
    /// It was released and continued.
    Continued,
    /// Its connection was closed or reset.
    Cut,
    /// Its client disconnected while it was held.
    ClientGone,
}

#[derive(Default)]
struct Inner {
    queued: VecDeque<StopOrder>,
    stopped: Vec<Stopped>,
    /// Not reset by a clear, so that no number is reused.
    last_number: u64,
}

/// A stopped request and, while it is held, the channel for its release. The channel is used once at most, so a later
/// release or clear cannot change the outcome.
struct Stopped {
    number: u64,
    request: StoppedRequest,
    verdict: Option<oneshot::Sender<Release>>,
}

impl Inner {
    fn release(&mut self, step: Option<Step>, release: Release) {
        let state = if release == Release::Continue { StoppedState::Continued } else { StoppedState::Cut };
        for stopped in self.stopped.iter_mut().filter(|stopped| step.is_none_or(|step| step == stopped.request.step)) {
            if let Some(verdict) = stopped.verdict.take() {
                stopped.request.state = state;
                // The request may be gone already.
                let _ = verdict.send(release);
            }
        }
    }
}

/// The queued stops and the requests they stopped.
pub(crate) struct Steps {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { inner: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Steps {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self, order: StopOrder) {
        self.inner().queued.push_back(order);
    }

    pub(crate) fn stopped(&self) -> Vec<StoppedRequest> {
        self.inner().stopped.iter().map(|stopped| stopped.request.clone()).collect()
    }

    /// Returns whether a queued stop may apply while the response is sent.
    pub(crate) fn may_stop_the_response(&self) -> bool {
        self.inner().queued.iter().any(|order| order.step >= Step::HeadersSent && !order.times.is_over())
    }

    /// Releases held requests, at one step or at every step.
    pub(crate) fn release(&self, step: Option<Step>, release: Release) {
        self.inner().release(step, release);
    }

    /// Removes the queued stops, closes held requests and clears the list of stopped requests.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.queued.clear();
        inner.release(None, Release::Close);
        inner.stopped.clear();
    }

    /// Waits until this many requests have been stopped at a step since the last clear.
    pub(crate) async fn reached(&self, step: Step, count: usize) {
        let mut changed = self.changed.subscribe();
        let stops = || self.inner().stopped.iter().filter(|stopped| stopped.request.step == step).count();
        // The sender lives as long as `self`.
        let _ = changed.wait_for(|()| stops() >= count).await;
    }

    /// Passes a request through a step, or stops it there.
    pub(crate) async fn pass(self: &Arc<Self>, step: Step, family: Option<FamilyId>) -> Result<(), ConnectionCut> {
        match self.stop(step, family) {
            None => Ok(()),
            Some(StopEffect::Cut(cut)) => Err(cut),
            Some(StopEffect::Held(held, verdict)) => {
                let released = verdict.await;
                drop(held);
                match released {
                    Ok(Release::Continue) => Ok(()),
                    Ok(Release::Reset) => Err(ConnectionCut::Reset),
                    Ok(Release::Close) | Err(_) => Err(ConnectionCut::Close),
                }
            }
        }
    }

    /// Applies the oldest queued stop for this step, if any.
    fn stop(self: &Arc<Self>, step: Step, family: Option<FamilyId>) -> Option<StopEffect> {
        let mut inner = self.inner();
        inner.queued.retain(|order| !order.times.is_over());
        let order = inner.queued.iter_mut().find(|order| order.step == step)?;
        order.times.count_down();
        let stop = order.stop;
        inner.last_number += 1;
        let number = inner.last_number;
        let (effect, verdict) = match stop {
            Stop::Close => (StopEffect::Cut(ConnectionCut::Close), None),
            Stop::Reset => (StopEffect::Cut(ConnectionCut::Reset), None),
            Stop::Hold => {
                let (verdict, receiver) = oneshot::channel();
                (StopEffect::Held(Held { number, steps: Arc::clone(self) }, receiver), Some(verdict))
            }
        };
        let state = if verdict.is_some() { StoppedState::Held } else { StoppedState::Cut };
        inner.stopped.push(Stopped { number, request: StoppedRequest { step, family, state }, verdict });
        drop(inner);
        self.changed.send_replace(());
        Some(effect)
    }
}

/// What a stop does to its request.
enum StopEffect {
    Cut(ConnectionCut),
    Held(Held, oneshot::Receiver<Release>),
}

/// A held request. The server drops the request, and this value, when the client disconnects.
struct Held {
    number: u64,
    steps: Arc<Steps>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.steps.inner();
        let stopped = inner.stopped.iter_mut().find(|stopped| stopped.number == self.number);
        if let Some(stopped) = stopped
            && stopped.verdict.take().is_some()
        {
            stopped.request.state = StoppedState::ClientGone;
        }
    }
}
