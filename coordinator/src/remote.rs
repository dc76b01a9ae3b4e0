//! What it takes to reach a queue between machines: server, key, and a name for people.

use std::path::Path;
use std::time::Duration;

use jobs::{Certificates, RedisOptions, Server, WorkerAbout};

use crate::cli::{Access, QueueArgs};
use crate::exit::Failure;
use crate::key::key;

/// Reads the queue's options from the command line.
///
/// # Errors
/// There is no key, and `may_make_key` does not allow to make one; the address or the certificates
/// are at fault.
pub fn options(
    args: &QueueArgs,
    address: &str,
    threads: usize,
    may_make_key: bool,
) -> Result<RedisOptions, Failure> {
    Ok(RedisOptions {
        server: server(&args.access, address)?,
        key: key(&args.access, may_make_key)?,
        lease: args.lease.unwrap_or(Duration::from_secs(15)),
        about: WorkerAbout {
            host: host_name(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
        },
    })
}

/// The server at an address, with the certificates that were named.
///
/// # Errors
/// The address is none, or a file cannot be read.
pub fn server(access: &Access, address: &str) -> Result<Server, Failure> {
    let read = |option: &str, path: &Path| {
        let told =
            |error| Failure::usage(format!("{option}: failed to read {}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(told)?;
        if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Ok(bytes);
        }
        Err(Failure::usage(format!(
            "{option}: found {} without a certificate or key, allowed: a PEM file, with lines that \
             begin with -----BEGIN",
            path.display()
        )))
    };
    let authorities = access.ca_file.as_deref().map(|path| read("--ca-file", path)).transpose()?;
    let own = match (&access.client_cert, &access.client_key) {
        (Some(certificate), Some(key)) => {
            Some((read("--client-cert", certificate)?, read("--client-key", key)?))
        }
        _ => None,
    };
    let certificates = Certificates { authorities, own };
    Server::new(address, &certificates).map_err(|error| Failure::usage(error.to_string()))
}

/// How the parts of a PEM file begin.
const BEGIN: &[u8] = b"-----BEGIN ";

/// The name of this machine.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}
