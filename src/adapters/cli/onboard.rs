//! `goclaw onboard`: writes `.env.local`, which exports the gateway's address and token for a shell.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{self, Path},
};

use secrecy::{ExposeSecret, SecretString};

use super::{
    Connection,
    address::GatewayAddress,
    error::{CliError, Exit, TokenLookup},
    render,
    shell::quoted,
};
use crate::adapters::draft::create_draft;

const FILE: &str = ".env.local";

/// Writes the file; replaces an existing one only if `force` is set.
pub fn onboard(force: bool, connection: &Connection) -> Result<Exit, CliError> {
    let address = GatewayAddress::parse(&connection.url).map_err(CliError::InvalidAddress)?;
    // Do not generate a token here: the gateway would reject it.
    let Some(token) = &connection.token else {
        return Err(CliError::NoToken(TokenLookup::new(false, connection.token_file.clone())));
    };
    write(Path::new(FILE), &exports(connection, &address, token), force)?;
    render::line(&format!(
        "Wrote {FILE}: the address and the token of the gateway at {}.\n\
         Only you can read it. Keep it out of version control.\n\n\
         Next:\n  source {FILE}\n  goclaw auth status",
        address.as_str()
    ))?;
    Ok(Exit::Yes)
}

/// Returns the content of the file. It is a secret because it contains the token.
pub fn exports(connection: &Connection, address: &GatewayAddress, token: &SecretString) -> SecretString {
    let (host, port) = address.host_and_port();
    let mut lines = format!("export GOCLAW_PORT={port}\n");
    if connection.reached_at.is_some() {
        // The gateway's name may lead elsewhere. Commands find the listener by the settings.
        lines.extend(connection.config.as_deref().map(|file| export_path("GOCLAW_CONFIG", file)));
    } else {
        lines += &format!("export GOCLAW_HOST={}\n", quoted(host));
        if !address.is_only_host_and_port() {
            lines += &format!("export GOCLAW_GATEWAY_URL={}\n", quoted(address.as_str()));
            lines.extend(connection.ca_file.as_deref().map(|file| export_path("GOCLAW_TLS__CA_FILE", file)));
        }
    }
    lines += &format!("export GOCLAW_TOKEN={}\n", quoted(token.expose_secret()));
    SecretString::from(lines)
}

/// Returns a line with an absolute path, because the file is used in any folder.
fn export_path(name: &str, path: &Path) -> String {
    let path = path::absolute(path).unwrap_or_else(|_no_current_folder| path.to_owned());
    format!("export {name}={}\n", quoted(&path.to_string_lossy()))
}

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// The file exists and `replace` is false, or it cannot be written.
pub fn write(path: &Path, text: &SecretString, replace: bool) -> Result<(), CliError> {
    let fail = |source: io::Error| CliError::File { path: path.to_owned(), source };
    if !replace {
        let exists = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        return create(path, text)
            .map_err(|error| if exists(&error) { CliError::FileExists(path.to_owned()) } else { fail(error) });
    }
    // Renaming replaces the file atomically, so readers never see a partial file.
    let (file, draft) = create_draft(path).map_err(fail)?;
    fill(file, text).and_then(|()| fs::rename(&draft, path)).map_err(|error| {
        fs::remove_file(&draft).ok();
        fail(error)
    })
}

/// Creates the file with O_EXCL: an existing symlink is not followed, and the mode applies from the start.
fn create(path: &Path, text: &SecretString) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = fill(file, text);
    if written.is_err() {
        // A partial file would make the next attempt fail.
        fs::remove_file(path).ok();
    }
    written
}

fn fill(mut file: File, text: &SecretString) -> io::Result<()> {
    file.write_all(text.expose_secret().as_bytes()).and_then(|()| file.sync_all())
}
