//! Signing in, through the gateway's use cases, with a world that behaves: from the start over the browser's return to
//! saved tokens, and everything that may come between.

mod callback;
mod exchange;
mod paste;
mod races;
mod start;
mod window;
mod window_trouble;
