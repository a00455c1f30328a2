//! Loads the trusted certificate authorities of outbound connections: those of the system or of `SSL_CERT_FILE`, and
//! those in `tls.ca_file`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, Error as TlsError,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

/// The reason why the trusted authorities cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthorities {
    #[error("cannot read {} of tls.ca_file", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} of tls.ca_file is not valid PEM", path.display())]
    NotPem { path: PathBuf, source: pem::Error },
    #[error("{} of tls.ca_file has no certificate in PEM", path.display())]
    Empty { path: PathBuf },
    #[error("a certificate in {} of tls.ca_file is not valid", path.display())]
    Certificate { path: PathBuf, source: TlsError },
    #[error("the system's certificate authorities cannot be used")]
    System(#[from] TlsError),
}

pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, InvalidAuthorities> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match ca_file {
        None => Verifier::new(Arc::clone(&provider))?,
        Some(path) => Verifier::new_with_extra_roots(read_certificates(path)?, Arc::clone(&provider))
            .map_err(|source| InvalidAuthorities::Certificate { path: path.to_owned(), source })?,
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Reads the certificates in a PEM file.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidAuthorities> {
    let path = path.to_owned();
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(InvalidAuthorities::Unreadable { path, source }),
    };
    match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if found.is_empty() => Err(InvalidAuthorities::Empty { path }),
        Ok(found) => Ok(found),
        Err(source) => Err(InvalidAuthorities::NotPem { path, source }),
    }
}
