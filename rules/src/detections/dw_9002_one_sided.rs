//! DW-9002: the mirror shows only one direction of the connections.
//!
//! Judged on what TCP connections move from one look to the next: over ten minutes more than four in five looks show packets of one side only.

use dogwatch_model::{CaptureTime, Transport};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::seen::{FlowSeen, FlowStage, Party};

/// Share of looks (catalogue: `ratio`), over how many minutes, and how many looks are needed.
const SHARE: f64 = 0.8;
const MINUTES: usize = 10;
const LOOKS: u32 = 20;
/// Packets of one side alone that may be nothing but an attempt: a SYN and its six repeats (Linux, `tcp_syn_retries`).
const ATTEMPT: u64 = 7;
/// Capture sources told apart; no ship has more mirror ports.
const SOURCES: usize = 64;

const CARD: Card = Card {
    id: "DW-9002",
    why: "The monitor hears the questions but not the answers, or the other way round. It cannot say who answers what, and half of what happens goes \
          unseen.",
    e26: &["4.3.1", "4.3.2"],
};

#[derive(Debug, Clone)]
struct Source {
    name: String,
    /// The minute that is being counted.
    minute: i64,
    /// One-sided looks and all looks of the last minutes, the present one last.
    minutes: [(u32, u32); MINUTES],
}

/// See the file's head.
#[derive(Default)]
pub(super) struct OneSided {
    sources: Vec<Source>,
}

impl Detector for OneSided {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Progress], ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if seen.flow.transport != Transport::Tcp {
            return;
        }
        let (sent, received) = (seen.account.sent.packets, seen.account.received.packets);
        // a connection that was tried and never opened is one-sided by nature
        let is_attempt = sent.min(received) == 0 && sent.max(received) <= ATTEMPT;
        if is_attempt || seen.packets() < 4 {
            return;
        }
        let Some(source) = self.source(cx.source.label, seen.at) else { return };
        let minute = seen.at.seconds().div_euclid(60);
        if minute != source.minute {
            source.minute = minute;
            source.minutes.rotate_left(1);
            if let Some(present) = source.minutes.last_mut() {
                *present = (0, 0);
            }
        }
        if let Some((one_sided, all)) = source.minutes.last_mut() {
            *one_sided = one_sided.saturating_add(u32::from(seen.sent == 0 || seen.received == 0));
            *all = all.saturating_add(1);
        }
        let sum =
            |(a, b): (u32, u32), (one_sided, all): &(u32, u32)| (a.saturating_add(*one_sided), b.saturating_add(*all));
        let (one_sided, all) = source.minutes.iter().fold((0, 0), sum);
        let is_whole = source.minutes.iter().all(|(_, all)| *all > 0);
        if !is_whole || all < LOOKS || f64::from(one_sided) <= SHARE * f64::from(all) {
            return;
        }
        let label = cx.source.label.to_owned();
        let percent = 100.0 * f64::from(one_sided) / f64::from(all);
        cx.raise(label.as_bytes(), &CARD, seen.at, || Raise {
            confidence: 0.9,
            summary: format!("{label} shows only one direction of {percent:.0} % of the connections"),
            fields: vec![("one_sided".to_owned(), one_sided.to_string()), ("all".to_owned(), all.to_string())],
            expected: "both directions: set the mirror session on the switch to receive and transmit".to_owned(),
            ..Raise::bare(&CARD, (seen.at, seen.frame), Party::nobody(None), String::new())
        });
    }
}

impl OneSided {
    fn source(&mut self, name: &str, at: CaptureTime) -> Option<&mut Source> {
        if !self.sources.iter().any(|source| source.name == name) && self.sources.len() < SOURCES {
            let minute = at.seconds().div_euclid(60);
            self.sources.push(Source { name: name.to_owned(), minute, minutes: [(0, 0); MINUTES] });
        }
        self.sources.iter_mut().find(|source| source.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, flow};
    use crate::seen::{Account, Volume};

    fn told(received: u64) -> usize {
        let mut bench = Bench::new(None, Box::<OneSided>::default());
        for step in 0..130_u32 {
            bench.at(f64::from(step) * 5.0);
            let total = |each: u64| Volume { packets: each * u64::from(step + 1), bytes: 0 };
            let account = Account { sent: total(9), received: total(received), ..Account::default() };
            let flow = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
            bench.moved(&flow, None, FlowStage::Progress, (9, received), account);
        }
        bench.findings().len()
    }

    #[test]
    fn one_direction_and_both() {
        assert_eq!((told(0), told(9)), (1, 0));
    }

    #[test]
    fn hosts_that_do_not_answer_are_no_half_mirror() {
        let told = |packets: u64| {
            let mut bench = Bench::new(None, Box::<OneSided>::default());
            for step in 0..130_u16 {
                bench.at(f64::from(step) * 5.0);
                let account = Account { sent: Volume { packets, bytes: packets * 74 }, ..Account::default() };
                let seen = flow("10.0.2.10", "10.0.2.21", 1_000 + step, Transport::Tcp);
                bench.told(&seen, None, FlowStage::Progress, packets, account);
            }
            bench.findings().len()
        };
        assert_eq!((told(5), told(12)), (0, 1));
    }
}
