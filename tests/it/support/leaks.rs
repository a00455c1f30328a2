//! Searches a gateway's logs and files for secrets. A `Home` does this when its test ends. Its gateways log at the most
//! verbose level.

use std::{fs, io, path::Path};

/// The marker in all codes and tokens of the simulator: in plain text, and as encoded in its JWTs.
pub(crate) const MARKERS: [&str; 2] = ["CANARY", "eyJqdGkiOiJDQU5B"];

/// The files that hold one secret each, by design.
const SECRET_FILES: [&str; 2] = ["gateway.token", "encryption.key"];

/// Returns the logs in `logs`, and the files below `data_dir`, that contain a marker or the gateway's token.
pub(crate) fn files_with_secrets(logs: &Path, data_dir: &Path) -> Vec<String> {
    let token = fs::read_to_string(data_dir.join(SECRET_FILES[0])).unwrap_or_default();
    let mut secrets = MARKERS.to_vec();
    secrets.extend(Some(token.trim()).filter(|token| !token.is_empty()));
    let is_log = |name: &str| name.ends_with(".stdout") || name.ends_with(".stderr");
    let mut found = Vec::new();
    search(logs, &is_log, &secrets, &mut found);
    search(data_dir, &|name| !SECRET_FILES.contains(&name), &secrets, &mut found);
    found
}

/// Adds to `found` the files with a chosen name that contain a secret. Also searches the subfolders with a chosen name.
fn search(folder: &Path, is_chosen: &dyn Fn(&str) -> bool, secrets: &[&str], found: &mut Vec<String>) {
    for entry in if_there(fs::read_dir(folder)).into_iter().flatten() {
        let entry = entry.expect("the folder is readable");
        let (path, name) = (entry.path(), entry.file_name());
        if !is_chosen(&name.to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().expect("a file type");
        if kind.is_dir() {
            search(&path, is_chosen, secrets, found);
        } else if kind.is_file() {
            // Secrets are ASCII, so the lossy conversion of binary files keeps them.
            let content = if_there(fs::read(&path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&content);
            let start = |secret: &str| secret.chars().take(6).collect::<String>();
            let places = secrets.iter().filter(|secret| text.contains(**secret));
            found.extend(places.map(|secret| format!("{}: {}...", path.display(), start(secret))));
        }
    }
}

/// Returns None for a file or folder that is not there. Any other error would hide a leak.
fn if_there<T>(read: io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.expect("it is readable")),
    }
}
