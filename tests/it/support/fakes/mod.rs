//! Fakes of the ports, with which tests run the use cases in memory and deterministically. Each fake passes its port's
//! contract suite. Most of them can also fail as the real adapters do.

mod clock;
mod journal;
mod listener;
mod memory_store;
mod notifier;
mod oauth_provider;
mod random;
mod refreshes;
mod scripted_response;
mod sessions;
mod test_gateway;
mod upstream;

use goclaw::ports::{ConnectError, ConnectProblem};

pub(crate) use clock::FakeClock;
pub(crate) use journal::MemoryJournal;
pub(crate) use listener::{FakeListener, Page};
pub(crate) use memory_store::MemoryStore;
pub(crate) use notifier::{FakeNotifier, Reception};
pub(crate) use oauth_provider::{FakeProvider, Reply, jwt, query_of};
pub(crate) use random::SeededRandom;
pub(crate) use refreshes::RefreshFault;
pub(crate) use scripted_response::{End, Exchange, Framing, ScriptedResponse};
pub(crate) use test_gateway::{NOW, OPENAI, TestGateway, alice, bob, name, settle, spawn, within};
pub(crate) use upstream::FakeUpstream;

/// Returns the error of a provider that refuses connections.
pub(crate) fn connection_refused() -> ConnectError {
    ConnectError {
        problem: ConnectProblem::Refused,
        host: "provider.example".into(),
        proxy: None,
        detail: "refused".into(),
    }
}
