//! Opens a login's authorize URL, or the link of the page, in the default browser.
//!
//! Both URLs are secret, and other users of the machine can read the arguments of processes. The browser therefore gets
//! the path of a private file that redirects to the URL.

use std::{
    env, fs,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use url::Url;

use super::address::is_loopback;

/// The name of a redirect file is the id of its process between these two.
const PREFIX: &str = "goclaw-sign-in-";
const SUFFIX: &str = ".html";

/// Parses a URL from the network. Returns it if it is safe to open: other schemes could start other programs, and plain
/// HTTP is only safe on this machine.
pub fn openable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    safe.then_some(url)
}

/// A file that redirects a browser to a URL. Dropping this value removes the file.
#[derive(Debug)]
pub struct RedirectFile(PathBuf);

impl Drop for RedirectFile {
    fn drop(&mut self) {
        // If this fails, the file stays. Only its owner can read it, and its URL expires soon.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a redirect file and launches the default browser with its path, without a shell. The browser does not inherit
/// the environment variables `own_variables`, one of which may be the gateway's token. Does not wait for the browser.
///
/// # Errors
///
/// The URL is not safe to open, the file cannot be written, or no browser can be launched.
pub fn open(url: &str, own_variables: &[String]) -> io::Result<RedirectFile> {
    let url = openable(url).ok_or(io::ErrorKind::InvalidInput)?;
    let page = RedirectFile::write(&url)?;
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for mut command in open::commands(&page.0) {
        for name in own_variables {
            command.env_remove(name);
        }
        // A process group of its own, so that Ctrl-C in this terminal does not end the browser.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(_launched) => return Ok(page),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl RedirectFile {
    /// Writes the file to the home folder under a name without a leading dot, so that sandboxed browsers can read it.
    fn write(url: &Url) -> io::Result<Self> {
        let folder = env::home_dir().filter(|home| home.is_dir()).unwrap_or_else(env::temp_dir);
        remove_left_files(&folder);
        let path = folder.join(format!("{PREFIX}{}{SUFFIX}", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let page = Self(path);
        // A parsed URL contains no angle brackets, but its host may contain a double quote.
        let address = url.as_str().replace('&', "&amp;").replace('"', "&quot;");
        writeln!(
            file,
            "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
             <meta http-equiv=\"refresh\" content=\"0;url={address}\"><title>goclaw</title>\
             <a href=\"{address}\">Sign in</a>"
        )?;
        Ok(page)
    }
}

/// Removes the redirect files of processes that were killed.
fn remove_left_files(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().and_then(process_of).is_some_and(has_ended)) {
        // If this fails, the file stays: see `RedirectFile::drop`.
        let _ = fs::remove_file(entry.path());
    }
}

fn process_of(file_name: &str) -> Option<Pid> {
    let id = file_name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse::<i32>().ok()?;
    if id > 0 { Pid::from_raw(id) } else { None }
}

fn has_ended(process: Pid) -> bool {
    test_kill_process(process).is_err_and(|error| error == Errno::SRCH)
}
