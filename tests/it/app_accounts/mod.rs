//! Connected accounts, through the gateway's use cases: where they stand, what their owner may change, how they go, and
//! what a gateway finds when it wakes up.

mod logout;
mod providers;
mod secrets;
mod status;
mod wake;
