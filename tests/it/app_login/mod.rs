//! Tests of the login use cases with fakes, from start and callback to saved tokens.

mod callback;
mod confirm;
mod exchange;
mod paste;
mod races;
mod start;
mod unsaved;
mod window;
mod window_failures;
