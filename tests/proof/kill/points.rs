//! The fifteen kill points in the order of a refresh, and the state that each leaves.

use goclaw_simulator::Step;
use serde::Serialize;

use crate::{composed::name_of, decorated::GatewayPoint};

/// Where a case stops: in the gateway, by a decorator around a port, or at the provider, at a step of the request.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Place {
    Gateway(GatewayPoint),
    Provider(Step),
}

/// What a kill leaves at the provider and on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// No lease, no presentation.
    Nothing,
    /// A lease, and a token that the provider has not consumed, which the gateway cannot know.
    Unspent,
    /// A lease, and a consumed token whose successors are lost. No client can close this window.
    Window,
    /// The new tokens are on disk.
    NewTokens,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct KillPoint {
    pub(super) place: Place,
    pub(super) leaves: Leaves,
}

impl KillPoint {
    pub(super) fn name(self) -> String {
        name_of(self.place)
    }
}

const fn in_gateway(point: GatewayPoint, leaves: Leaves) -> KillPoint {
    KillPoint { place: Place::Gateway(point), leaves }
}

const fn at_provider(step: Step, leaves: Leaves) -> KillPoint {
    KillPoint { place: Place::Provider(step), leaves }
}

pub(super) const POINTS: [KillPoint; 15] = [
    in_gateway(GatewayPoint::BeforeLease, Leaves::Nothing),
    in_gateway(GatewayPoint::LeaseTaken, Leaves::Unspent),
    in_gateway(GatewayPoint::BeforeSend, Leaves::Unspent),
    at_provider(Step::Connected, Leaves::Unspent),
    at_provider(Step::Arrived, Leaves::Unspent),
    at_provider(Step::BodyRead, Leaves::Unspent),
    at_provider(Step::Rotated, Leaves::Window),
    at_provider(Step::HeadersSent, Leaves::Window),
    at_provider(Step::BodyHalf, Leaves::Window),
    at_provider(Step::BodySent, Leaves::Window),
    in_gateway(GatewayPoint::Parsed, Leaves::Window),
    in_gateway(GatewayPoint::InJournal, Leaves::NewTokens),
    in_gateway(GatewayPoint::Committing, Leaves::NewTokens),
    in_gateway(GatewayPoint::Committed, Leaves::NewTokens),
    in_gateway(GatewayPoint::BeforeCleanup, Leaves::NewTokens),
];
