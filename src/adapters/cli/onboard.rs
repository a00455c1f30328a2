//! `goclaw onboard`: writes `.env.local`, which sets the variables for clients of this gateway.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use secrecy::{ExposeSecret, SecretString};

use super::{
    Connection,
    address::GatewayAddress,
    args::OnboardOptions,
    error::{CliError, Exit, TokenLookup},
    render,
    shell::quoted,
};

const FILE: &str = ".env.local";

pub(super) fn onboard(options: &OnboardOptions, connection: &Connection) -> Result<Exit, CliError> {
    let address = GatewayAddress::parse(&connection.url)?;
    // Do not generate a token here: the gateway would reject it.
    let Some(token) = &connection.token else {
        return Err(CliError::NoToken(TokenLookup::new(false, connection.token_file.clone())));
    };
    write(Path::new(FILE), &exports(&address, token), options.force)?;
    render::line(&format!(
        "Wrote {FILE}: the address and the token of the gateway at {}.\n\
         Only you can read it. Keep it out of version control.\n\n\
         Next:\n  source {FILE}\n  goclaw auth status",
        address.shown()
    ))?;
    Ok(Exit::Yes)
}

/// Returns the lines of the file. They are a secret because they contain the token.
fn exports(address: &GatewayAddress, token: &SecretString) -> SecretString {
    let (host, port) = address.host_and_port();
    let mut lines = format!("export GOCLAW_HOST={}\nexport GOCLAW_PORT={port}\n", quoted(&host));
    if !address.is_only_host_and_port() {
        lines.push_str(&format!("export GOCLAW_GATEWAY_URL={}\n", quoted(address.shown())));
    }
    lines.push_str(&format!("export GOCLAW_TOKEN={}\n", quoted(token.expose_secret())));
    SecretString::from(lines)
}

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// The file exists and `replace` is false, or it cannot be written.
fn write(path: &Path, text: &SecretString, replace: bool) -> Result<(), CliError> {
    let fail = |source: io::Error| CliError::File { path: path.to_owned(), source };
    if !replace {
        return match create(path, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CliError::FileExists(path.to_owned())),
            created => created.map_err(fail),
        };
    }
    // Renaming replaces the file atomically, so readers never see a partial file.
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    create(&draft, text).map_err(fail)?;
    fs::rename(&draft, path).map_err(|error| {
        fs::remove_file(&draft).ok();
        fail(error)
    })
}

/// `create_new` is O_EXCL: it does not follow an existing symlink, and the mode applies from the start.
fn create(path: &Path, text: &SecretString) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = fill(&mut file, text);
    if written.is_err() {
        // A partial file would make the next attempt fail.
        fs::remove_file(path).ok();
    }
    written
}

fn fill(file: &mut File, text: &SecretString) -> io::Result<()> {
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn lines(url: &str, token: &str) -> String {
        let address = GatewayAddress::parse(url).unwrap();
        exports(&address, &SecretString::from(token)).expose_secret().to_owned()
    }

    #[test]
    fn the_exports_are_quoted_for_the_shell() {
        assert_eq!(
            lines("http://127.0.0.1:3577", "it's $(secret)"),
            "export GOCLAW_HOST='127.0.0.1'\nexport GOCLAW_PORT=3577\nexport GOCLAW_TOKEN='it'\\''s $(secret)'\n"
        );
        assert_eq!(
            lines("https://gateway.example/goclaw", "t"),
            "export GOCLAW_HOST='gateway.example'\nexport GOCLAW_PORT=443\n\
             export GOCLAW_GATEWAY_URL='https://gateway.example/goclaw'\nexport GOCLAW_TOKEN='t'\n"
        );
    }

    #[test]
    fn the_file_is_private_and_replaced_only_with_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        write(&path, &SecretString::from("one"), false).unwrap();
        let error = write(&path, &SecretString::from("two"), false).unwrap_err();
        assert!(matches!(error, CliError::FileExists(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, &SecretString::from("three"), true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn onboarding_without_a_token_fails() {
        let url = "http://127.0.0.1:3577".to_owned();
        let connection = Connection { url, token: None, token_file: Some("data/gateway.token".into()) };
        let error = onboard(&OnboardOptions { force: false }, &connection).unwrap_err();
        assert_eq!(error.to_string(), "no gateway token found");
    }
}
