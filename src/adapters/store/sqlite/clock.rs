//! Corrects stored times when the machine's wall clock is set. All processes that use a SQLite file share this clock.
//!
//! If the wall clock jumped past the end of a lease, two processes could present the same refresh token. So the file
//! stores how far the wall clock is ahead of the time since boot, which cannot be set. If the difference has changed,
//! the wall clock was set, and the times of leases and retries are moved by as much. If the machine has restarted, no
//! process holds a lease, and all leases end.

use std::fs;

use diesel::{QueryResult, prelude::*};
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::{
    adapters::store::{
        schema::{llm_providers, machine_clock},
        stored_text::StoredText,
    },
    domain::time::Timestamp,
    ports::Clock,
};

/// A smaller change may come from reading the two clocks one after the other.
const TOLERANCE_MILLIS: u64 = 100;

/// Returns an id of the machine's last start, or None on systems other than Linux.
pub(super) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Returns the current time. First corrects the stored times if the wall clock was set or the machine restarted since
/// the last call. Must run in a write transaction.
pub(super) async fn corrected_now(
    connection: &mut Connection,
    clock: &dyn Clock,
    boot_id: &str,
) -> QueryResult<Timestamp> {
    let (now, since_boot) = (clock.now(), clock.since_boot());
    let ahead = now.unix_millis().saturating_sub(since_boot.as_millis().try_into().unwrap_or(i64::MAX));
    let stored = machine_clock::table.select((machine_clock::boot_id, machine_clock::wall_ahead));
    match stored.first::<(StoredText, i64)>(connection).await.optional()? {
        Some((stored_id, stored)) if stored_id.0 == boot_id => {
            if ahead.abs_diff(stored) <= TOLERANCE_MILLIS {
                return Ok(now);
            }
            let by_millis = ahead.saturating_sub(stored);
            move_times(connection, by_millis).await?;
            tracing::warn!(by_millis, "the machine's clock was set; leases keep their length");
        }
        Some(_) => end_leases(connection).await?,
        None => {}
    }
    let row = (machine_clock::id.eq(1), machine_clock::boot_id.eq(boot_id), machine_clock::wall_ahead.eq(ahead));
    diesel::replace_into(machine_clock::table).values(row).execute(connection).await?;
    Ok(now)
}

async fn move_times(connection: &mut Connection, millis: i64) -> QueryResult<()> {
    // NULL stays NULL.
    let moved = (
        llm_providers::lease_until.eq(llm_providers::lease_until + millis),
        llm_providers::sent_at.eq(llm_providers::sent_at + millis),
        llm_providers::next_attempt_at.eq(llm_providers::next_attempt_at + millis),
    );
    diesel::update(llm_providers::table).set(moved).execute(connection).await.map(drop)
}

async fn end_leases(connection: &mut Connection) -> QueryResult<()> {
    let leased = diesel::update(llm_providers::table.filter(llm_providers::lease_until.is_not_null()));
    leased.set(llm_providers::lease_until.eq(0)).execute(connection).await.map(drop)
}
