//! Contracts of the store ports, run on the memory fake, on SQLite and on PostgreSQL; also tests of one database alone.
//!
//! To test another implementation, add a [`Fixture`] and a line in [`contract!`].

mod api_tokens;
mod audit;
mod begin;
mod changes;
mod clocks;
mod confirmations;
mod credentials;
mod feedback;
pub(crate) mod fixtures;
mod keys;
mod login_ends;
mod postgres_server;
mod refreshes;
mod requests;
mod responses;
mod revocations;
pub(crate) mod samples;
mod sqlite_file;
mod sqlite_rows;

/// Defines a test for each function and store. The compiler warns that a function outside the list is unused.
macro_rules! contract {
    ($($test:ident),+ $(,)?) => {
        contract!(memory, crate::store_contract::fixtures::Memory, $($test),+);
        contract!(sqlite, crate::store_contract::fixtures::Sqlite, $($test),+);
        contract!(postgres, crate::store_contract::fixtures::Postgres, $($test),+);
    };
    ($store:ident, $fixture:ty, $($test:ident),+) => {
        mod $store {
            use crate::store_contract::fixtures::Fixture;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(<$fixture as Fixture>::open().await).await;
                }
            )+
        }
    };
}
use contract;
