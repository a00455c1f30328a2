//! The content of an age file: chunks of 64 KiB, each authenticated with its number and whether it is the last.

use std::io::{self, Read, Write};

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{
        generic_array::GenericArray,
        stream::{DecryptorBE32, EncryptorBE32},
    },
};
use secrecy::zeroize::Zeroizing;

use super::sealing::ContentKey;

const CHUNK: usize = 64 * 1_024;
const TAG: usize = 16;

/// The nonce of age is a number of 11 bytes and a flag. The first 7 bytes stay zero in files below 256 TiB.
const FIRST_BYTES: [u8; 7] = [0; 7];

fn sealing_failed(opaque: chacha20poly1305::Error) -> io::Error {
    io::Error::other(opaque.to_string())
}

/// Encrypts what is written to it. [`ChunkWriter::finish`] writes the last chunk.
pub(super) struct ChunkWriter<W> {
    file: W,
    cipher: EncryptorBE32<ChaCha20Poly1305>,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(file: W, key: &ContentKey) -> Self {
        let cipher = EncryptorBE32::from_aead(
            ChaCha20Poly1305::new(key.as_slice().into()),
            GenericArray::from_slice(&FIRST_BYTES),
        );
        Self { file, cipher, chunk: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        let last = self.cipher.encrypt_last(self.chunk.as_slice()).map_err(sealing_failed)?;
        self.file.write_all(&last)?;
        Ok(self.file)
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only the last chunk may be shorter, and it may not be empty: a full one waits for what follows it.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            let sealed = self.cipher.encrypt_next(self.chunk.as_slice()).map_err(sealing_failed)?;
            self.file.write_all(&sealed)?;
            self.chunk.clear();
        }
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts a file. A changed, moved or missing chunk is an error.
pub(super) struct ChunkReader<R> {
    file: R,
    /// None after the last chunk.
    cipher: Option<DecryptorBE32<ChaCha20Poly1305>>,
    /// The next sealed chunk, which is read ahead to know the last one.
    ahead: Option<Vec<u8>>,
    chunk: Zeroizing<Vec<u8>>,
    position: usize,
}

impl<R: Read> ChunkReader<R> {
    pub(super) fn new(file: R, key: &ContentKey) -> Self {
        let cipher = DecryptorBE32::from_aead(
            ChaCha20Poly1305::new(key.as_slice().into()),
            GenericArray::from_slice(&FIRST_BYTES),
        );
        Self { file, cipher: Some(cipher), ahead: None, chunk: Zeroizing::default(), position: 0 }
    }

    fn sealed_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(CHUNK + TAG);
        let most = u64::try_from(CHUNK + TAG).unwrap_or(u64::MAX);
        self.file.by_ref().take(most).read_to_end(&mut sealed)?;
        Ok(sealed)
    }

    /// Decrypts the next chunk; leaves it empty at the end.
    fn advance(&mut self) -> io::Result<()> {
        (self.chunk, self.position) = (Zeroizing::default(), 0);
        let Some(mut cipher) = self.cipher.take() else { return Ok(()) };
        let sealed = match self.ahead.take() {
            Some(sealed) => sealed,
            None => self.sealed_chunk()?,
        };
        let ahead = self.sealed_chunk()?;
        let changed = |_opaque| io::Error::new(io::ErrorKind::InvalidData, "it was changed or cut off");
        if ahead.is_empty() {
            self.chunk = Zeroizing::new(cipher.decrypt_last(sealed.as_slice()).map_err(changed)?);
        } else {
            self.chunk = Zeroizing::new(cipher.decrypt_next(sealed.as_slice()).map_err(changed)?);
            (self.ahead, self.cipher) = (Some(ahead), Some(cipher));
        }
        Ok(())
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            self.advance()?;
        }
        let rest = self.chunk.get(self.position..).unwrap_or_default();
        let count = (&mut &*rest).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}
