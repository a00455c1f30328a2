//! Files under a temporary name beside their own, so that no reader sees a partial one.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Creates a new file with mode 0600 beside `path`. Its name is that of `path` and one that no file has. An earlier draft is
/// never touched, because it may be the only copy of tokens; processes in containers often have the same id.
///
/// # Errors
/// The file cannot be created.
pub(super) fn create_draft(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut attempt = 0_u32;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".draft-{}-{attempt}", std::process::id()));
        let draft = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft) {
            Ok(file) => return Ok((file, draft)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
