//! Where a server is, how it proves that it is the right one, and what to do when it is not there.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{Client, ClientTlsConfig, ConnectionAddr, ErrorKind, RedisError, TlsCertificates};
use rustls::{AlertDescription, CertificateError};

use super::link::code;
use crate::queue::QueueError;

/// What TLS needs beside an address, as PEM.
#[derive(Clone, Default)]
pub struct Certificates {
    /// Those of the authorities that vouch for the server, in place of the public ones.
    pub authorities: Option<Vec<u8>>,
    /// A certificate and its private key, for a server that asks who its clients are.
    pub own: Option<(Vec<u8>, Vec<u8>)>,
}

/// A Redis server, as it was named. Its passwords are shown by nothing.
#[derive(Clone)]
pub struct Server {
    client: Client,
    shown: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Server").field(&self.shown).finish()
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.shown)
    }
}

impl Server {
    /// The server at an address: `redis://HOST:PORT`, `rediss://HOST:PORT` for TLS, or
    /// `redis+unix:///PATH`. Nothing is connected yet.
    ///
    /// # Errors
    /// It is no address, or certificates are given that it has no use for.
    pub fn new(address: &str, certificates: &Certificates) -> Result<Self, QueueError> {
        let shown = without_password(address);
        let wrong = |found: &str, allowed: &str| {
            QueueError(format!("{shown}: found {found}, allowed: {allowed}"))
        };
        let no_address = |error: RedisError| {
            let allowed = "redis://HOST:PORT, rediss://HOST:PORT for TLS, or redis+unix:///PATH; \
                           USER:PASSWORD@ may stand before HOST, with %40 for @ and the like";
            wrong(&format!("no address of a server ({error})"), allowed)
        };
        let mut client = Client::open(address).map_err(no_address)?;
        let Certificates { authorities, own } = certificates;
        match client.get_connection_info().addr() {
            ConnectionAddr::TcpTls { insecure: false, .. } => {
                // Somebody may have chosen one before: that will do.
                let _ = rustls::crypto::ring::default_provider().install_default();
            }
            ConnectionAddr::TcpTls { .. } => {
                let allowed = "--ca-file FILE with the certificate of the server's authority";
                return Err(wrong("#insecure", allowed));
            }
            _ if authorities.is_some() || own.is_some() => {
                return Err(wrong("certificates for an address without TLS", "rediss://…"));
            }
            _ => {}
        }
        if authorities.is_some() || own.is_some() {
            let client_tls = own
                .clone()
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
            let tls = TlsCertificates { client_tls, root_cert: authorities.clone() };
            client = Client::build_with_tls(address, tls).map_err(|error| {
                wrong(&format!("certificates that cannot be read ({error})"), "PEM files")
            })?;
        }
        Ok(Self { client, shown })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The user whose password is in the address.
    pub(super) fn user(&self) -> &str {
        let settings = self.client.get_connection_info().redis_settings();
        settings.username().unwrap_or("default")
    }

    /// Whether what is sent stays on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                let address = host.parse::<std::net::IpAddr>();
                host == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            _ => true,
        }
    }

    /// Whether what is sent is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. })
    }

    /// What to say when nothing can be asked of the server, by what came of the last attempt.
    pub(super) fn nobody(&self, fault: Option<&RedisError>) -> QueueError {
        let Some(fault) = fault else {
            return QueueError(format!("no Redis answers at {self}; is it running?"));
        };
        if let Some(error) = tls_error(fault) {
            return QueueError(format!("Redis at {self}: {}", tls_advice(error)));
        }
        let text = match code(fault).as_deref() {
            Some("READONLY") => format!(
                "Redis at {self} is a replica, which takes nothing: give the address of its primary"
            ),
            Some(_) => format!("Redis at {self} is not ready: {fault}"),
            None if fault.is_connection_dropped()
                && !fault.is_connection_refusal()
                && !self.is_encrypted() =>
            {
                format!(
                    "Redis at {self} ends the connection ({fault}); if this is its port for TLS, \
                 write rediss://"
                )
            }
            None if fault.is_timeout() && self.is_encrypted() => format!(
                "no Redis answers at {self} in time; is it running, and is this its port for TLS? \
                 If not, write redis://"
            ),
            None if fault.is_timeout() => {
                format!("no Redis answers at {self} in time; is it running?")
            }
            None => format!("no Redis answers at {self} ({fault}); is it running?"),
        };
        QueueError(text)
    }

    /// What to say when the server says no.
    pub(super) fn refusal(&self, error: &RedisError) -> QueueError {
        let code = code(error);
        let text = match (error.kind(), code.as_deref()) {
            (ErrorKind::AuthenticationFailed, _) => format!(
                "Redis at {self} does not take this user and password; they stand before the \
                 host, as in redis://USER:PASSWORD@HOST, with %40 for @ and the like"
            ),
            (_, Some("NOAUTH")) => {
                format!("Redis at {self} asks for a password: write redis://USER:PASSWORD@HOST")
            }
            (_, Some("NOPERM")) => format!(
                "Redis at {self} does not let this user do what is needed ({error}); \
                 docs/workers.md has the smallest ACL"
            ),
            (_, Some("MOVED")) => format!(
                "Redis at {self} is one of several shards of a cluster ({error}), allowed: a \
                 server, or a cluster of one shard"
            ),
            (ErrorKind::Parse, _) => format!(
                "what answers at {self} is no Redis ({error}); if this is its port for TLS, \
                 write rediss://"
            ),
            _ => format!("Redis at {self} refuses: {error}"),
        };
        QueueError(text)
    }
}

/// The error of TLS within an error of the client, which wraps it three times.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let shared = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    shared.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

fn tls_advice(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is of an authority that is not known here: name the file with the \
             authority's certificate with --ca-file"
                .to_owned()
        }
        InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            // They come as DnsName("HOST") and the like.
            let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            let names: Vec<String> = presented.iter().map(bare).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("its certificate is for other names ({names}): write one of them as the host")
        }
        InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => format!("{error}: renew the certificate, or set this machine's clock"),
        AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks who its clients are: name a certificate with --client-cert and --client-key"
                .to_owned()
        }
        AlertReceived(alert) => format!(
            "it breaks TLS off ({alert:?}); a certificate of --client-cert has to be of an \
             authority that the server knows"
        ),
        InvalidMessage(_) => {
            "it does not speak TLS at this port: write redis://, or the port for TLS".to_owned()
        }
        error => format!("TLS fails: {error}"),
    }
}

/// An address as it may be shown: without what stands before the host, and without the options of
/// a socket, where passwords are.
fn without_password(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("redis", address));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, certificates: &Certificates) -> String {
        Server::new(address, certificates).expect_err("it is refused").to_string()
    }

    #[test]
    fn no_password_is_shown() {
        let none = Certificates::default();
        for (address, shown) in [
            ("redis://db:6379", "redis://db:6379"),
            ("redis://user:s3cret@db:6379/2", "redis://db:6379/2"),
            ("rediss://:s3cret@db", "rediss://db"),
            ("redis+unix:///run/redis?user=u&pass=s3cret", "redis+unix:///run/redis"),
        ] {
            let server = Server::new(address, &none).expect("an address");
            assert_eq!(server.to_string(), shown);
            assert_eq!(format!("{server:?}"), format!("Server({shown:?})"));
        }
        for address in
            ["user:s3cret@db", "redis:/u:s3cret@db", "redis://u:s3cret@@:x", "http://u:s3cret@db"]
        {
            let message = refused(address, &none);
            assert!(!message.contains("s3cret"), "{message}");
            assert!(message.contains("allowed: redis://HOST:PORT"), "{message}");
        }
    }

    #[test]
    fn every_fault_of_tls_comes_with_its_remedy() {
        use rustls::Error;
        let of = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("db").expect("a name"),
            presented: vec!["DnsName(\"redis\")".to_owned()],
        };
        for (error, remedy) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "--ca-file"),
            (Error::InvalidCertificate(of), "other names (redis): write one of them as the host"),
            (Error::InvalidCertificate(CertificateError::Expired), "this machine's clock"),
            (Error::InvalidCertificate(CertificateError::BadSignature), "TLS fails"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "--client-key"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "of --client-cert has to be"),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "redis://"),
        ] {
            let advice = tls_advice(&error);
            assert!(advice.contains(remedy), "{advice}");
        }
    }

    #[test]
    fn certificates_are_for_addresses_with_tls() {
        let junk = || Some(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n".to_vec());
        let given = Certificates { authorities: junk(), own: None };
        assert!(refused("redis://db", &given).contains("allowed: rediss://"));
        assert!(refused("rediss://db", &given).contains("allowed: PEM files"));
        let message = refused("rediss://db#insecure", &Certificates::default());
        assert!(message.contains("found #insecure, allowed: --ca-file"), "{message}");
    }

    #[test]
    fn what_stays_on_the_machine_is_known() {
        let none = Certificates::default();
        for (address, expected) in [
            ("redis://localhost", true),
            ("redis://127.0.0.2:1", true),
            ("redis://[::1]:1", true),
            ("redis+unix:///run/redis", true),
            ("redis://db.example.org", false),
            ("redis://192.0.2.1", false),
        ] {
            let server = Server::new(address, &none).expect("an address");
            assert_eq!(server.is_local(), expected, "{address}");
        }
    }
}
