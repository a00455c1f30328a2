//! The certificate of a TLS listener. New connections use changed files within a few seconds, and SIGHUP reloads the
//! files at once (`bootstrap/reload.rs`), so a renewed certificate needs no restart.

use std::{
    error::Error,
    fs, io, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    Error as TlsError, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use secrecy::zeroize::Zeroizing;
use x509_cert::{
    Certificate,
    der::{self, Decode},
};

/// Minimum time between two checks for changed files.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The name of HTTP/1.1 in ALPN (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCertificate {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} has no {what} in PEM", path.display())]
    NotPem { what: &'static str, path: PathBuf, source: pem::Error },
    #[error("the first certificate in {} is not valid", path.display())]
    NotX509 { path: PathBuf, source: der::Error },
    #[error("the certificate in {} and the key in {} do not match", certificate.display(), key.display())]
    KeyMismatch { certificate: PathBuf, key: PathBuf, source: TlsError },
}

/// A certificate with its chain and its key, reloaded when their files change.
pub struct ServerCertificate {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    ends_at: i64,
    modified: [Option<SystemTime>; 2],
    checked_at: Instant,
}

impl ServerCertificate {
    /// Reads both files, in PEM.
    ///
    /// # Errors
    /// All of [`InvalidCertificate`].
    #[expect(clippy::disallowed_methods, reason = "files change in real time")]
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, InvalidCertificate> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let modified = [&certificate, &key].map(|path| modified_at(path));
        let (config, ends_at) = read(&certificate, &key)?;
        let current = Current { config, ends_at, modified, checked_at: Instant::now() };
        Ok(Self { certificate, key, current: Mutex::new(current) })
    }

    /// Returns the TLS configuration for a new connection. If the files have changed and cannot be used, the previous
    /// ones stay in use.
    #[expect(clippy::disallowed_methods, reason = "files change in real time")]
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current();
        if current.checked_at.elapsed() >= CHECK_INTERVAL {
            current.checked_at = Instant::now();
            if self.modified() != current.modified {
                self.reload_into(&mut current);
            }
        }
        Arc::clone(&current.config)
    }

    /// Reloads the files now, changed or not. If they cannot be used, the previous ones stay in use.
    pub fn reload(&self) {
        self.reload_into(&mut self.current());
    }

    /// Returns when the certificate expires, in Unix seconds.
    pub fn ends_at(&self) -> i64 {
        self.current().ends_at
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| modified_at(path))
    }

    fn reload_into(&self, current: &mut Current) {
        let before = mem::replace(&mut current.modified, self.modified());
        match read(&self.certificate, &self.key) {
            Ok((config, ends_at)) => {
                (current.config, current.ends_at) = (config, ends_at);
                let novelty = if before == current.modified { "unchanged" } else { "new" };
                tracing::info!("the {novelty} certificate in {} is in use", self.certificate.display());
            }
            Err(error) => {
                let cause = error.source().map(ToString::to_string);
                tracing::error!(error = %error, cause, "the new certificate is not used; the previous one stays");
            }
        }
    }
}

fn modified_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Returns the TLS configuration, and when the certificate expires, in Unix seconds.
fn read(certificate: &Path, key: &Path) -> Result<(Arc<ServerConfig>, i64), InvalidCertificate> {
    let text = |path: &Path| {
        let text = fs::read(path).map(Zeroizing::new);
        text.map_err(|source| InvalidCertificate::Unreadable { path: path.to_owned(), source })
    };
    let not_pem = |what, path: &Path| {
        let path = path.to_owned();
        move |source| InvalidCertificate::NotPem { what, path, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text(certificate)?).collect();
    let chain = chain.map_err(not_pem("certificate", certificate))?;
    let first = chain.first().ok_or_else(|| not_pem("certificate", certificate)(pem::Error::NoItemsFound))?;
    let first = Certificate::from_der(first)
        .map_err(|source| InvalidCertificate::NotX509 { path: certificate.to_owned(), source })?;
    let ends_at = first.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    let private_key = PrivateKeyDer::from_pem_slice(&text(key)?).map_err(not_pem("private key", key))?;
    let mismatch =
        |source| InvalidCertificate::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned(), source };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private_key));
    let mut config = config.map_err(mismatch)?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok((Arc::new(config), ends_at.try_into().unwrap_or(i64::MAX)))
}
