//! A TCP proxy in front of a Redis server, that does to its connections what networks do.
//!
//! Every connection has two threads, one for each direction. They look at the state of the network
//! before they pass anything on, so that what is held back arrives once the network is well again,
//! as TCP's repetitions would.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use socket2::SockRef;

/// How often a thread that waits looks at the state of the network.
const LOOK: Duration = Duration::from_millis(10);

/// The two ways through a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a process to the server.
    Up,
    /// From the server to a process.
    Down,
}

/// The state of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing is passed on towards the server.
    pub holds_up: bool,
    /// Nothing is passed on from the server.
    pub holds_down: bool,
    /// Whatever is passed on is late by so much, and by up to as much again.
    pub latency: Duration,
    /// It is passed on in pieces of so many bytes.
    pub slice: Option<usize>,
}

/// One connection of a process.
struct Connection {
    process: TcpStream,
    server: UnixStream,
    /// Both ends are closed, the process's with a reset.
    is_reset: AtomicBool,
    /// One end has gone, and the other one hears nothing of it.
    is_half_open: AtomicBool,
}

struct Shared {
    socket: PathBuf,
    weather: Mutex<Weather>,
    connections: Mutex<Vec<Weak<Connection>>>,
    has_ended: AtomicBool,
}

/// A proxy on a port of its own.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy in front of the server at a socket.
    pub fn start(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            socket: socket.to_owned(),
            weather: Mutex::default(),
            connections: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for process in listener.incoming().map_while(Result::ok) {
                if accepting.has_ended.load(Ordering::Relaxed) {
                    break;
                }
                // Without a server behind it, the process finds its connection closed.
                if let Ok(server) = UnixStream::connect(&accepting.socket) {
                    accepting.carry(process, server);
                }
            }
        });
        Self { port, shared }
    }

    /// Where processes find the server.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        *lock(&self.shared.weather) = weather;
    }

    /// The network is well again; of connections that had lost an end, the other end is reset.
    pub fn heal(&self) {
        self.set(Weather::default());
        for connection in self.shared.living() {
            if connection.is_half_open.load(Ordering::Relaxed) {
                connection.is_reset.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Resets every connection.
    pub fn reset(&self) {
        for connection in self.shared.living() {
            connection.is_reset.store(true, Ordering::Relaxed);
        }
    }

    /// Every connection loses one of its ends, and the other one does not hear of it. New
    /// connections are as good as ever.
    pub fn cut_off(&self, lost: Way) {
        for connection in self.shared.living() {
            connection.is_half_open.store(true, Ordering::Relaxed);
            // Where the other side does not notice, a closed socket is all there is to see.
            let _ = match lost {
                Way::Up => connection.server.shutdown(std::net::Shutdown::Both),
                Way::Down => connection.process.shutdown(std::net::Shutdown::Both),
            };
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        self.reset();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn living(&self) -> Vec<Arc<Connection>> {
        let mut connections = lock(&self.connections);
        connections.retain(|connection| connection.strong_count() > 0);
        connections.iter().filter_map(Weak::upgrade).collect()
    }

    fn carry(self: &Arc<Self>, process: TcpStream, server: UnixStream) {
        process.set_nodelay(true).expect("a socket");
        process.set_read_timeout(Some(LOOK)).expect("a socket");
        server.set_read_timeout(Some(LOOK)).expect("a socket");
        // Closing it without a word is a reset.
        SockRef::from(&process).set_linger(Some(Duration::ZERO)).expect("a socket");
        let (is_reset, is_half_open) = (AtomicBool::new(false), AtomicBool::new(false));
        let connection = Arc::new(Connection { process, server, is_reset, is_half_open });
        lock(&self.connections).push(Arc::downgrade(&connection));
        for way in [Way::Up, Way::Down] {
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            std::thread::spawn(move || shared.pass_on(&connection, way));
        }
    }

    /// Passes one way on until either end closes.
    fn pass_on(&self, connection: &Connection, way: Way) {
        let (mut from, mut to): (Box<dyn Read>, Box<dyn Write>) = match way {
            Way::Up => (Box::new(&connection.process), Box::new(&connection.server)),
            Way::Down => (Box::new(&connection.server), Box::new(&connection.process)),
        };
        let mut buffer = vec![0; 64 * 1024];
        let mut jitter = ChaCha8Rng::seed_from_u64(0);
        while !connection.is_reset.load(Ordering::Relaxed) {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if is_patience(error.kind()) => continue,
                Err(_) => break,
            };
            let Some(weather) = self.wait_for_passage(connection, way) else { break };
            if !weather.latency.is_zero() {
                let share = f64::from(jitter.next_u32()) / f64::from(u32::MAX);
                sleep(weather.latency + weather.latency.mul_f64(share));
            }
            let slice = weather.slice.unwrap_or(read).max(1);
            if buffer[..read].chunks(slice).any(|piece| to.write_all(piece).is_err()) {
                break;
            }
        }
        while connection.is_half_open.load(Ordering::Relaxed)
            && !connection.is_reset.load(Ordering::Relaxed)
        {
            sleep(LOOK);
        }
        connection.is_reset.store(true, Ordering::Relaxed);
    }

    /// Waits until the network passes things on this way; nothing where the connection has ended.
    fn wait_for_passage(&self, connection: &Connection, way: Way) -> Option<Weather> {
        loop {
            let weather = *lock(&self.weather);
            let holds = match way {
                Way::Up => weather.holds_up,
                Way::Down => weather.holds_down,
            };
            if connection.is_reset.load(Ordering::Relaxed) {
                return None;
            }
            if !holds && !connection.is_half_open.load(Ordering::Relaxed) {
                return Some(weather);
            }
            sleep(LOOK);
        }
    }
}

fn is_patience(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
