//! The use cases of accounts: status, changes, logout, pasted secrets and the gateway's start.

mod logout;
mod providers;
mod secrets;
mod startup;
mod status;
