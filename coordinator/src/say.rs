//! Lines for people. Results go to standard output, everything else to standard error.

/// Tells people something, in a line on standard error; fields before it are for programs that
/// read the line as JSON.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {
        tracing::info!(target: "optimize", $($argument)*)
    };
}

/// Writes text to standard output; a reader that has seen enough (`| head`) is no failure.
///
/// # Errors
/// Standard output cannot be written, as on a full disk.
pub fn print(text: &str) -> Result<(), crate::exit::Failure> {
    use std::io::{ErrorKind, Write as _};
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") })
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(
            crate::exit::Failure::infrastructure(format!("failed to write the output: {error}")),
        ),
        _ => Ok(()),
    }
}
