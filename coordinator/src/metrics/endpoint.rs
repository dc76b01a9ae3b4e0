//! The address at which Prometheus asks for metrics.
//!
//! Whoever asks is served by the thread of signals and clocks, from a copy of what is known: no
//! request waits for a study, and none holds one up. What a client may take of that thread is
//! bounded: a few connections at a time, one request and a few seconds each.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::exit::Failure;
use crate::say;

/// Connections at a time; others wait.
const MOST: usize = 8;

/// A connection is given up after so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A system that has no room for a connection is asked again after so long.
const PAUSE: Duration = Duration::from_millis(100);

/// The format of the metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where to listen: host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or number; every address of the machine where it is empty.
    host: String,
    port: u16,
}

impl Address {
    /// Reads `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.
    ///
    /// # Errors
    /// It is none of these; says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = "allowed: HOST:PORT, such as 127.0.0.1:9184, [::1]:9184, or :9184 for every \
                       address of this machine; port 0 picks one";
        let (host, port) = text.rsplit_once(':').ok_or(allowed)?;
        let port = port.parse().map_err(|_| allowed)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(number) => number.parse::<Ipv6Addr>().map_err(|_| allowed)?.to_string(),
            None if host.contains([':', '/', '[', ']', ' ']) => return Err(allowed.to_owned()),
            None => host.to_owned(),
        };
        Ok(Self { host, port })
    }

    fn listen(&self) -> std::io::Result<TcpListener> {
        let every = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port)),
        ];
        let listener = match self.host.as_str() {
            // Where there is no IPv6, the other will do.
            "" => match TcpListener::bind(every[0]) {
                Err(error) if error.kind() != ErrorKind::AddrInUse => TcpListener::bind(every[1]),
                bound => bound,
            },
            host => {
                let addresses: Vec<SocketAddr> = (host, self.port).to_socket_addrs()?.collect();
                TcpListener::bind(&addresses[..])
            }
        }?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

/// An address that is listened at.
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Listens, where an address was asked for.
    ///
    /// # Errors
    /// The address is taken, or not one of this machine.
    pub fn bind(address: Option<&Address>) -> Result<Option<Self>, Failure> {
        let Some(wanted) = address else { return Ok(None) };
        let bound = wanted.listen().and_then(|listener| {
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        });
        bound.map(Some).map_err(|error| {
            Failure::infrastructure(format!(
                "--metrics: failed to listen at {wanted}: {error}; nothing was started"
            ))
        })
    }

    /// Answers requests with what `page` gives, until the runtime ends, and says where.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn serve(
        self,
        runtime: &Runtime,
        page: impl Fn() -> String + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let _within = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(|error| {
            Failure::infrastructure(format!("--metrics: failed to listen: {error}"))
        })?;
        say!(address = %self.address, "metrics at http://{}/metrics", self.address);
        let (page, places) = (Arc::new(page), Arc::new(Semaphore::new(MOST)));
        runtime.spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let page = Arc::clone(&page);
                        tokio::spawn(async move {
                            // A client that leaves or dawdles is its own affair.
                            let _ = tokio::time::timeout(PATIENCE, converse(stream, page)).await;
                            drop(place);
                        });
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
        Ok(())
    }
}

async fn converse(
    stream: TcpStream,
    page: Arc<impl Fn() -> String + Send + Sync + 'static>,
) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&request, &*page);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.keep_alive(false).serve_connection(TokioIo::new(stream), service).await
}

fn respond(request: &Request<Incoming>, page: &dyn Fn() -> String) -> Response<String> {
    let answer = |status: StatusCode, kind: &str, body: String| {
        let builder = Response::builder().status(status).header(CONTENT_TYPE, kind);
        let builder = match status {
            StatusCode::METHOD_NOT_ALLOWED => builder.header(ALLOW, "GET, HEAD"),
            _ => builder,
        };
        builder.body(body).expect("valid headers")
    };
    let plain = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer(StatusCode::METHOD_NOT_ALLOWED, plain, "allowed: GET, HEAD\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => answer(StatusCode::OK, OPEN_METRICS, page()),
        "/healthz" => answer(StatusCode::OK, plain, "ok\n".to_owned()),
        _ => answer(StatusCode::NOT_FOUND, plain, "allowed: /metrics, /healthz\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in ["127.0.0.1:9184", "localhost:0", ":9184", "[::1]:80", "a-host.example.org:1"] {
            assert_eq!(Address::parse(text).expect("an address").to_string(), text);
        }
        for text in ["", "9184", "host", "host:", "host:65536", "http://host:1", "::1:80", "[x]:1"]
        {
            let error = Address::parse(text).expect_err(text);
            assert!(error.starts_with("allowed: HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn an_address_that_is_taken_is_refused_with_the_reason() {
        let first = Address::parse("127.0.0.1:0").expect("an address");
        let first = Endpoint::bind(Some(&first)).expect("free").expect("asked for");
        let again = Address::parse(&first.address.to_string()).expect("an address");
        let failure = Endpoint::bind(Some(&again)).err().expect("it is taken");
        assert_eq!(failure.exit, crate::exit::Exit::Infrastructure);
        assert!(failure.message.contains(&again.to_string()), "{}", failure.message);
        assert!(failure.message.contains("in use"), "{}", failure.message);
    }
}
