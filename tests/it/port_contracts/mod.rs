//! The contracts of the ports that are not stores, one suite for each port. Every suite runs over the port's fake and over
//! its real adapter, so that a use case tested with the fake behaves the same with the adapter. The stores have their suite
//! in `store_contract`.
//!
//! Each suite has a `Fixture` trait: it opens an implementation and drives the outside world around it. A further
//! implementation is a further fixture and a further name in the file's `contract!`.

mod callback_listener;
mod clock;
mod notifier;
mod oauth_endpoint;
mod random;
mod scripted_server;
mod secret_cipher;
mod session_endpoint;
mod token_journal;
mod upstream;

/// Makes a test of each function for each fixture. A function that is not listed here is reported as dead code.
macro_rules! contract {
    ($($module:ident: $fixture:ident),+; $tests:tt) => {
        $(contract!(@ $module, $fixture, $tests);)+
    };
    (@ $module:ident, $fixture:ident, [$($test:ident),+ $(,)?]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test::<super::$fixture>().await;
                }
            )+
        }
    };
}
use contract;
