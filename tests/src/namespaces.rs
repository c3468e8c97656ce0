//! A network namespace with a pair of virtual Ethernet ports, as a ship's mirror port and the box listening to it.
//!
//! Needs root and `ip` (iproute2). The namespace goes away with the value, whatever happened before.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The capture end within the namespace.
pub const CAPTURE: &str = "mir0";
/// The end that plays the switch.
pub const SWITCH: &str = "switch0";

/// A namespace of its own; deleted when it is let go, with both ports.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// Why namespaces cannot be used here; `None` when they can.
#[must_use]
pub fn what_is_missing() -> Option<&'static str> {
    let is_root = rustix::process::geteuid().is_root();
    let has_ip = Command::new("ip").arg("-V").output().is_ok_and(|output| output.status.success());
    (!is_root || !has_ip).then_some("needs root and ip")
}

impl Namespace {
    /// Makes a namespace with loopback and a pair of ports: the capture end has no address, answers no ARP and takes no part in multicast.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn new(purpose: &str) -> anyhow::Result<Self> {
        let namespace = Self { name: format!("dogwatch-{purpose}-{}", std::process::id()) };
        ip(&["netns", "add", &namespace.name])?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        namespace.ip(&["link", "add", CAPTURE, "type", "veth", "peer", "name", SWITCH])?;
        for end in [CAPTURE, SWITCH] {
            namespace.ip(&["link", "set", end, "addrgenmode", "none"])?;
            namespace.ip(&["link", "set", end, "arp", "off", "multicast", "off"])?;
        }
        for end in [CAPTURE, SWITCH] {
            namespace.ip(&["link", "set", end, "up"])?;
        }
        Ok(namespace)
    }

    fn ip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        ip(&[&["-n", self.name.as_str()], arguments].concat())
    }

    /// Moves the calling thread, and the programs it starts from now on, into the namespace for good.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn enter(&self) -> anyhow::Result<()> {
        let handle = std::fs::File::open(PathBuf::from("/run/netns").join(&self.name))?;
        move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network)).context("setns")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {said}", arguments.join(" "));
    Ok(())
}

/// Frames an interface of the calling thread's namespace has received and sent, by the kernel's count.
///
/// # Errors
/// When there is no such interface.
pub fn frames(interface: &str) -> anyhow::Result<(u64, u64)> {
    // /proc/thread-self belongs to the namespace of this thread; /sys shows the one it was mounted in
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))
        .with_context(|| format!("no interface {interface}"))?;
    // 8 columns received (bytes, packets, …), then 8 sent
    let columns: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let column = |index: usize| columns.get(index).copied().context("a column is missing");
    Ok((column(1)?, column(9)?))
}
