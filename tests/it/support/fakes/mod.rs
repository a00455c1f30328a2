//! Fakes with behaviour for the ports.
