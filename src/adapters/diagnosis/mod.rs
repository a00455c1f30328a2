//! Checks of `goclaw doctor`: which process holds a port, and whether a server responds. Client commands check which user
//! listens.

mod port_holder;
mod server;

pub use port_holder::{holder_of, user_listening_at};
pub use server::{Server, probe};
