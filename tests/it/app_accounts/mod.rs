//! Tests of the account use cases: status, changes, logout, pasted secrets and the gateway's start.

mod logout;
mod providers;
mod secrets;
mod startup;
mod status;
