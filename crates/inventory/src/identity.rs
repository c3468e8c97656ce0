//! Which row a frame's sender is: the rules that keep a router from swallowing the hosts behind it and a moved address from becoming a twin.

use std::net::IpAddr;

use dogwatch_model::{Flow, Mac};

/// Whether an IP packet was sent by the very device that owns its source MAC.
///
/// Systems start at 255, 128, 64 or 32 (multicast: 1) and every router takes one off, so a value just below one of those came through a router.
/// Link-local addresses never cross one.
pub(crate) fn is_from_own_link(flow: &Flow, ip: IpAddr) -> bool {
    is_link_local(ip) || matches!(flow.ttl, 255 | 128 | 64 | 32 | 1 | 0)
}

/// Whether an address is valid on one link only.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address can belong to one device at all.
pub(crate) fn is_device_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_loopback()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback()),
    }
}

/// Whether a link-layer address can belong to one device at all: six zero bytes stand for none, the group bit for many.
pub(crate) const fn is_device_mac(mac: Mac) -> bool {
    !mac.is_none() && !mac.is_group()
}
