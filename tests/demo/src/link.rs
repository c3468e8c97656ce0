//! The satellite link: a pipe between ship and shore that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// See the file's head.
pub(crate) struct Link {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Link {
    /// Opens a link to `shore` on a free port of the loopback.
    pub(crate) fn open(shore: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let link = Self { address: listener.local_addr()?, is_cut: Arc::default(), streams: Arc::default() };
        let (is_cut, streams) = (Arc::clone(&link.is_cut), Arc::clone(&link.streams));
        std::thread::spawn(move || {
            for ship in listener.incoming().flatten() {
                // a cut link answers nothing: the connection is closed as soon as it is made
                if is_cut.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(shore) = TcpStream::connect(shore) else { continue };
                let mut open = streams.lock().unwrap_or_else(PoisonError::into_inner);
                for (from, to) in [(&ship, &shore), (&shore, &ship)] {
                    if let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone()) {
                        open.push(kept);
                        std::thread::spawn(move || carry(from, to));
                    }
                }
            }
        });
        Ok(link)
    }

    /// Where the ship finds it.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, in the middle of whatever is said.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Mends it.
    pub(crate) fn restore(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
