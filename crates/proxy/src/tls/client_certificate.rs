//! The certificate by which a client has proved who it is.
//!
//! Endpoints see it as RFC 9440 has it: the client's own certificate in DER, as a byte sequence of
//! structured fields. The chain is not told: the gateway has verified it. The field is made once a connection,
//! and found in the TLS digest of the connection's requests, whatever version of HTTP they come by.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use pingora_core::listeners::TlsAccept;
use pingora_core::protocols::Digest;
use pingora_core::protocols::tls::TlsRef;

/// The certificate by which a client has proved who it is.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate {
    field: HeaderValue,
}

impl ClientCertificate {
    /// A certificate in DER.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let field = HeaderValue::try_from(format!(":{}:", BASE64_STANDARD.encode(der)));
        field.ok().map(|field| Self { field })
    }

    /// That of a request's connection; `None`: its client has shown none, or was not asked.
    pub(crate) fn in_digest(digest: Option<&Digest>) -> Option<&Self> {
        digest?.ssl_digest.as_ref()?.extension.get()
    }

    /// The value of the field `Client-Cert`.
    pub(crate) fn field(&self) -> &HeaderValue {
        &self.field
    }
}

/// Notes the certificate in the TLS digest, once it is verified.
pub(super) struct Note;

#[async_trait]
impl TlsAccept for Note {
    async fn handshake_complete_callback(
        &self,
        tls: &TlsRef,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(ClientCertificate::of(tls.peer_certificate_der()?)?))
    }
}
