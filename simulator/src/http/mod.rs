//! The sockets and nothing of the protocol: an origin turns requests into replies, and may also cut the connection.
//! Kept directly on hyper because the faults worth having (reset, half an answer) happen below any web framework.

mod listener;
mod parameters;
mod reply;

pub(crate) use listener::{ConnectionCut, Origin, serve};
pub(crate) use parameters::{Parameters, read_body};
pub(crate) use reply::{Delivery, Reply};
