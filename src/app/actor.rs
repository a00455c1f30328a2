//! The actor of the current task, for the audit log. It is a task-local value, like a tracing span, so that use cases
//! do not pass it on.

use crate::domain::audit::Actor;

tokio::task_local! {
    static CURRENT: Actor;
}

/// Runs `work` as `actor`.
pub async fn acting_as<F: Future>(actor: Actor, work: F) -> F::Output {
    CURRENT.scope(actor, work).await
}

/// Returns the actor of the current task; the gateway itself if none was set.
pub(super) fn current() -> Actor {
    CURRENT.try_with(Actor::clone).unwrap_or_else(|_| Actor::gateway())
}
