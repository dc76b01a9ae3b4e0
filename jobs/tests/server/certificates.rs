//! Certificates of a test's own.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// An authority that nobody else knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host, and its private key.
    pub fn issue(&self, host: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// The settings of a server at `port` with TLS, whose certificate is for `host`. Its files
    /// are put into `folder`.
    pub fn settings(&self, folder: &Path, host: &str, port: u16, asks: &str) -> Vec<String> {
        let (certificate, key) = self.issue(host);
        for (name, text) in [("ca.pem", &self.pem()), ("cert.pem", &certificate), ("key.pem", &key)]
        {
            std::fs::write(folder.join(name), text).expect("writable");
        }
        let words = [
            ["--tls-port", &port.to_string()],
            ["--tls-ca-cert-file", "ca.pem"],
            ["--tls-cert-file", "cert.pem"],
            ["--tls-key-file", "key.pem"],
            ["--tls-auth-clients", asks],
        ];
        words.concat().into_iter().map(str::to_owned).collect()
    }
}
