//! Opens a login's authorize URL, or the link of the page, in the default browser.
//!
//! Both are secret, and others on the machine can read the arguments and environments of processes. So the browser gets
//! the path of a private file that redirects to the URL.

use std::{
    env, fs,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::PathBuf,
    process::Stdio,
};

use url::Url;

use super::address::is_loopback;

/// Returns the URL if it is safe to open. It comes from the network, and other schemes would start other programs.
pub fn openable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    safe.then_some(url)
}

/// The file that redirects a browser to the URL. Dropping this value removes it.
#[derive(Debug)]
pub struct OpenedPage(PathBuf);

impl Drop for OpenedPage {
    fn drop(&mut self) {
        // If this fails, a private file stays whose URL expires soon.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes the file and passes its path to the desktop as one argument, without a shell and without `own_variables`, one
/// of which may be the gateway's token. Success means only that the browser was launched.
///
/// # Errors
///
/// The URL is not safe to open, the file cannot be written, or no browser can be launched.
pub fn open(url: &str, own_variables: &[String]) -> io::Result<OpenedPage> {
    let url = openable(url).ok_or(io::ErrorKind::InvalidInput)?;
    let page = OpenedPage::write(&url)?;
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for mut command in open::commands(&page.0) {
        for name in own_variables {
            command.env_remove(name);
        }
        // Ctrl-C in this terminal does not end the browser.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(_launched) => return Ok(page),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl OpenedPage {
    /// Writes the file to the home folder, without a dot in its name: sandboxed browsers can read that.
    fn write(url: &Url) -> io::Result<Self> {
        let folder = env::home_dir().filter(|home| home.is_dir()).unwrap_or_else(env::temp_dir);
        let path = folder.join(format!("goclaw-sign-in-{}.html", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let page = Self(path);
        // A parsed URL contains no quotes or angle brackets, so only the ampersand needs escaping.
        let address = url.as_str().replace('&', "&amp;");
        writeln!(
            file,
            "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
             <meta http-equiv=\"refresh\" content=\"0;url={address}\"><title>goclaw</title>\
             <a href=\"{address}\">Sign in</a>"
        )?;
        Ok(page)
    }
}
