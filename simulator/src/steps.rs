//! The steps of a refresh request, at each of which a test can stop it: held until it is released, or cut off. That is
//! how a harness in another process kills its client at one exact moment: order a stop, wait until it is reached, kill.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

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
    /// By number; a clear leaves a later number for the first.
    stopped: Vec<(u64, StoppedRequest)>,
    last_number: u64,
    reset: bool,
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
        self.inner().stopped.iter().map(|(_, stopped)| stopped.clone()).collect()
    }

    /// Whether a request that is about to be answered may be stopped on its way out.
    pub(crate) fn concern_the_answer(&self) -> bool {
        self.inner().orders.iter().any(|order| order.step >= Step::HeadersSent && order.times != Times::Next(0))
    }

    /// Releases what is held, at one step or at all.
    pub(crate) fn release(&self, step: Option<Step>, release: Release) {
        let mut inner = self.inner();
        inner.reset = release == Release::Reset;
        let state = if release == Release::Continue { StoppedState::Continued } else { StoppedState::Cut };
        let held = |stopped: &StoppedRequest| {
            stopped.state == StoppedState::Held && step.is_none_or(|step| step == stopped.step)
        };
        for (_, stopped) in inner.stopped.iter_mut().filter(|(_, stopped)| held(stopped)) {
            stopped.state = state;
        }
        drop(inner);
        self.changed.send_replace(());
    }

    /// Cancels the orders, closes what is held and forgets what was stopped.
    pub(crate) fn clear(&self) {
        self.inner().orders.clear();
        self.release(None, Release::Close);
        self.inner().stopped.clear();
    }

    /// Ends when so many requests have been stopped at a step since the last clear.
    pub(crate) async fn reached(&self, step: Step, count: usize) {
        let mut changed = self.changed.subscribe();
        let enough = |inner: &Inner| inner.stopped.iter().filter(|(_, stopped)| stopped.step == step).count() >= count;
        // The sender lives as long as `self`.
        let _ = changed.wait_for(|()| enough(&self.inner())).await;
    }

    /// Lets a request pass a step, or stops it there.
    pub(crate) async fn pass(self: &Arc<Self>, step: Step, family: Option<FamilyId>) -> Result<(), ConnectionCut> {
        let Some((number, stop)) = self.stop(step, family) else { return Ok(()) };
        match stop {
            Stop::Close => Err(ConnectionCut::Close),
            Stop::Reset => Err(ConnectionCut::Reset),
            Stop::Hold => self.hold(number).await,
        }
    }

    /// Carries out the oldest order for this step, if there is one.
    fn stop(&self, step: Step, family: Option<FamilyId>) -> Option<(u64, Stop)> {
        let mut inner = self.inner();
        inner.orders.retain(|order| order.times != Times::Next(0));
        let order = inner.orders.iter_mut().find(|order| order.step == step)?;
        if let Times::Next(left) = &mut order.times {
            *left -= 1;
        }
        let stop = order.stop;
        let state = if stop == Stop::Hold { StoppedState::Held } else { StoppedState::Cut };
        inner.last_number += 1;
        let number = inner.last_number;
        inner.stopped.push((number, StoppedRequest { step, family, state }));
        drop(inner);
        self.changed.send_replace(());
        Some((number, stop))
    }

    async fn hold(self: &Arc<Self>, number: u64) -> Result<(), ConnectionCut> {
        let _gone_unless_released = Held { number, steps: Arc::clone(self) };
        let mut changed = self.changed.subscribe();
        let _ = changed.wait_for(|()| self.state_of(number) != Some(StoppedState::Held)).await;
        let released = self.state_of(number);
        if released == Some(StoppedState::Continued) {
            return Ok(());
        }
        Err(if self.inner().reset { ConnectionCut::Reset } else { ConnectionCut::Close })
    }

    fn state_of(&self, number: u64) -> Option<StoppedState> {
        self.inner().stopped.iter().find(|(other, _)| *other == number).map(|(_, stopped)| stopped.state)
    }
}

/// A request while it is held. The server drops the request when the client goes away, and with it this.
struct Held {
    number: u64,
    steps: Arc<Steps>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.steps.inner();
        let stopped = inner.stopped.iter_mut().find(|(number, _)| *number == self.number);
        if let Some((_, stopped)) = stopped
            && stopped.state == StoppedState::Held
        {
            stopped.state = StoppedState::ClientGone;
        }
    }
}
