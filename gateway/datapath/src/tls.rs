//! TLS on the public port: one certificate with its key, HTTP/2 by ALPN; where there are authorities
//! for callers, every caller shows a certificate of theirs.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// From a certificate chain, its private key and the authorities of callers' certificates, all PEM;
/// the error says what is wrong with them.
pub fn acceptor(chain: &[u8], key: &[u8], callers: Option<&[u8]>) -> Result<TlsAcceptor, String> {
    let chain = certificates(chain).map_err(|error| format!("the certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key: {error}"))?;
    let builder = match callers {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authorities) => {
            let wrong = |error: String| format!("the authorities of callers: {error}");
            let mut roots = RootCertStore::empty();
            for each in certificates(authorities).map_err(wrong)? {
                roots.add(each).map_err(|error| wrong(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            let verifier = verifier.map_err(|error| wrong(error.to_string()))?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    all.map_err(|error| error.to_string())
}
