//! What the daemon knows of the box it runs on and gives to the rules: how full its disk is, whether its clock was set, which addresses are its own.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use dogwatch_model::{CaptureTime, Mac};
use dogwatch_rules::SelfSeen;

use super::board::Picture;

/// How often the interfaces are asked for their addresses.
const ADDRESSES_EVERY: Duration = Duration::from_secs(60);

/// Part of the disk below a directory that is in use, as `df` counts it: what only root may still write counts as used.
pub(super) fn disk_used(directory: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    let all = used.saturating_add(disk.f_bavail);
    (all > 0).then(|| used as f64 / all as f64)
}

/// See the file's head.
#[derive(Debug, Default)]
pub(super) struct Itself {
    /// The two clocks when they were last read.
    clocks: Option<(CaptureTime, Instant)>,
    asked: Option<Instant>,
    addresses: Vec<IpAddr>,
    cards: Vec<Mac>,
}

impl Itself {
    /// What is to be told now. `at` is the time of day and `now` the time that goes by, read together.
    pub(super) fn look(&mut self, at: CaptureTime, now: Instant, picture: &Picture) -> SelfSeen<'_> {
        if self.asked.is_none_or(|asked| now.duration_since(asked) >= ADDRESSES_EVERY) {
            self.asked = Some(now);
            (self.addresses, self.cards) = own_addresses();
        }
        let uplink = &picture.uplink;
        SelfSeen {
            at,
            disk: picture.store.disk_used,
            queue: picture.store.queue_used,
            oldest_urgent: (uplink.configured && uplink.oldest_urgent_s > 0)
                .then(|| Duration::from_secs(uplink.oldest_urgent_s)),
            clock_step_s: self.step(at, now),
            addresses: &self.addresses,
            cards: &self.cards,
        }
    }

    /// Seconds by which the clock was set since the last look.
    fn step(&mut self, at: CaptureTime, now: Instant) -> f64 {
        let Some((told, went_by)) = self.clocks.replace((at, now)) else { return 0.0 };
        at.0.saturating_sub(told.0) as f64 / 1e9 - now.duration_since(went_by).as_secs_f64()
    }
}

/// Addresses and cards of this machine; those that every machine has are nobody's.
fn own_addresses() -> (Vec<IpAddr>, Vec<Mac>) {
    let interfaces = pnet_datalink::interfaces();
    let others: Vec<_> = interfaces.iter().filter(|interface| !interface.is_loopback()).collect();
    let addresses = others.iter().flat_map(|interface| &interface.ips).map(|network| network.ip());
    let cards = others.iter().filter_map(|interface| interface.mac).map(|mac| Mac(mac.octets()));
    (
        addresses.filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect(),
        cards.filter(|card| !card.is_none()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::empty(CaptureTime(0))
    }

    #[test]
    fn a_clock_that_is_set_shows_once_and_one_that_runs_does_not() {
        let (mut itself, start) = (Itself::default(), Instant::now());
        let mut step = |second: i64, after: u64| {
            let (at, now) = (CaptureTime::from_parts(second, 0), start + Duration::from_secs(after));
            (itself.look(at, now, &picture()).clock_step_s * 10.0).round() / 10.0
        };
        assert_eq!([step(1_000, 0), step(1_001, 1), step(1_041, 1), step(1_042, 2)], [0.0, 0.0, 40.0, 0.0]);
        assert_eq!([step(1_000, 3), step(1_060, 63)], [-43.0, 0.0], "back, then a minute of rest");
    }

    #[test]
    fn a_finding_that_waits_is_told_only_where_something_is_sent() {
        let mut picture = picture();
        picture.uplink.oldest_urgent_s = 90_000;
        let mut itself = Itself::default();
        assert_eq!(itself.look(CaptureTime(0), Instant::now(), &picture).oldest_urgent, None);
        picture.uplink.configured = true;
        let told = itself.look(CaptureTime(0), Instant::now(), &picture).oldest_urgent;
        assert_eq!(told, Some(Duration::from_secs(90_000)));
    }

    #[test]
    fn a_disk_tells_a_share_and_a_folder_that_is_not_there_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let share = disk_used(folder.path()).unwrap();
        assert!((0.0..=1.0).contains(&share), "{share}");
        assert_eq!(disk_used(&folder.path().join("missing")), None);
    }
}
