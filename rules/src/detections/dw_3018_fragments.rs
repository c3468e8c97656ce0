//! DW-3018: packets towards a controller or the bridge that are cut in pieces as no network cuts them.
//!
//! Fragments far smaller than any link needs, fragments that overlap, a TCP header spread over two of them (RFC 1858): ways past a firewall that
//! looks at one packet at a time. Large datagrams in ordinary pieces (radar images, charts) are daily life. Copies that a mirror of two ports makes
//! were left out by whoever puts fragments together.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Irregularity};

use super::zones::is_ot;
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, IrregularSeen, service};

/// Over what time such fragments are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Pairs remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-3018",
    why: "Packets cut into odd pieces are a way past a firewall that reads each piece alone. Equipment on board does not send them.",
    e26: &["4.2.2", "4.3.1"],
};

/// See the file's head.
pub(super) struct Fragmentation {
    pairs: Remembered<(Identity, Identity), (CaptureTime, u32)>,
    min: f64,
}

impl Default for Fragmentation {
    fn default() -> Self {
        Self { pairs: Remembered::new(REMEMBERED), min: 2.0 }
    }
}

impl Detector for Fragmentation {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { irregular: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "min", &mut self.min, 1.0..=1_000.0)]
    }

    fn irregular(&mut self, seen: &IrregularSeen<'_>, cx: &mut Context<'_>) {
        let how = match seen.what {
            Irregularity::TinyFragment => "tiny pieces",
            Irregularity::OverlappingFragment => "pieces that overlap",
            Irregularity::HeaderInPieces => "pieces that split the TCP header",
            Irregularity::Unreadable | Irregularity::Altered => return,
        };
        let is_industrial = AppName::of_industrial_port(seen.flow.transport, seen.flow.dst_port).is_some();
        if !(is_ot(cx.policy, &seen.to) || cx.policy.is_none() && is_industrial) {
            return;
        }
        let pair = (seen.from.identity(), seen.to.identity());
        let (since, count) = self.pairs.touch_or(pair, seen.at, || (seen.at, 0));
        if seen.at.since(*since) > WINDOW {
            (*since, *count) = (seen.at, 0);
        }
        *count = count.saturating_add(1);
        let count = *count;
        if f64::from(count) < self.min {
            return;
        }
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        let key = format!("{pair:?}");
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            to: Some(seen.to),
            summary: format!("{who} sends {whom} packets in {how}"),
            fields: vec![("pieces".to_owned(), how.to_owned()), ("within_a_minute".to_owned(), count.to_string())],
            expected: "whole packets, or pieces as large as the network carries".to_owned(),
            ..Raise::bare(&CARD, (seen.at, seen.frame), seen.from, service(seen.protocol, seen.flow))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::Transport;

    fn told(policy: Option<&str>, to: &str, port: u16, what: Irregularity, times: u32) -> Vec<String> {
        let mut bench = Bench::new(policy, Box::<Fragmentation>::default());
        bench.at(0.0);
        for n in 0..times {
            bench.at(200.0 + f64::from(n));
            bench.irregular(&flow("10.0.4.66", to, port, Transport::Tcp), None, what);
        }
        bench.ids()
    }

    #[test]
    fn towards_a_controller() {
        for what in [Irregularity::TinyFragment, Irregularity::OverlappingFragment, Irregularity::HeaderInPieces] {
            assert_eq!(told(Some(SHIP), "10.0.2.21", 502, what, 2), ["DW-3018"], "{what:?}");
        }
        assert_eq!(told(None, "10.0.2.21", 502, Irregularity::TinyFragment, 2), ["DW-3018"]);
    }

    #[test]
    fn one_alone_elsewhere_or_something_else() {
        assert!(told(Some(SHIP), "10.0.2.21", 502, Irregularity::TinyFragment, 1).is_empty());
        assert!(told(Some(SHIP), "10.0.4.9", 502, Irregularity::TinyFragment, 9).is_empty(), "the office");
        assert!(told(None, "10.0.2.21", 80, Irregularity::TinyFragment, 9).is_empty());
        assert!(told(Some(SHIP), "10.0.2.21", 502, Irregularity::Altered, 9).is_empty());
    }
}
