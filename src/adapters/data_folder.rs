//! Checks the data folder at the start. The start fails if another user may have put files into it: with a planted
//! encryption key, that user could decrypt new tokens, and with a planted gateway token, call the API.

use std::{
    ffi::OsString,
    fs::{self, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Component, Path, PathBuf, absolute},
};

use rustix::process::geteuid;

use super::draft::create_draft;

const STICKY: u32 = 0o1000;
/// Maximum number of symbolic links in the folder's path, as in Linux.
const MOST_LINKS: usize = 40;

#[derive(Debug, thiserror::Error)]
pub enum UnsafeFolder {
    #[error(
        "{path} belongs to user {owner} (mode {mode:04o}) and this process to user {user}; look through it, then take it \
         over with: chown -R {user} {path}"
    )]
    Foreign { path: PathBuf, owner: u32, user: u32, mode: u32 },
    #[error(
        "{path} belongs to user {owner} (mode {mode:04o}) and this process to root; run the command as that user: sudo -u \
         '#{owner}' goclaw"
    )]
    ForeignToRoot { path: PathBuf, owner: u32, mode: u32 },
    #[error(
        "{path} is writable by others (owner {owner}, mode {mode:04o}); look through it, then restrict it with: chmod go-w \
         {path}"
    )]
    Writable { path: PathBuf, owner: u32, mode: u32 },
    #[error(
        "{path} may be changed by everybody (owner {owner}, mode {mode:04o}), so anybody could replace the data folder \
         below it; restrict it with: chmod o-w {path}"
    )]
    OpenParent { path: PathBuf, owner: u32, mode: u32 },
    #[error("{path} is a symbolic link, which the gateway does not follow. Replace it with what it points to")]
    Link { path: PathBuf },
    #[error("cannot {doing} {path}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

/// Checks whether files can be created in `folder`, or below the nearest parent that exists: writes a block and deletes
/// it. Returns the folder that was checked and the failure, or `None` if it succeeds.
pub fn write_failure(folder: &Path) -> Option<(&Path, io::Error)> {
    let existing = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let written = create_draft(&existing.join("check")).and_then(|(mut file, draft)| {
        // A network file system reports a full disk only when the file is synced.
        let written = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
        fs::remove_file(draft).and(written)
    });
    Some((existing, written.err()?))
}

/// Checks an existing data folder, its parents, and the gateway's files in it. The folder and its files must belong to
/// this user. Makes `files` private; an entry may also be a folder, whose files become private. Does not check the mode
/// of `secrets`, because each read does. `folder` may be a symbolic link; the files may not.
///
/// # Errors
/// Another user owns a file or folder, or may change a folder; a file is a symbolic link; or a check failed.
pub fn check_data_folder(folder: &Path, secrets: &[&str], files: &[&str]) -> Result<(), UnsafeFolder> {
    let Some(Resolved { folder, parents }) = resolve(folder)? else { return Ok(()) };
    for parent in parents {
        let metadata = fs::metadata(&parent).map_err(failed("check", &parent))?;
        if metadata.mode() & 0o002 != 0 && metadata.mode() & STICKY == 0 {
            let (owner, mode) = (metadata.uid(), mode(&metadata));
            return Err(UnsafeFolder::OpenParent { path: parent, owner, mode });
        }
    }
    let metadata = fs::metadata(&folder).map_err(failed("check", &folder))?;
    // Root's own gateway has a folder of root, so this one is a service's, which `chown` would break.
    if geteuid().is_root() && metadata.uid() != 0 {
        return Err(UnsafeFolder::ForeignToRoot { owner: metadata.uid(), mode: mode(&metadata), path: folder });
    }
    check_folder(&folder, &metadata)?;
    for name in secrets {
        own_metadata(&folder.join(name))?;
    }
    files.iter().try_for_each(|name| check_and_make_private(&folder.join(name)))
}

/// Where a path leads.
struct Resolved {
    /// The path without links.
    folder: PathBuf,
    /// The folders in which the parts of the path, and of the links on it, are looked up. Their writers decide where
    /// the path leads.
    parents: Vec<PathBuf>,
}

/// Follows the links in a path, like `fs::canonicalize`. Returns `None` if the folder does not exist.
fn resolve(path: &Path) -> Result<Option<Resolved>, UnsafeFolder> {
    let (mut folder, mut parents, mut links) = (PathBuf::from("/"), Vec::new(), 0);
    let mut names = reversed_names(&absolute(path).map_err(failed("find", path))?);
    while let Some(name) = names.pop() {
        if name == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(name);
        let metadata = match fs::symlink_metadata(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(failed("find", &next))?,
        };
        parents.push(folder.clone());
        if !metadata.is_symlink() {
            folder = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(failed("find", path)(io::Error::other("it has too many symbolic links")));
        }
        let target = fs::read_link(&next).map_err(failed("follow", &next))?;
        if target.is_absolute() {
            folder = PathBuf::from("/");
        }
        names.extend(reversed_names(&target));
    }
    Ok(Some(Resolved { folder, parents }))
}

/// Returns the names in a path, the last one first.
fn reversed_names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut names: Vec<OsString> = names.map(|part| part.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

/// Checks a file, or a folder with its files, and makes the files private.
fn check_and_make_private(path: &Path) -> Result<(), UnsafeFolder> {
    let Some(metadata) = own_metadata(path)? else { return Ok(()) };
    if !metadata.is_dir() {
        return make_private(path, &metadata);
    }
    check_folder(path, &metadata)?;
    for entry in fs::read_dir(path).map_err(failed("list", path))? {
        check_and_make_private(&entry.map_err(failed("list", path))?.path())?;
    }
    Ok(())
}

/// Returns the metadata of a file, or `None` if it does not exist. Rejects symbolic links and files of other users.
fn own_metadata(path: &Path) -> Result<Option<Metadata>, UnsafeFolder> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(failed("check", path))?,
    };
    if metadata.is_symlink() {
        return Err(UnsafeFolder::Link { path: path.to_owned() });
    }
    check_owner(path, &metadata)?;
    Ok(Some(metadata))
}

fn check_folder(path: &Path, metadata: &Metadata) -> Result<(), UnsafeFolder> {
    check_owner(path, metadata)?;
    if metadata.mode() & 0o022 != 0 {
        let (owner, mode) = (metadata.uid(), mode(metadata));
        return Err(UnsafeFolder::Writable { path: path.to_owned(), owner, mode });
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), UnsafeFolder> {
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    if owner == user {
        return Ok(());
    }
    Err(UnsafeFolder::Foreign { path: path.to_owned(), owner, user, mode: mode(metadata) })
}

/// Sets the mode of a file to 0600 if group or others have access.
fn make_private(path: &Path, metadata: &Metadata) -> Result<(), UnsafeFolder> {
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed("make private", path))?;
        tracing::warn!(path = %path.display(), mode = %format!("{:04o}", mode(metadata)), "a file was open to others; it is private now");
    }
    Ok(())
}

fn mode(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o7777
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UnsafeFolder {
    move |source| UnsafeFolder::Io { doing, path: path.to_owned(), source }
}
