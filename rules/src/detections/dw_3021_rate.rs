//! DW-3021: a source tells something much more often than it used to: a second sender speaks under its name.
//!
//! For every talker and sentence (or parameter group) that measures own ship the usual rate is learned; above 1.6 times of it in each of four pieces of
//! five seconds is a finding. What depends on traffic (targets, alerts) measures nothing of own ship and is not looked at, nor are lists whose length
//! varies (GSV, GSA). After five minutes at the new rate that one is the usual rate: one finding for a rate that somebody set.

use dogwatch_model::{Act, CaptureTime, Event};

use super::of_talker::{Case, raise_of};
use crate::detector::{Card, Context, Detector, Threshold, Wants};
use crate::own_ship::{PerTalker, TalkerIx, said};
use crate::seen::Party;

/// Sentences followed of one talker.
const MOST: usize = 24;
/// Seconds of a piece, pieces of a look, and pieces of learning before anything is judged.
const PIECE: u64 = 5;
const LOOK: u32 = 4;
const LEARNED: f64 = 12.0;
/// Pieces over which the usual rate moves on, and after which a new rate is the usual one.
const MEMORY: f64 = 120.0;
const GIVE_UP: u32 = 60;
/// Sentences in a piece below which a rate is no rate.
const LEAST: f64 = 2.0;
/// Sentences whose number goes with the sky.
const LISTS: [&str; 3] = ["GSV", "GSA", "GRS"];

const CARD: Card = Card {
    id: "DW-3021",
    why: "Two streams under one name mean two senders. The display shows whichever came last, and one of the two may be false.",
    e26: &["4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Stream {
    said: u32,
    piece: CaptureTime,
    count: u32,
    /// Usual number in a piece, and pieces behind it.
    usual: (f64, f64),
    fast: u32,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct StreamRate {
    streams: PerTalker<Vec<Stream>>,
    factor: Factor,
}

/// Times the usual rate.
struct Factor(f64);

impl Default for Factor {
    fn default() -> Self {
        Self(1.6)
    }
}

impl Detector for StreamRate {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { own_ship: true, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "factor", &mut self.factor.0, 1.2..=20.0)]
    }

    fn event(&mut self, event: &Event<'_>, _from: &Party, _to: &Party, cx: &mut Context<'_>) {
        let Some(ix) = cx.talker else { return };
        let object = event.message.acts.iter().find_map(|act| match act {
            Act::Publishes { object } => Some(*object),
            _ => None,
        });
        let Some((object, number)) = object.and_then(|object| Some((object, said(object)?))) else { return };
        let Some(fast) = self.count(ix, number, event.at) else { return };
        let is_list =
            matches!(object, dogwatch_model::Object::Sentence { formatter, .. } if LISTS.contains(&formatter));
        let ship = cx.ship;
        let Some(talker) = ship.talker(ix).filter(|_| !is_list) else { return };
        let (now, usual) = fast;
        let case = Case {
            severity: None,
            confidence: 0.8,
            to: None,
            summary: format!("{} sends {object} {now:.1} times a second; it used to be {usual:.1}", talker.name(cx)),
            fields: vec![("says", object.to_string()), ("usual_per_s", format!("{usual:.2}"))],
            expected: format!("at most {:.1} times the usual rate", self.factor.0),
        };
        raise_of(cx, &CARD, talker, event.at, &format!("{object}|{}", talker.key()), case);
    }
}

impl StreamRate {
    /// Counts one; gives the rate now and the usual one when it has been too high for a whole look.
    fn count(&mut self, ix: TalkerIx, said: u32, at: CaptureTime) -> Option<(f64, f64)> {
        let factor = self.factor.0;
        let streams = self.streams.of(ix);
        let index = match streams.iter().position(|stream| stream.said == said) {
            Some(index) => index,
            None if streams.len() >= MOST => return None,
            None => {
                streams.push(Stream { said, piece: at, count: 0, usual: (0.0, 0.0), fast: 0 });
                streams.len() - 1
            }
        };
        let stream = streams.get_mut(index)?;
        let passed = at.since(stream.piece).as_secs();
        if at >= stream.piece && passed < PIECE {
            stream.count = stream.count.saturating_add(1);
            return None;
        }
        let seconds = at.since(stream.piece).as_secs_f64();
        let count = std::mem::replace(&mut stream.count, 1);
        stream.piece = at;
        // a pause in between, or a clock that went back: this piece says nothing
        if at < stream.piece || passed > 2 * PIECE {
            stream.fast = 0;
            return None;
        }
        let now = f64::from(count) * PIECE as f64 / seconds;
        let is_fast = stream.usual.1 >= LEARNED && now >= LEAST && now > factor * stream.usual.0;
        if is_fast && stream.fast < GIVE_UP {
            stream.fast += 1;
        } else {
            if is_fast {
                stream.usual = (now, LEARNED);
            }
            stream.fast = 0;
            stream.usual.1 = (stream.usual.1 + 1.0).min(MEMORY);
            stream.usual.0 += (now - stream.usual.0) / stream.usual.1;
        }
        (stream.fast == LOOK).then_some((now / PIECE as f64, stream.usual.0 / PIECE as f64))
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Object, Of, Quantity, Speaker, Transport, Value};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn stream(seconds: u32, formatter: &'static str, times: impl Fn(u32) -> u32) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<StreamRate>::default());
        let from = flow("10.0.0.15", "239.192.0.1", 60_001, Transport::Udp);
        for tenth in 0..seconds * 10 {
            bench.at(f64::from(tenth) / 10.0);
            let acts = [
                Act::Publishes { object: Object::Sentence { talker: "HE", formatter } },
                Act::Measures { of: Of::OwnShip, quantity: Quantity::HeadingTrue, value: Value::Number(60.0) },
            ];
            for _ in 0..if tenth.is_multiple_of(5) { times(tenth / 10) } else { 0 } {
                bench.says("nmea0183", Speaker::Sender, &from, &acts);
            }
        }
        bench.findings().into_iter().map(|finding| finding.summary).collect()
    }

    #[test]
    fn a_doubled_stream_is_told_once() {
        let told = stream(600, "HDT", |second| if second < 180 { 1 } else { 2 });
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn bursts_losses_and_lists_are_quiet() {
        assert!(stream(600, "HDT", |second| if second % 100 == 99 { 4 } else { 1 }).is_empty(), "bursts");
        assert!(stream(600, "HDT", |second| u32::from(!(200..260).contains(&second))).is_empty(), "a pause");
        assert!(stream(600, "GSV", |second| if second < 180 { 1 } else { 2 }).is_empty(), "more satellites");
    }
}
