//! The actor of the current task: who makes the changes that the audit log records. It is a task-local value, so that
//! use cases need not pass it as an argument.

use crate::domain::audit::Actor;

tokio::task_local! {
    static CURRENT: Actor;
}

/// Runs `work` as `actor`.
pub async fn acting_as<F: Future>(actor: Actor, work: F) -> F::Output {
    CURRENT.scope(actor, work).await
}

/// Returns the actor of the current task, or the gateway itself if none was set.
pub(super) fn current() -> Actor {
    CURRENT.try_with(Actor::clone).unwrap_or_else(|_| Actor::gateway())
}
