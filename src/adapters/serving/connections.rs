//! The open connections of a listener and the room for them. At a cap, the connection that has waited for its caller
//! longest makes room.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use tokio::task::{AbortHandle, Id};

use super::activity::Activity;

pub(super) struct Connections {
    open: HashMap<Id, Open>,
    most: usize,
    most_per_peer: usize,
}

struct Open {
    peer: IpAddr,
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(most: usize, most_per_peer: usize) -> Self {
        Self { open: HashMap::new(), most, most_per_peer }
    }

    /// Whether there is room for a connection, if necessary in place of another one.
    pub(super) fn make_room(&mut self) -> bool {
        self.open.len() < self.most || self.end_stalest(|_| true)
    }

    /// Does the same within the share of one peer.
    pub(super) fn make_room_for(&mut self, peer: IpAddr) -> bool {
        let share = self.open.values().filter(|open| open.peer == peer).count();
        share < self.most_per_peer || self.end_stalest(|open| open.peer == peer)
    }

    pub(super) fn add(&mut self, peer: IpAddr, activity: Arc<Activity>, task: AbortHandle) {
        self.open.insert(task.id(), Open { peer, activity, task });
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.open.remove(&task);
    }

    fn end_stalest(&mut self, among: impl Fn(&Open) -> bool) -> bool {
        let candidates = self.open.iter().filter(|(_, open)| among(open));
        let waiting = candidates.filter_map(|(id, open)| Some((*id, open.activity.waits_since()?)));
        let stalest = waiting.min_by_key(|(_, since)| *since);
        let ended = stalest.and_then(|(id, _)| self.open.remove(&id));
        ended.inspect(|open| open.task.abort()).is_some()
    }
}
