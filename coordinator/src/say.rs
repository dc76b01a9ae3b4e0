//! Lines for people. Results go to standard output, everything else to standard error.

/// Writes a line to standard error. Nobody reading it is no reason to stop.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($argument)*);
    }};
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
