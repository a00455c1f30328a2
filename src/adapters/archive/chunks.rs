//! Encrypts and decrypts the payload of an age file: a sequence of 64 KiB chunks. Each chunk's nonce contains a counter
//! and a last-chunk flag, so a moved or missing chunk does not decrypt.

use std::io::{self, Read, Write};

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{
        generic_array::GenericArray,
        stream::{DecryptorBE32, EncryptorBE32},
    },
};
use secrecy::zeroize::Zeroizing;

use super::sealing::PayloadKey;

const CHUNK_BYTES: usize = 64 * 1_024;
const TAG_BYTES: usize = 16;

/// A nonce is an 11-byte counter and a flag byte. The first 7 bytes of the counter are zero in files below 256 TiB.
const NONCE_PREFIX: [u8; 7] = [0; 7];

fn sealing_failed(opaque: chacha20poly1305::Error) -> io::Error {
    io::Error::other(opaque.to_string())
}

/// Encrypts the bytes written to it. The file is incomplete until [`ChunkWriter::finish`] writes the last chunk.
pub(super) struct ChunkWriter<W> {
    file: W,
    cipher: EncryptorBE32<ChaCha20Poly1305>,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(file: W, key: &PayloadKey) -> Self {
        let cipher = EncryptorBE32::from_aead(
            ChaCha20Poly1305::new(key.as_slice().into()),
            GenericArray::from_slice(&NONCE_PREFIX),
        );
        Self { file, cipher, chunk: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)) }
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        let last = self.cipher.encrypt_last(self.chunk.as_slice()).map_err(sealing_failed)?;
        self.file.write_all(&last)?;
        Ok(self.file)
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Hold a full chunk back until more bytes come. It may be the last chunk, which must not be empty.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            let sealed = self.cipher.encrypt_next(self.chunk.as_slice()).map_err(sealing_failed)?;
            self.file.write_all(&sealed)?;
            self.chunk.clear();
        }
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts a payload. Fails with [`io::ErrorKind::InvalidData`] if a chunk is changed, moved or missing.
pub(super) struct ChunkReader<R> {
    file: R,
    /// `None` after the last chunk.
    cipher: Option<DecryptorBE32<ChaCha20Poly1305>>,
    /// The next sealed chunk. It is read ahead: the current chunk is the last if no other follows.
    ahead: Option<Vec<u8>>,
    chunk: Zeroizing<Vec<u8>>,
    position: usize,
}

impl<R: Read> ChunkReader<R> {
    pub(super) fn new(file: R, key: &PayloadKey) -> Self {
        let cipher = DecryptorBE32::from_aead(
            ChaCha20Poly1305::new(key.as_slice().into()),
            GenericArray::from_slice(&NONCE_PREFIX),
        );
        Self { file, cipher: Some(cipher), ahead: None, chunk: Zeroizing::default(), position: 0 }
    }

    fn read_sealed_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        let limit = u64::try_from(CHUNK_BYTES + TAG_BYTES).unwrap_or(u64::MAX);
        self.file.by_ref().take(limit).read_to_end(&mut sealed)?;
        Ok(sealed)
    }

    /// Decrypts the next chunk into `self.chunk`, which stays empty after the last chunk.
    fn advance(&mut self) -> io::Result<()> {
        (self.chunk, self.position) = (Zeroizing::default(), 0);
        let Some(mut cipher) = self.cipher.take() else { return Ok(()) };
        let sealed = match self.ahead.take() {
            Some(sealed) => sealed,
            None => self.read_sealed_chunk()?,
        };
        let ahead = self.read_sealed_chunk()?;
        let damaged = |_opaque| io::Error::new(io::ErrorKind::InvalidData, "it was changed or cut off");
        if ahead.is_empty() {
            self.chunk = Zeroizing::new(cipher.decrypt_last(sealed.as_slice()).map_err(damaged)?);
        } else {
            self.chunk = Zeroizing::new(cipher.decrypt_next(sealed.as_slice()).map_err(damaged)?);
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
