//! The queue of faults, and to how many requests each applies.

use serde::{Deserialize, Serialize};

use super::{Endpoint, Fault, named};

/// How many requests a queued fault applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// The next requests, this many.
    Next(u32),
    /// Every request until the queue is cleared.
    Standing,
}

/// A queued fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The fault. Over HTTP it may be a name, see [`Fault::named`].
    #[serde(deserialize_with = "named::named_or_whole")]
    pub fault: Fault,
    /// How often; once by default.
    #[serde(default = "Times::once")]
    pub times: Times,
}

impl Times {
    /// Returns a count of one.
    pub(crate) fn once() -> Self {
        Self::Next(1)
    }

    /// Returns whether the count is used up.
    pub(crate) fn is_over(self) -> bool {
        self == Self::Next(0)
    }

    /// Subtracts one from the count.
    pub(crate) fn count_down(&mut self) {
        if let Self::Next(left) = self {
            *left = left.saturating_sub(1);
        }
    }
}

impl FaultOrder {
    /// Applies to the next request.
    #[must_use]
    pub fn once(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::once() }
    }

    /// Applies to the next `count` requests.
    #[must_use]
    pub fn next(count: u32, endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Next(count) }
    }

    /// Applies to every request until the queue is cleared.
    #[must_use]
    pub fn standing(endpoint: Endpoint, fault: Fault) -> Self {
        Self { endpoint, fault, times: Times::Standing }
    }
}

/// The queued faults, oldest first.
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

    /// Returns the oldest fault for a request to this endpoint, and counts it down.
    pub(crate) fn next_for(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.retain(|order| !order.times.is_over());
        let order = self.0.iter_mut().find(|order| order.endpoint.covers(endpoint))?;
        order.times.count_down();
        let fault = order.fault.clone();
        // Remove a used-up fault immediately, so that it is not listed as queued.
        self.0.retain(|order| !order.times.is_over());
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Fault, FaultOrder, FaultQueue};

    #[test]
    fn faults_apply_oldest_first_and_only_to_their_endpoint() {
        let mut queue = FaultQueue::default();
        queue.push(FaultOrder::next(2, Endpoint::Refresh, Fault::Hang));
        queue.push(FaultOrder::standing(Endpoint::Token, Fault::LoseAnswer));
        assert_eq!(queue.next_for(Endpoint::Revoke), None);
        assert_eq!(queue.next_for(Endpoint::Responses), None);
        assert_eq!(queue.next_for(Endpoint::CodeExchange), Some(Fault::LoseAnswer));
        assert_eq!(queue.next_for(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.next_for(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(queue.next_for(Endpoint::Refresh), Some(Fault::LoseAnswer));
        assert_eq!(queue.next_for(Endpoint::Refresh), Some(Fault::LoseAnswer));
    }

    #[test]
    fn a_fault_of_all_endpoints_covers_each_and_no_other_origin() {
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
                assert_eq!(queue.next_for(*endpoint).is_some(), index == other, "{origin:?} {endpoint:?}");
            }
        }
    }
}
