//! How the world is reached. Each adapter is a folder that knows its port and its technology, and no other adapter.
//!
//! Outbound, behind a port: [`store`], [`oauth`], [`upstream`], [`callback`], [`cipher`], [`journal`], [`webhook`], [`system`], and
//! [`settings`], which reads what the owner configured, and [`secret_file`]. Inbound, calling the use cases: [`http`];
//! [`web_ui`] hands out the page, and [`cli`], like the page, is a client of that API. [`contract`] holds the bodies that
//! [`http`] renders and [`cli`] parses. [`serving`] is the accept loop that [`http`] and [`callback`] share.

pub mod callback;
pub mod cipher;
pub mod cli;
pub mod contract;
pub mod http;
pub mod journal;
pub mod oauth;
pub mod secret_file;
pub mod serving;
pub mod settings;
pub mod store;
pub mod system;
pub mod telemetry;
pub mod upstream;
pub mod web_ui;
pub mod webhook;
