//! The adapters connect the core to the outside world. Each one uses its port and its technology, and no other adapter
//! except for the shared ones below.
//!
//! - Implementations of ports: [`store`], [`oauth`], [`upstream`], [`callback`], [`cipher`], [`journal`], [`webhook`]
//!   and [`system`].
//! - The API: [`http`]. Its clients are the page in [`web_ui`] and the command line in [`cli`].
//! - For the process itself: [`settings`], [`data_folder`], [`secret_file`], [`logging`], [`service_manager`] and
//!   [`prometheus`], whose metrics [`http`] returns.
//! - Used by `goclaw backup`, `restore`, `export` and `import`: [`archive`] and [`foreign`].
//! - Used by `goclaw doctor`: [`diagnosis`].
//! - The bodies that [`http`] renders and [`cli`] parses: [`contract`].
//! - Shared by [`http`] and [`callback`]: the accept loop in [`serving`], whose static texts [`web_ui`] uses too.
//!   Shared by [`oauth`], [`upstream`] and [`diagnosis`]: the reasons of failed connections in `connect_failure`.
//!   Shared by these three and [`webhook`]: [`outbound`]. Shared by all that write a file of secrets: `draft`.

pub mod archive;
pub mod callback;
pub mod cipher;
pub mod cli;
mod connect_failure;
pub mod contract;
pub mod data_folder;
pub mod diagnosis;
mod draft;
pub mod foreign;
pub mod http;
pub mod journal;
pub mod logging;
pub mod oauth;
pub mod outbound;
pub mod prometheus;
pub mod secret_file;
pub mod service_manager;
pub mod serving;
pub mod settings;
pub mod store;
pub mod system;
pub mod upstream;
pub mod web_ui;
pub mod webhook;
