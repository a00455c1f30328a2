//! The open connections of a server, and their limits. At a limit, the connection that has waited longest for its
//! caller is closed for a new one.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use tokio::task::{AbortHandle, Id};

use super::activity::Activity;

pub(super) struct Connections {
    open: HashMap<Id, OpenConnection>,
    max: usize,
    max_per_peer: usize,
}

struct OpenConnection {
    peer: IpAddr,
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(max: usize, max_per_peer: usize) -> Self {
        Self { open: HashMap::new(), max, max_per_peer }
    }

    /// Returns whether there is room for another connection. Closes a waiting one if necessary.
    pub(super) fn make_room(&mut self) -> bool {
        self.open.len() < self.max || self.close_longest_waiting(|_| true)
    }

    /// Like [`Self::make_room`], for the limit of one peer.
    pub(super) fn make_room_for(&mut self, peer: IpAddr) -> bool {
        let count = self.open.values().filter(|open| open.peer == peer).count();
        count < self.max_per_peer || self.close_longest_waiting(|open| open.peer == peer)
    }

    pub(super) fn add(&mut self, peer: IpAddr, activity: Arc<Activity>, task: AbortHandle) {
        self.open.insert(task.id(), OpenConnection { peer, activity, task });
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.open.remove(&task);
    }

    fn close_longest_waiting(&mut self, among: impl Fn(&OpenConnection) -> bool) -> bool {
        let candidates = self.open.iter().filter(|(_, open)| among(open));
        let waiting = candidates.filter_map(|(id, open)| Some((*id, open.activity.waits_since()?)));
        let longest_waiting = waiting.min_by_key(|(_, since)| *since);
        let closed = longest_waiting.and_then(|(id, _)| self.open.remove(&id));
        closed.inspect(|open| open.task.abort()).is_some()
    }
}
