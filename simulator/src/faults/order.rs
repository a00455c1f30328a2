//! When and how often faults strike: the orders, oldest first.

use serde::{Deserialize, Serialize};

use super::{Endpoint, Fault};

/// How often an ordered fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// The next so many requests.
    Next(u32),
    /// Every request until the orders are cleared.
    Standing,
}

/// A fault, where it strikes and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    pub fault: Fault,
    /// How often; once unless said otherwise.
    #[serde(default = "once")]
    pub times: Times,
}

fn once() -> Times {
    Times::Next(1)
}

impl FaultOrder {
    /// Strikes the next request.
    #[must_use]
    pub fn once(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: once() }
    }

    /// Strikes the next `count` requests.
    #[must_use]
    pub fn next(count: u32, endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Next(count) }
    }

    /// Strikes every request until the orders are cleared.
    #[must_use]
    pub fn standing(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Standing }
    }
}

/// The orders, oldest first. The oldest that covers an endpoint strikes.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue(Vec<FaultOrder>);

impl FaultQueue {
    pub(crate) fn push(&mut self, order: FaultOrder) {
        self.0.push(order);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn waiting(&self) -> Vec<FaultOrder> {
        self.0.clone()
    }

    /// Takes the fault for a request to this endpoint, if one is on order.
    pub(crate) fn strike(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.retain(|order| order.times != Times::Next(0));
        let order = self.0.iter_mut().find(|order| order.endpoint.covers(endpoint))?;
        if let Times::Next(left) = &mut order.times {
            *left -= 1;
        }
        let fault = order.fault.clone();
        // One that has struck for the last time waits no more.
        self.0.retain(|order| order.times != Times::Next(0));
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Fault, FaultOrder, FaultQueue};

    #[test]
    fn orders_strike_in_turn_and_only_where_they_belong() {
        let mut queue = FaultQueue::default();
        queue.push(FaultOrder::next(2, Endpoint::Refresh, Fault::Hang));
        queue.push(FaultOrder::standing(Endpoint::Token, Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Revoke), None);
        assert_eq!(queue.strike(Endpoint::Responses), None);
        assert_eq!(queue.strike(Endpoint::CodeExchange), Some(Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::LoseAnswer));
        assert_eq!(queue.strike(Endpoint::Refresh), Some(Fault::LoseAnswer));
    }

    #[test]
    fn a_whole_origin_covers_its_endpoints_and_no_other_origin() {
        let endpoints = [
            Endpoint::Refresh,
            Endpoint::Responses,
            Endpoint::SessionTokens,
            Endpoint::Studio,
            Endpoint::ChatCompletions,
        ];
        let origins = [Endpoint::Token, Endpoint::Backend, Endpoint::Sessions, Endpoint::Studio, Endpoint::Dashscope];
        for (index, origin) in origins.iter().enumerate() {
            let mut queue = FaultQueue::default();
            queue.push(FaultOrder::standing(*origin, Fault::Hang));
            for (other, endpoint) in endpoints.iter().enumerate() {
                assert_eq!(queue.strike(*endpoint).is_some(), index == other, "{origin:?} {endpoint:?}");
            }
        }
    }
}
