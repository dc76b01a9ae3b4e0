//! What it takes to reach a queue between machines: address, key, and a name for people.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{Key, RedisOptions, WorkerAbout};

use crate::cli::QueueArgs;
use crate::exit::Failure;
use crate::say;

/// Reads the queue's options from the command line.
///
/// # Errors
/// There is no key, and `may_make_key` does not allow to make one.
pub fn options(
    args: &QueueArgs,
    address: &str,
    threads: usize,
    may_make_key: bool,
) -> Result<RedisOptions, Failure> {
    Ok(RedisOptions {
        address: address.to_owned(),
        key: key(args, may_make_key)?,
        lease: args.lease.unwrap_or(Duration::from_secs(15)),
        about: WorkerAbout {
            host: host_name(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
        },
    })
}

/// The secret of coordinator and workers: of the environment, of the file that was named, or of
/// the user's own file.
fn key(args: &QueueArgs, may_make_key: bool) -> Result<Key, Failure> {
    if let Some(text) = std::env::var_os("OPTIMIZE_KEY").filter(|text| !text.is_empty()) {
        return Ok(Key::from_text(&text.to_string_lossy()));
    }
    let path = args.key_file.clone().map_or_else(usual_file, Ok)?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 16 => Ok(Key::from_text(&text)),
        Ok(_) => Err(Failure::usage(format!(
            "the key in {} is shorter than 16 characters; delete the file to have one made",
            path.display()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_make_key => make(&path)
            .map_err(|error| {
                Failure::infrastructure(format!("failed to write {}: {error}", path.display()))
            }),
        Err(error) => Err(Failure::usage(format!(
            "no key at {} ({error}): copy the file from the machine where the study was started, \
             or name one with --key-file",
            path.display()
        ))),
    }
}

fn usual_file() -> Result<PathBuf, Failure> {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
    let base = base.filter(|base| base.is_absolute()).or(home);
    let missing = || Failure::usage("no home folder to keep a key in; name a file with --key-file");
    Ok(base.ok_or_else(missing)?.join("optimize/key"))
}

fn make(path: &Path) -> std::io::Result<Key> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = jobs::random_text().map_err(|error| std::io::Error::other(error.to_string()))?;
    options.open(path)?.write_all(text.as_bytes())?;
    say!("made a key for this queue: {}; workers on other machines need a copy", path.display());
    Ok(Key::from_text(&text))
}

/// The name of this machine.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}
