//! Creates files under a temporary name. The caller renames the complete file, so no reader sees a partial one.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Creates a file with mode 0600 and an unused name beside `path`. Returns the file and its path. Never overwrites an
/// earlier draft, which may be the only copy of tokens. The name contains a counter, because processes in different
/// containers often have the same id.
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
