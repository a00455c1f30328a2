//! Writes and reads the header of an age file (<https://c2sp.org/age>) with one scrypt recipient.
//!
//! scrypt derives a wrapping key from the passphrase. The wrapping key encrypts a random file key. HKDF derives two
//! keys from the file key: one for the header's MAC, and one for the payload.

use std::{
    io::{self, BufRead, Read, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, aead::Aead};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::Sha256;

use super::{ArchiveError, failed};
use crate::ports::Random;

const VERSION: &str = "age-encryption.org/v1";
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// scrypt's work factor for new files: 2^17 blocks of 1 KiB, about half a second and 128 MiB.
const WORK_FACTOR: u8 = 17;
/// The highest work factor that is read. It needs 1 GiB of memory.
const MAX_WORK_FACTOR: u8 = 20;
/// Maximum length of a header line.
const MAX_HEADER_LINE_BYTES: u64 = 1_024;

/// The key that encrypts the payload.
pub(super) type PayloadKey = Zeroizing<[u8; 32]>;

/// Writes a header with a new file key. Returns the payload key.
pub(super) fn begin(
    file: &mut impl Write,
    passphrase: &SecretString,
    random: &dyn Random,
) -> Result<io::Result<PayloadKey>, ArchiveError> {
    let (mut file_key, mut salt, mut nonce) = (Zeroizing::new([0; 16]), [0; 16], [0; 16]);
    for bytes in [file_key.as_mut_slice(), &mut salt, &mut nonce] {
        random.fill(bytes).map_err(|error| ArchiveError::Random(Box::new(error)))?;
    }
    Ok(write_header(file, passphrase, &file_key, salt, nonce))
}

fn write_header(
    file: &mut impl Write,
    passphrase: &SecretString,
    file_key: &[u8; 16],
    salt: [u8; 16],
    nonce: [u8; 16],
) -> io::Result<PayloadKey> {
    let wrapping = wrapping_key(passphrase, &salt, WORK_FACTOR).ok_or(io::ErrorKind::InvalidInput)?;
    // age uses a nonce of zeros here, because each wrapping key encrypts only one file key.
    let wrapped = wrapping.encrypt(&Nonce::default(), file_key.as_slice());
    let wrapped = wrapped.map_err(|opaque| io::Error::other(opaque.to_string()))?;
    let [salt, wrapped] = [salt.as_slice(), &wrapped].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    let header = format!("{VERSION}\n-> scrypt {salt} {WORK_FACTOR}\n{wrapped}\n---");
    let mac = STANDARD_NO_PAD.encode(header_mac(file_key, &header)?.finalize().into_bytes());
    file.write_all(format!("{header} {mac}\n").as_bytes())?;
    file.write_all(&nonce)?;
    derive_key(file_key, Some(&nonce), b"payload")
}

/// Reads a header and returns the key of the payload that follows.
pub(super) fn open(
    file: &mut impl BufRead,
    passphrase: &SecretString,
    path: &Path,
) -> Result<PayloadKey, ArchiveError> {
    let not_an_archive = || ArchiveError::NotAnArchive(path.to_owned());
    let mut lines = Vec::new();
    for _ in 0..4 {
        let mut line = String::new();
        let read = file.by_ref().take(MAX_HEADER_LINE_BYTES).read_line(&mut line);
        read.map_err(|error| {
            if error.kind() == io::ErrorKind::InvalidData { not_an_archive() } else { failed("read", path)(error) }
        })?;
        lines.push(line.strip_suffix('\n').ok_or_else(not_an_archive)?.to_owned());
    }
    let [version, recipient, wrapped, end] = lines.as_slice() else { return Err(not_an_archive()) };
    let (salt, work_factor) =
        recipient.strip_prefix("-> scrypt ").and_then(|rest| rest.split_once(' ')).ok_or_else(not_an_archive)?;
    let mac = end.strip_prefix("--- ").filter(|_| version == VERSION).ok_or_else(not_an_archive)?;
    let [salt, wrapped, mac] =
        [salt, wrapped, mac].map(|text| STANDARD_NO_PAD.decode(text).map_err(|_| not_an_archive()));
    let (salt, wrapped, mac) = (salt?, wrapped?, mac?);
    let work_factor: u8 = work_factor
        .parse()
        .ok()
        .filter(|work_factor| (1..=MAX_WORK_FACTOR).contains(work_factor))
        .ok_or_else(not_an_archive)?;
    let wrapping = wrapping_key(passphrase, &salt, work_factor).ok_or_else(not_an_archive)?;
    let file_key = wrapping.decrypt(&Nonce::default(), wrapped.as_slice());
    let file_key = Zeroizing::new(file_key.map_err(|_opaque| ArchiveError::WrongPassphrase(path.to_owned()))?);
    let file_key: &[u8; 16] = file_key.as_slice().try_into().map_err(|_other_length| not_an_archive())?;
    let header = format!("{version}\n{recipient}\n{}\n---", STANDARD_NO_PAD.encode(&wrapped));
    let expected = header_mac(file_key, &header).map_err(failed("read", path))?;
    let changed = || ArchiveError::Damaged { path: path.to_owned(), why: "its header was changed".to_owned() };
    expected.verify_slice(&mac).map_err(|_opaque| changed())?;
    let mut nonce = [0; 16];
    file.read_exact(&mut nonce).map_err(failed("read", path))?;
    derive_key(file_key, Some(&nonce), b"payload").map_err(failed("read", path))
}

/// Derives the wrapping key. age fixes scrypt's parameters r = 8 and p = 1.
fn wrapping_key(passphrase: &SecretString, salt: &[u8], work_factor: u8) -> Option<ChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    let salt = [SALT_LABEL, salt].concat();
    let parameters = scrypt::Params::new(work_factor, 8, 1, key.len()).ok()?;
    scrypt::scrypt(passphrase.expose_secret().as_bytes(), &salt, &parameters, key.as_mut_slice()).ok()?;
    Some(ChaCha20Poly1305::new(key.as_slice().into()))
}

fn header_mac(file_key: &[u8; 16], header: &str) -> io::Result<Hmac<Sha256>> {
    let key = derive_key(file_key, None, b"header")?;
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_slice()).map_err(io::Error::other)?;
    Ok(mac.chain_update(header))
}

fn derive_key(file_key: &[u8; 16], salt: Option<&[u8]>, label: &[u8]) -> io::Result<PayloadKey> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(salt, file_key).expand(label, key.as_mut_slice());
    expanded.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}
