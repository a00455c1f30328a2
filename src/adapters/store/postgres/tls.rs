//! Sets up TLS for connections to a PostgreSQL server, from the parameters that `address` has parsed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use secrecy::zeroize::Zeroizing;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Verification};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidTls {
    #[error("cannot read the file {} of {parameter}", path.display())]
    Unreadable { parameter: &'static str, path: PathBuf, source: io::Error },
    #[error("the file {} of {parameter} is not valid PEM", path.display())]
    NotPem { parameter: &'static str, path: PathBuf, source: pem::Error },
    #[error("the file {} of {parameter} has no certificate in PEM", path.display())]
    NoCertificate { parameter: &'static str, path: PathBuf },
    #[error(
        "other users may read the private key {} (mode {mode:04o}); make it private: chmod 600, or 640 if root owns it",
        path.display()
    )]
    ExposedKey { path: PathBuf, mode: u32 },
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
}

/// Returns the TLS connector for an address. Reads the files of the address, and `ca_file` with authorities to trust in
/// addition to the system's.
pub(super) fn connector(address: &Address, ca_file: Option<&Path>) -> Result<MakeRustlsConnect, InvalidTls> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &address.verification {
        Verification::None => Arc::new(Unverified(Arc::clone(&provider))),
        Verification::Authority(file) => Arc::new(AnyName(file_verifier(file, &provider)?)),
        Verification::Name(Some(file)) => file_verifier(file, &provider)?,
        Verification::Name(None) => {
            let more = ca_file.map(|file| certificates("tls.ca_file", file)).transpose()?.unwrap_or_default();
            Arc::new(Verifier::new_with_extra_roots(more, Arc::clone(&provider))?)
        }
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &address.client {
        None => config.with_no_client_auth(),
        Some((chain, key)) => config.with_client_auth_cert(certificates("sslcert", chain)?, private_key(key)?)?,
    };
    if address.config.get_ssl_negotiation() == SslNegotiation::Direct {
        // With `sslnegotiation=direct`, the server requires this ALPN protocol.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// Returns a verifier that trusts the authorities in `file` only.
fn file_verifier(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, InvalidTls> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("sslrootcert", file)? {
        roots.add(certificate)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map_err(|error| TlsError::General(error.to_string()).into())
}

fn certificates(parameter: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let text = fs::read(path).map_err(|source| InvalidTls::Unreadable { parameter, path: path.to_owned(), source })?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| InvalidTls::NotPem { parameter, path: path.to_owned(), source })?;
    if found.is_empty() { Err(InvalidTls::NoCertificate { parameter, path: path.to_owned() }) } else { Ok(found) }
}

/// Reads the client's private key. As in libpq, only the file's owner may have access. If root owns the file, its group
/// may read it.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, InvalidTls> {
    let parameter = "sslkey";
    let unreadable = |source| InvalidTls::Unreadable { parameter, path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let mode = metadata.mode() & 0o777;
    let forbidden = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    if mode & forbidden != 0 {
        return Err(InvalidTls::ExposedKey { path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| InvalidTls::NotPem {
        parameter,
        path: path.to_owned(),
        source,
    })
}

/// Accepts any certificate whose private key the server has. Channel binding authenticates the server instead, unless
/// the server is on this machine or the URL sets `channel_binding`.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies a certificate but not the name in it (`verify-ca`).
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // rustls checks the name last, so the chain is valid.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
