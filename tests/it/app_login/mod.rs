//! The login use cases on fakes, from the start over the callback to saved tokens.

mod callback;
mod confirm;
mod exchange;
mod paste;
mod races;
mod start;
mod unsaved;
mod window;
mod window_failures;
