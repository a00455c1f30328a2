//! Archives: backups and exported accounts, as lines of JSON in a file that is encrypted with a passphrase.
//!
//! The file has the format of age (age-encryption.org/v1) with one scrypt recipient, so `age --decrypt FILE` opens it
//! without goclaw. [`sealing`] handles age's header and the keys, [`chunks`] encrypts the content, and [`lines`]
//! defines its lines. A writer writes a draft beside the file, so a file under its final name is complete, or empty if
//! the process died while it renamed the draft.

mod chunks;
mod lines;
mod sealing;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use secrecy::{SecretString, zeroize::Zeroizing};
use serde::Serialize;

use lines::FORMAT;
pub use lines::{ArchiveKind, ArchivedAccount, ArchivedSecrets, Header, Line, StoredCheck};

use crate::{adapters::draft::create_draft, ports::Random};
use chunks::{ChunkReader, ChunkWriter};

/// Maximum length of a line, in bytes: twice that of a batch of 8 remembered responses of 16 MiB each.
const MAX_LINE_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{} exists already; choose another name, or move it away", .0.display())]
    Exists(PathBuf),
    #[error("cannot {doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not an archive of goclaw", .0.display())]
    NotAnArchive(PathBuf),
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
    #[error("{} is damaged or incomplete: {why}", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("{} was made by a newer goclaw; use that version", .0.display())]
    Newer(PathBuf),
    #[error("the random number generator failed")]
    Random(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Writes an archive as a [`Draft`]. Dropping the writer deletes the draft.
pub struct ArchiveWriter {
    path: PathBuf,
    draft: Draft,
    content: ChunkWriter<BufWriter<File>>,
}

impl ArchiveWriter {
    /// Creates the draft and writes the header.
    ///
    /// # Errors
    /// [`ArchiveError::Exists`], [`ArchiveError::Io`], [`ArchiveError::Random`].
    pub fn create(
        path: &Path,
        passphrase: &SecretString,
        random: &dyn Random,
        header: &Header,
    ) -> Result<Self, ArchiveError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(ArchiveError::Exists(path.to_owned()));
        }
        let (file, temporary) = create_draft(path).map_err(failed("create", path))?;
        let (mut file, draft) = (BufWriter::new(file), Draft { temporary, path: path.to_owned(), is_kept: false });
        let key = sealing::begin(&mut file, passphrase, random)?.map_err(failed("write", path))?;
        let mut writer = Self { path: path.to_owned(), draft, content: ChunkWriter::new(file, &key) };
        writer.write(header)?;
        Ok(writer)
    }

    /// Appends a line.
    pub fn write(&mut self, line: &impl Serialize) -> Result<(), ArchiveError> {
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|text| {
            let text = Zeroizing::new(text);
            if text.len() as u64 >= MAX_LINE_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.content.write_all(&text)?;
            self.content.write_all(b"\n")
        });
        written.map_err(failed("write", &self.path))
    }

    /// Writes the rest of the content and syncs the file. The file keeps the draft's name.
    pub fn finish(self) -> Result<Draft, ArchiveError> {
        let Self { path, draft, content } = self;
        let synced = content.finish().and_then(|file| {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            sync_folder_of(&path)
        });
        synced.map_err(failed("write", &path))?;
        Ok(draft)
    }
}

/// An archive under a temporary name. Dropping this value deletes the file, except after `publish` or `keep`.
pub struct Draft {
    temporary: PathBuf,
    path: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// Returns the temporary name.
    pub fn name(&self) -> &Path {
        &self.temporary
    }

    /// Keeps the file when this value is dropped, because it may be the only copy of its content.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Deletes the file, even after [`Draft::keep`].
    pub fn discard(mut self) {
        self.is_kept = false;
    }

    /// Renames the file to its final name. Fails if another file has that name.
    pub fn publish(mut self) -> Result<(), ArchiveError> {
        // Reserve the name first, because a rename would replace an existing file.
        let reserved = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        if let Err(error) = reserved {
            let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
            let path = self.path.clone();
            return Err(if is_taken { ArchiveError::Exists(path) } else { failed("write", &path)(error) });
        }
        let renamed = fs::rename(&self.temporary, &self.path);
        if renamed.is_err() {
            // Free the reserved name. A failure is ignored, because the rename's error is returned anyway.
            let _ = fs::remove_file(&self.path);
        }
        renamed.and_then(|()| sync_folder_of(&self.path)).map_err(failed("write", &self.path))?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // A leftover draft does no harm, so a failure is ignored.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Reads an archive line by line.
pub struct ArchiveReader {
    path: PathBuf,
    content: BufReader<ChunkReader<BufReader<File>>>,
    header: Header,
    /// The number of rows and accounts read so far.
    count: usize,
    is_at_end: bool,
}

impl ArchiveReader {
    /// Opens an archive and reads its header.
    ///
    /// # Errors
    /// All of [`ArchiveError`] except `Exists` and `Random`.
    pub fn open(path: &Path, passphrase: &SecretString) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let mut file = BufReader::new(file);
        let key = sealing::open(&mut file, passphrase, path)?;
        let content = BufReader::new(ChunkReader::new(file, &key));
        let header = Header::default();
        let mut reader = Self { path: path.to_owned(), content, header, count: 0, is_at_end: false };
        let header = reader.read_line()?.ok_or_else(|| reader.damaged("it is empty"))?;
        reader.header = match serde_json::from_str::<Header>(&header) {
            Ok(header) if header.goclaw_archive > FORMAT => return Err(ArchiveError::Newer(path.to_owned())),
            Ok(header) => header,
            Err(_other_content) => return Err(ArchiveError::NotAnArchive(path.to_owned())),
        };
        Ok(reader)
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the next line; `None` after the last one.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if a line is invalid, or the end line is missing, has a wrong count or is not last.
    pub fn next_line(&mut self) -> Result<Option<Line>, ArchiveError> {
        if self.is_at_end {
            return Ok(None);
        }
        let text = self.read_line()?.ok_or_else(|| self.damaged("its end is missing"))?;
        let mut line: Line = serde_json::from_str(&text).map_err(|error| self.invalid_line(&error))?;
        let Some(end) = line.end else {
            line.count = line.count_entries().map_err(|error| self.invalid_line(&error))?;
            self.count += line.count;
            return Ok(Some(line));
        };
        if usize::try_from(end) != Ok(self.count) {
            return Err(self.damaged(&format!("it has {} of {end} entries", self.count)));
        }
        self.is_at_end = true;
        match self.read_line()? {
            None => Ok(None),
            Some(_more) => Err(self.damaged("something follows its end")),
        }
    }

    /// Returns the error for an invalid line, without serde's text, which may quote a token of the line.
    fn invalid_line(&self, error: &serde_json::Error) -> ArchiveError {
        self.damaged(&format!("a line is invalid at column {}", error.column()))
    }

    fn read_line(&mut self) -> Result<Option<Zeroizing<String>>, ArchiveError> {
        let mut line = Zeroizing::new(Vec::new());
        let read = (&mut self.content).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| self.damaged(&error.to_string()))?;
        if line.is_empty() {
            return Ok(None);
        }
        let text = str::from_utf8(&line).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(Some(Zeroizing::new(text.trim_end().to_owned())))
    }

    fn damaged(&self, why: &str) -> ArchiveError {
        ArchiveError::Damaged { path: self.path.clone(), why: why.to_owned() }
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    move |source| ArchiveError::Io { doing, path: path.to_owned(), source }
}
