//! Who is at the other end of a connection: an address, and the certificate that it has shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha2::{Digest, Sha256};

/// What a digest of a certificate begins with, so that none is ever a bearer's.
const CERTIFICATE: &[u8] = b"certificate\0";

/// A caller's certificate, which the handshake has verified.
pub struct Certificate {
    /// What the tables know it by.
    pub digest: [u8; 32],
    /// As Python reads it: DER in base64.
    pub header: HeaderValue,
}

pub struct Peer {
    /// As gRPC writes it.
    pub address: HeaderValue,
    pub certificate: Option<Certificate>,
}

impl Peer {
    /// `certificate`: DER.
    pub fn new(address: HeaderValue, certificate: Option<&[u8]>) -> Peer {
        let certificate = certificate.and_then(|der| {
            let digest = Sha256::new().chain_update(CERTIFICATE).chain_update(der).finalize();
            let header = HeaderValue::try_from(STANDARD.encode(der)).ok()?;
            Some(Certificate { digest: digest.into(), header })
        });
        Peer { address, certificate }
    }
}
