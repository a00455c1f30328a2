//! What `goclaw doctor` finds out from the machine and the network: who holds a port, whether a server can be reached,
//! and its time.

mod port_holder;
mod server;

pub use port_holder::holder_of;
pub use server::{Server, probe};
