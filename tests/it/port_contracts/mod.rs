//! Contract tests of the ports, one suite for each port. A suite runs on the fake, if there is one, and on the real
//! adapter: use cases tested with the fake then also work with the adapter. `store_contract` tests the stores.
//!
//! A suite's `Fixture` trait opens an implementation and drives its environment. To test another implementation, add a
//! fixture and name it in the file's `contract!`.

mod callback_listener;
mod clock;
pub(crate) mod notifier;
mod oauth_endpoint;
mod random;
mod scripted_http2;
mod scripted_server;
mod secret_cipher;
mod session_endpoint;
mod token_journal;
mod upstream;

/// Defines a test for each function and fixture. The compiler reports a function that is not listed as dead code.
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
