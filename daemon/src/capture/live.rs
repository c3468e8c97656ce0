//! Live interfaces: Ethernet mirror ports and CAN, by libpcap, receive only.
//!
//! libpcap's "timeout" is no read time-out on Linux: a blocking read on a silent link never returns. So every capture is non-blocking, one poll
//! waits for all of them, and a stop takes effect within its time-out. Nothing in this file can send: no handle is ever asked to.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use dogwatch_flow::LinkType;
use dogwatch_model::CaptureTime;
use pcap::{Active, Capture, Direction, Precision};
use rustix::event::{PollFd, PollFlags, Timespec};

/// How an interface is opened.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// Interface name.
    pub interface: String,
    /// BPF filter, applied by the kernel.
    pub filter: Option<String>,
    /// Bytes kept of a frame.
    pub snap_length: i32,
    /// Kernel ring buffer, bytes.
    pub buffer_bytes: i32,
    /// Whether frames for others are wanted. A mirror port shows nothing else.
    pub promiscuous: bool,
}

/// Why an interface cannot be captured from.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// It could not be opened.
    #[error("cannot capture on {interface}: {hint}")]
    Open {
        /// Interface name.
        interface: String,
        /// What to do about it.
        hint: String,
        /// What libpcap said.
        #[source]
        source: pcap::Error,
    },
    /// The filter was refused.
    #[error("{interface}: filter `{filter}` is not a valid BPF expression")]
    Filter {
        /// Interface name.
        interface: String,
        /// The filter.
        filter: String,
        /// What libpcap said.
        #[source]
        source: pcap::Error,
    },
    /// Waiting failed.
    #[error("waiting for frames failed")]
    Poll(#[source] std::io::Error),
}

/// What the kernel says of one interface since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveCounters {
    /// Frames that passed the filter.
    pub received: u64,
    /// Frames lost because the ring was full.
    pub dropped_kernel: u64,
    /// Frames lost by the interface or its driver.
    pub dropped_interface: u64,
    /// Times the interface went away or failed.
    pub failures: u64,
}

/// One open interface.
pub struct LiveCapture {
    settings: LiveSettings,
    handle: Option<Capture<Active>>,
    /// Whether the interface is up and has a carrier. libpcap waits in silence while it is not.
    has_carrier: bool,
    link: LinkType,
    counters: LiveCounters,
    /// Raw 32-bit values of the last reading: libpcap's counters wrap.
    last_raw: (u32, u32, u32),
}

/// What one visit of an interface brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Frames were read, maybe more wait.
    Frames(u32),
    /// Nothing waits.
    Idle,
    /// The interface is gone or failed; it is tried again later.
    Down,
}

impl LiveCapture {
    /// Opens an interface for receiving.
    ///
    /// # Errors
    /// When it does not exist, cannot be opened, or the filter is wrong.
    pub fn open(settings: LiveSettings) -> Result<Self, LiveError> {
        let (handle, link) = open_handle(&settings)?;
        Ok(Self {
            settings,
            handle: Some(handle),
            has_carrier: true,
            link,
            counters: LiveCounters::default(),
            last_raw: (0, 0, 0),
        })
    }

    /// Its name.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.settings.interface
    }

    /// Whether it is open, up and plugged in.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.handle.is_some() && self.has_carrier
    }

    /// Looks whether the interface is up and plugged in: a matter of once a second.
    pub fn look_at_carrier(&mut self) {
        let has_carrier = has_carrier(&self.settings.interface);
        if self.has_carrier != has_carrier && self.handle.is_some() {
            if has_carrier {
                tracing::info!(interface = %self.settings.interface, "interface has a link again");
            } else {
                tracing::warn!(interface = %self.settings.interface, "interface is down or its cable is out");
                self.counters.failures += 1;
            }
        }
        self.has_carrier = has_carrier;
    }

    /// What to wait on for frames.
    #[must_use]
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.handle.as_ref().map(AsFd::as_fd)
    }

    /// Tries to open it again after it went away.
    ///
    /// # Errors
    /// As [`LiveCapture::open`].
    pub fn reopen(&mut self) -> Result<(), LiveError> {
        let (handle, link) = open_handle(&self.settings)?;
        (self.handle, self.link, self.last_raw) = (Some(handle), link, (0, 0, 0));
        Ok(())
    }

    /// Hands over at most `budget` waiting frames: time, link type, length on the wire, bytes.
    pub fn read(&mut self, budget: u32, mut take: impl FnMut(CaptureTime, LinkType, u32, &[u8])) -> Visit {
        let Some(handle) = &mut self.handle else { return Visit::Down };
        let mut read = 0;
        while read < budget {
            match handle.next_packet() {
                Ok(packet) => {
                    let ts = packet.header.ts;
                    // opened with nanosecond precision: the field named microseconds holds nanoseconds
                    let at = CaptureTime::from_parts(ts.tv_sec, u32::try_from(ts.tv_usec).unwrap_or(0));
                    take(at, self.link, packet.header.len, packet.data);
                    read += 1;
                }
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => break,
                Err(error) => {
                    tracing::warn!(interface = %self.settings.interface, %error, "capture failed, interface is tried again");
                    self.counters.failures += 1;
                    self.handle = None;
                    return Visit::Down;
                }
            }
        }
        if read == 0 { Visit::Idle } else { Visit::Frames(read) }
    }

    /// The kernel's counters since the start.
    pub fn counters(&mut self) -> LiveCounters {
        if let Some(stat) = self.handle.as_mut().and_then(|handle| handle.stats().ok()) {
            let (received, kernel, interface) = self.last_raw;
            self.counters.received += u64::from(stat.received.wrapping_sub(received));
            self.counters.dropped_kernel += u64::from(stat.dropped.wrapping_sub(kernel));
            self.counters.dropped_interface += u64::from(stat.if_dropped.wrapping_sub(interface));
            self.last_raw = (stat.received, stat.dropped, stat.if_dropped);
        }
        self.counters
    }
}

fn open_handle(settings: &LiveSettings) -> Result<(Capture<Active>, LinkType), LiveError> {
    let interface = settings.interface.clone();
    let failed = |source: pcap::Error| {
        let hint = match &source {
            pcap::Error::PcapError(text) if text.contains("ermission") || text.contains("not permitted") => {
                "no permission; run as root or give the program CAP_NET_RAW"
            }
            pcap::Error::PcapError(text) if text.contains("No such device") || text.contains("doesn't exist") => {
                "no such interface; `dogwatch doctor` lists those of this machine"
            }
            _ => "see the cause below",
        };
        LiveError::Open { interface: interface.clone(), hint: hint.to_owned(), source }
    };
    let inactive = Capture::from_device(settings.interface.as_str()).map_err(failed)?;
    let handle = inactive
        .promisc(settings.promiscuous)
        .snaplen(settings.snap_length)
        .buffer_size(settings.buffer_bytes)
        .precision(Precision::Nano)
        .timeout(10)
        .open()
        .map_err(failed)?;
    let mut handle = handle.setnonblock().map_err(failed)?;
    // frames of this box itself are not the ship's; not every link type knows a direction
    let _ = handle.direction(Direction::In);
    if let Some(filter) = &settings.filter {
        handle.filter(filter, true).map_err(|source| LiveError::Filter {
            interface: settings.interface.clone(),
            filter: filter.clone(),
            source,
        })?;
    }
    let link = LinkType(u32::try_from(handle.get_datalink().0).unwrap_or(u32::MAX));
    Ok((handle, link))
}

/// Waits until one of the sources has something, or `longest` is over.
///
/// # Errors
/// When the system refuses to wait.
pub fn wait<'c>(sources: impl Iterator<Item = BorrowedFd<'c>>, longest: Duration) -> Result<(), LiveError> {
    let mut waiting: Vec<PollFd<'_>> = sources.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)).collect();
    let limit =
        Timespec { tv_sec: i64::try_from(longest.as_secs()).unwrap_or(1), tv_nsec: i64::from(longest.subsec_nanos()) };
    match rustix::event::poll(&mut waiting, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(LiveError::Poll(errno.into())),
    }
}

/// Whether an interface is up with a carrier; those the system does not list (`any`) are.
fn has_carrier(interface: &str) -> bool {
    pnet_datalink::interfaces()
        .iter()
        .find(|known| known.name == interface)
        .is_none_or(|known| known.is_up() && known.is_running())
}

/// An interface of this machine, as the operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InterfaceInfo {
    /// Name.
    pub name: String,
    /// MAC address, where it has one.
    pub mac: Option<String>,
    /// IP addresses. A capture interface should have none.
    pub addresses: Vec<String>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
}

/// Every interface of this machine, CAN interfaces too.
#[must_use]
pub fn interfaces() -> Vec<InterfaceInfo> {
    pnet_datalink::interfaces()
        .into_iter()
        .map(|interface| InterfaceInfo {
            up: interface.is_up(),
            loopback: interface.is_loopback(),
            mac: interface.mac.map(|mac| mac.to_string()),
            addresses: interface.ips.iter().map(ToString::to_string).collect(),
            name: interface.name,
        })
        .collect()
}
