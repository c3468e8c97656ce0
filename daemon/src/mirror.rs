//! Is the mirror port right? A verdict in plain words within two minutes, from nothing but what comes in.
//!
//! A port that was forgotten shows only broadcast; one that mirrors a single direction shows questions without answers; one that is overloaded
//! loses frames. The officer is told which of these it is and what to do about it.

use std::collections::BTreeSet;

use dogwatch_flow::FlowSummary;
use dogwatch_model::{CaptureTime, Flow, Transport};

/// VLANs remembered of one source.
const MOST_VLANS: usize = 64;
/// Seconds before a verdict other than "waiting" is given.
const PATIENCE_SECONDS: u64 = 20;
/// TCP conversations needed before one-sidedness means something.
const MIN_CONVERSATIONS: u64 = 5;

/// What one capture source has shown of the ship's traffic.
#[derive(Debug, Clone, Default)]
pub struct MirrorSeen {
    /// Flows between two single devices.
    pub unicast_flows: u64,
    /// Flows to groups: broadcast, multicast.
    pub group_flows: u64,
    /// TCP conversations.
    pub conversations: u64,
    /// Those of which only one side was ever seen.
    pub one_sided: u64,
    /// Flows on a CAN bus or a serial line.
    pub bus_flows: u64,
    /// Whether what a serial line says was recognised.
    pub is_line_read: bool,
    /// VLANs seen.
    pub vlans: BTreeSet<u16>,
}

/// How good the mirror is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both directions of other devices' talk are seen, nothing is lost.
    Good,
    /// Too early to tell.
    Waiting,
    /// No frame at all.
    Silent,
    /// Only broadcast and multicast: the port is not a mirror.
    OnlyGroups,
    /// Only one direction.
    OneWay,
    /// Frames are lost.
    Losing,
    /// The interface is down.
    Down,
    /// The serial line brings sentences or messages that can be read.
    LineGood,
    /// Nothing arrives on the serial line.
    LineSilent,
    /// Bytes arrive, but none that can be read.
    LineUnreadable,
    /// The serial device is not there.
    LineDown,
}

impl Verdict {
    /// What it means, in a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Good => "The mirror port shows other devices talking, in both directions, without loss.",
            Self::Waiting => "Listening; a verdict comes within two minutes.",
            Self::Silent => "Not a single frame has arrived.",
            Self::OnlyGroups => {
                "Only broadcast and multicast arrive: this looks like an ordinary switch port, not a mirror."
            }
            Self::OneWay => "Most conversations show only one direction.",
            Self::Losing => "Frames are lost before they can be read.",
            Self::Down => "The interface is down.",
            Self::LineGood => "The serial line brings messages that can be read.",
            Self::LineSilent => "Not a single byte has arrived on the serial line.",
            Self::LineUnreadable => "Bytes arrive on the serial line, but nothing that can be read.",
            Self::LineDown => "The serial device is not there.",
        }
    }

    /// What to do about it; empty when nothing.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Good | Self::Waiting | Self::LineGood => "",
            Self::LineSilent => {
                "Check that the talker is switched on and that its A and B (or its transmit pin and ground) lead to the receive pins of this port."
            }
            Self::LineUnreadable => {
                "Set `baud` to the talker's speed (4800; AIS and gyros often 38400); swap A and B if that does not help."
            }
            Self::LineDown => "Plug the adapter in again. It is tried again by itself.",
            Self::Silent => {
                "Check the cable and the link light; check that the switch mirrors to this port and that the mirror session is on."
            }
            Self::OnlyGroups => {
                "Set this switch port as the destination of a mirror (SPAN) session and choose the ports or VLANs to be mirrored."
            }
            Self::OneWay => "Mirror both directions (often called `both` or `rx and tx`) of the chosen ports.",
            Self::Losing => {
                "Mirror fewer ports to this one, or use a faster port; look for other programs that keep this computer busy."
            }
            Self::Down => {
                "Check the cable; bring the interface up (`ip link set NAME up`). It is tried again by itself."
            }
        }
    }
}

impl MirrorSeen {
    /// Takes note of a new flow.
    pub fn started(&mut self, flow: &Flow) {
        match flow.transport {
            Transport::Can | Transport::Serial => self.bus_flows += 1,
            _ if flow.is_to_group() => self.group_flows += 1,
            _ => self.unicast_flows += 1,
        }
        if let Some(vlan) = flow.vlans.innermost()
            && self.vlans.len() < MOST_VLANS
        {
            self.vlans.insert(vlan);
        }
    }

    /// Takes note of what a flow speaks.
    pub fn recognised(&mut self, flow: &Flow, protocol: Option<&'static str>) {
        if flow.transport == Transport::Serial {
            self.is_line_read = protocol.is_some();
        }
    }

    /// The verdict on a serial line that has been open since `opened`.
    #[must_use]
    pub fn line_verdict(&self, opened: CaptureTime, now: CaptureTime, pieces: u64, up: bool) -> Verdict {
        let is_early = now.since(opened).as_secs() < PATIENCE_SECONDS;
        match (up, pieces, self.is_line_read) {
            (false, ..) => Verdict::LineDown,
            (true, _, true) => Verdict::LineGood,
            _ if is_early => Verdict::Waiting,
            (true, 0, false) => Verdict::LineSilent,
            (true, _, false) => Verdict::LineUnreadable,
        }
    }

    /// Takes note of a conversation, once.
    pub fn heard(&mut self, summary: &FlowSummary) {
        if summary.flow.transport == Transport::Tcp && summary.tcp.established {
            self.conversations += 1;
            self.one_sided += u64::from(summary.tcp.one_sided);
        }
    }

    /// The verdict on a source that has been open since `opened`.
    #[must_use]
    pub fn verdict(&self, opened: CaptureTime, now: CaptureTime, frames: u64, dropped: u64, up: bool) -> Verdict {
        if !up {
            return Verdict::Down;
        }
        let is_early = now.since(opened).as_secs() < PATIENCE_SECONDS;
        if frames == 0 {
            return if is_early { Verdict::Waiting } else { Verdict::Silent };
        }
        // one frame in two hundred is the limit of DW-9001, too
        if dropped.saturating_mul(200) > frames.saturating_add(dropped) {
            return Verdict::Losing;
        }
        if self.conversations >= MIN_CONVERSATIONS
            && self.one_sided.saturating_mul(5) > self.conversations.saturating_mul(4)
        {
            return Verdict::OneWay;
        }
        if self.unicast_flows > 0 || self.bus_flows > 0 {
            return Verdict::Good;
        }
        if is_early { Verdict::Waiting } else { Verdict::OnlyGroups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(seen: &MirrorSeen, seconds: i64, frames: u64, dropped: u64) -> Verdict {
        seen.verdict(CaptureTime(0), CaptureTime::from_parts(seconds, 0), frames, dropped, true)
    }

    #[test]
    fn each_fault_has_its_verdict() {
        let nothing = MirrorSeen::default();
        assert_eq!(verdict(&nothing, 5, 0, 0), Verdict::Waiting);
        assert_eq!(verdict(&nothing, 60, 0, 0), Verdict::Silent);
        let groups = MirrorSeen { group_flows: 40, ..MirrorSeen::default() };
        assert_eq!(verdict(&groups, 60, 900, 0), Verdict::OnlyGroups);
        let good =
            MirrorSeen { unicast_flows: 3, group_flows: 4, conversations: 10, one_sided: 2, ..MirrorSeen::default() };
        assert_eq!(verdict(&good, 60, 900, 0), Verdict::Good);
        assert_eq!(verdict(&good, 60, 900, 9), Verdict::Losing);
        let half = MirrorSeen { unicast_flows: 30, conversations: 10, one_sided: 9, ..MirrorSeen::default() };
        assert_eq!(verdict(&half, 60, 900, 0), Verdict::OneWay);
        let bus = MirrorSeen { bus_flows: 1, ..MirrorSeen::default() };
        assert_eq!(verdict(&bus, 60, 900, 0), Verdict::Good);
        assert_eq!(good.verdict(CaptureTime(0), CaptureTime(1), 9, 0, false), Verdict::Down);
    }

    #[test]
    fn a_serial_line_has_verdicts_of_its_own() {
        let verdict = |seen: &MirrorSeen, seconds, pieces, up| {
            seen.line_verdict(CaptureTime(0), CaptureTime::from_parts(seconds, 0), pieces, up)
        };
        let nothing = MirrorSeen::default();
        assert_eq!(verdict(&nothing, 5, 0, true), Verdict::Waiting);
        assert_eq!(verdict(&nothing, 60, 0, true), Verdict::LineSilent);
        assert_eq!(verdict(&nothing, 60, 90, true), Verdict::LineUnreadable);
        let read = MirrorSeen { is_line_read: true, ..MirrorSeen::default() };
        assert_eq!(verdict(&read, 5, 90, true), Verdict::LineGood);
        assert_eq!(verdict(&read, 60, 90, false), Verdict::LineDown);
    }

    #[test]
    fn whatever_is_wrong_has_a_remedy() {
        for verdict in [
            Verdict::Silent,
            Verdict::OnlyGroups,
            Verdict::OneWay,
            Verdict::Losing,
            Verdict::Down,
            Verdict::LineSilent,
            Verdict::LineUnreadable,
            Verdict::LineDown,
        ] {
            assert!(!verdict.meaning().is_empty() && verdict.remedy().len() > 20, "{verdict:?}");
        }
    }
}
