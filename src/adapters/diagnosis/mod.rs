//! Checks of `goclaw doctor`: which process holds a port, and whether a server responds.

mod port_holder;
mod server;

pub use port_holder::holder_of;
pub use server::{Server, probe};
