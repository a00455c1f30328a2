//! The steps of a refresh request, at each of which a test can stop it: held until it is released, or cut off. That is
//! how a harness in another process kills its client at one exact moment: order a stop, wait until it is reached, kill.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::{faults::Times, http::ConnectionCut, journal::FamilyId};

/// How far a refresh request has come, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A connection to the auth origin is accepted; nothing of it is read, so its request may be any. Of a connection
    /// that is used again only the first request passes here.
    Connected,
    /// The head of a request to the token endpoint is read, of any grant; its body is not.
    Arrived,
    /// The body is read and is a refresh; nothing has changed.
    BodyRead,
    /// The provider has rotated; nothing is answered.
    Rotated,
    /// The head of the answer is sent, nothing of its body.
    HeadersSent,
    /// Half of the answer's body is sent.
    BodyHalf,
    /// The last byte of the JSON is sent, the end of the message (RFC 9112 section 7.1) is not.
    BodySent,
}

/// What happens to a request that is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It waits until it is released. If its client goes away it ends there, except at `Connected` and `Arrived`: what
    /// the client has sent by then is in the socket and is acted on once released, as with a real server.
    Hold,
    /// Its connection is closed.
    Close,
    /// Its connection is reset; once the head of the answer is sent, closed.
    Reset,
}

/// A stop on order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopOrder {
    /// Where.
    pub step: Step,
    /// How; held unless said otherwise.
    #[serde(default = "hold")]
    pub stop: Stop,
    /// How often; once unless said otherwise.
    #[serde(default = "once")]
    pub times: Times,
}

fn hold() -> Stop {
    Stop::Hold
}

fn once() -> Times {
    Times::Next(1)
}

impl StopOrder {
    /// Holds the next request that comes to this step.
    #[must_use]
    pub fn hold(step: Step) -> Self {
        Self { step, stop: Stop::Hold, times: once() }
    }

    /// Closes the connection of the next request that comes to this step.
    #[must_use]
    pub fn close(step: Step) -> Self {
        Self { stop: Stop::Close, ..Self::hold(step) }
    }
}

/// What becomes of requests that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// They go on as if nothing had been.
    Continue,
    /// Their connections are closed.
    Close,
    /// Their connections are reset.
    Reset,
}

/// A request that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedRequest {
    /// Where.
    pub step: Step,
    /// The family of the refresh token, where it is known by then.
    pub family: Option<FamilyId>,
    /// What became of the request.
    pub state: StoppedState,
}

/// What became of a request that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedState {
    /// It waits.
    Held,
    /// It was released and went on.
    Continued,
    /// Its connection was closed or reset.
    Cut,
    /// Its client went away while it was held.
    ClientGone,
}

#[derive(Default)]
struct Inner {
    orders: VecDeque<StopOrder>,
    stopped: Vec<Stopped>,
    /// Goes on over a clear, so that no number is given twice.
    last_number: u64,
}

/// A stopped request and, while it is held, the way to tell it what becomes of it. Told once and to it alone, so that
/// no later release or clear can turn the word round before the request has heard it.
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
                // A request that is gone by now needs no word.
                let _ = verdict.send(release);
            }
        }
    }
}

/// Orders, and the requests they stopped.
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

    pub(crate) fn order(&self, order: StopOrder) {
        self.inner().orders.push_back(order);
    }

    pub(crate) fn stopped(&self) -> Vec<StoppedRequest> {
        self.inner().stopped.iter().map(|stopped| stopped.request.clone()).collect()
    }

    /// Whether a request that is about to be answered may be stopped on its way out.
    pub(crate) fn concern_the_answer(&self) -> bool {
        self.inner().orders.iter().any(|order| order.step >= Step::HeadersSent && order.times != Times::Next(0))
    }

    /// Releases what is held, at one step or at all.
    pub(crate) fn release(&self, step: Option<Step>, release: Release) {
        self.inner().release(step, release);
    }

    /// Cancels the orders, closes what is held and forgets what was stopped.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.orders.clear();
        inner.release(None, Release::Close);
        inner.stopped.clear();
    }

    /// Ends when so many requests have been stopped at a step since the last clear.
    pub(crate) async fn reached(&self, step: Step, count: usize) {
        let mut changed = self.changed.subscribe();
        let stops = || self.inner().stopped.iter().filter(|stopped| stopped.request.step == step).count();
        // The sender lives as long as `self`.
        let _ = changed.wait_for(|()| stops() >= count).await;
    }

    /// Lets a request pass a step, or stops it there.
    pub(crate) async fn pass(self: &Arc<Self>, step: Step, family: Option<FamilyId>) -> Result<(), ConnectionCut> {
        match self.stop(step, family) {
            None => Ok(()),
            Some(Stopping::Cut(cut)) => Err(cut),
            Some(Stopping::Held(held, verdict)) => {
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

    /// Carries out the oldest order for this step, if there is one.
    fn stop(self: &Arc<Self>, step: Step, family: Option<FamilyId>) -> Option<Stopping> {
        let mut inner = self.inner();
        inner.orders.retain(|order| order.times != Times::Next(0));
        let order = inner.orders.iter_mut().find(|order| order.step == step)?;
        if let Times::Next(left) = &mut order.times {
            *left -= 1;
        }
        let stop = order.stop;
        inner.last_number += 1;
        let number = inner.last_number;
        let (stopping, verdict) = match stop {
            Stop::Close => (Stopping::Cut(ConnectionCut::Close), None),
            Stop::Reset => (Stopping::Cut(ConnectionCut::Reset), None),
            Stop::Hold => {
                let (verdict, told) = oneshot::channel();
                (Stopping::Held(Held { number, steps: Arc::clone(self) }, told), Some(verdict))
            }
        };
        let state = if verdict.is_some() { StoppedState::Held } else { StoppedState::Cut };
        inner.stopped.push(Stopped { number, request: StoppedRequest { step, family, state }, verdict });
        drop(inner);
        self.changed.send_replace(());
        Some(stopping)
    }
}

/// What a stop does to its request.
enum Stopping {
    Cut(ConnectionCut),
    Held(Held, oneshot::Receiver<Release>),
}

/// A request while it is held. The server drops the request when the client goes away, and with it this.
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
