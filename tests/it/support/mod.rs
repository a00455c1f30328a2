//! Support code that the tests share.

pub(crate) mod browser;
pub(crate) mod command_output;
pub(crate) mod fakes;
pub(crate) mod gateway;
mod http_response;
pub(crate) mod leaks;
pub(crate) mod log;
pub(crate) mod mocks;
pub(crate) mod outbound;
pub(crate) mod postgres;
pub(crate) mod postgres_server;
pub(crate) mod provider;
pub(crate) mod terminal;
pub(crate) mod wire;
