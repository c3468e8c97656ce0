//! DW-9002: the mirror shows only one direction of the connections.
//!
//! Judged on TCP connections that go on: over ten minutes more than four in five show packets of one side only.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Transport};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::seen::{FlowSeen, FlowStage, Party};

/// Share of connections (catalogue: `ratio`), over what time, and how many sights are needed.
const SHARE: f64 = 0.8;
const WINDOW: Duration = Duration::from_secs(600);
const SIGHTS: u32 = 20;
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
    since: CaptureTime,
    one_sided: u32,
    all: u32,
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
        Wants { flows: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let account = seen.account;
        // a connection that was tried and never opened is one-sided by nature
        if seen.stage != FlowStage::Progress
            || seen.flow.transport != Transport::Tcp
            || account.sent.packets.saturating_add(account.received.packets) < 4
        {
            return;
        }
        let is_one_sided = account.sent.packets == 0 || account.received.packets == 0;
        let Some(source) = self.source(cx.source.label, seen.at) else { return };
        source.all = source.all.saturating_add(1);
        source.one_sided = source.one_sided.saturating_add(u32::from(is_one_sided));
        if seen.at.since(source.since) < WINDOW {
            return;
        }
        let (one_sided, all) = (source.one_sided, source.all);
        (source.since, source.one_sided, source.all) = (seen.at, 0, 0);
        if all < SIGHTS || f64::from(one_sided) <= SHARE * f64::from(all) {
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
            self.sources.push(Source { name: name.to_owned(), since: at, one_sided: 0, all: 0 });
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
            let (sent, received) = (Volume { packets: 9, bytes: 900 }, Volume { packets: received, bytes: 0 });
            let account = Account { sent, received, ..Account::default() };
            bench.told(&flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp), None, FlowStage::Progress, 9, account);
        }
        bench.findings().len()
    }

    #[test]
    fn one_direction_and_both() {
        assert_eq!((told(0), told(9)), (1, 0));
    }
}
