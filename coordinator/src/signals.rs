//! Ctrl-C and its kin, and the ends of tasks.

use crate::exit::Failure;

/// The requests to stop: Ctrl-C, SIGTERM, and the closing of the terminal.
pub struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::infrastructure(format!("failed to listen for Ctrl-C: {error}"))
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next request.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// None.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The next request.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What a task returned; its panic goes on here.
///
/// # Errors
/// The task was cancelled.
pub fn joined<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, Failure> {
    match joined {
        Ok(value) => Ok(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Failure::infrastructure(format!("a thread ended: {error}"))),
    }
}
