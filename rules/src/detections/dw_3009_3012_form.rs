//! DW-3009 and DW-3012: sentences that are damaged, or stand in a transmission group that is not theirs.
//!
//! DW-3009: of what one source sends within a minute more than 2 % and at least five are damaged (checksum of sentence or TAG block, length), and more
//! than three times its own usual share: a noisy line is known to be noisy, a talker without checksums has none that could be wrong.
//! DW-3012: five sentences of a source in the wrong group of IEC 61162-450; whoever did so while learning keeps doing it.

use dogwatch_model::{Act, CaptureTime, Event, Object};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::findings::call;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, service, sfi_number};

/// Sources remembered.
const REMEMBERED: usize = 4_096;
/// Seconds of one look.
const WINDOW: u64 = 60;
/// Times its usual share that a source must be worse.
const WORSE: f64 = 3.0;
/// Sentences in the wrong group that count.
const MISPLACED: u32 = 5;

const DAMAGED: Card = Card {
    id: "DW-3009",
    why: "Damaged sentences are lost positions, headings or alarms. A bad cable does it, and so does somebody who tries to slip sentences between \
          those of a talker.",
    e26: &["4.3.1"],
};
const GROUP: Card = Card {
    id: "DW-3012",
    why: "Displays listen to the groups of their kind. What is sent to another group may not arrive, or arrives where nobody expects it.",
    e26: &["4.3.1"],
};

#[derive(Debug, Clone, Copy, Default)]
struct Line {
    since: CaptureTime,
    all: u32,
    bad: u32,
    /// Usual share of damaged ones, and looks behind it.
    usual: (f64, u32),
    misplaced: u32,
    is_known_to_misplace: bool,
}

/// See the file's head.
pub(super) struct Form {
    lines: Remembered<(Identity, u64), Line>,
    ratio: f64,
    min: f64,
}

impl Default for Form {
    fn default() -> Self {
        Self { lines: Remembered::new(REMEMBERED), ratio: 0.02, min: 5.0 }
    }
}

impl Detector for Form {
    fn cards(&self) -> &'static [&'static Card] {
        &[&DAMAGED, &GROUP]
    }

    fn wants(&self) -> Wants {
        Wants { sentences: true, oddities: true, of: Speaking::Navigation, ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(DAMAGED.id, "ratio", &mut self.ratio, 0.001..=0.9),
            Threshold::new(DAMAGED.id, "min", &mut self.min, 1.0..=1_000.0),
        ]
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let (mut is_sentence, mut is_bad, mut is_misplaced) = (false, false, false);
        for act in event.message.acts {
            match *act {
                Act::Publishes { object: Object::Sentence { .. } } => is_sentence = true,
                Act::Odd("nmea.bad-checksum" | "nmea.too-long" | "450.tag-checksum") => is_bad = true,
                Act::Odd("450.wrong-group") => is_misplaced = true,
                _ => {}
            }
        }
        if !is_sentence && !is_bad {
            return;
        }
        let key = (from.identity(), sfi_number(from.sfi()));
        let line = match self.lines.touch(key, event.at) {
            Some(line) => line,
            None => {
                self.lines.put(key, event.at, Line { since: event.at, ..Line::default() });
                let Some(line) = self.lines.touch(key, event.at) else { return };
                line
            }
        };
        if is_misplaced {
            line.misplaced = line.misplaced.saturating_add(1);
            line.is_known_to_misplace |= cx.is_learning(event.at, from, to);
            if line.misplaced >= MISPLACED && !line.is_known_to_misplace {
                misplaced(event, from, cx);
            }
        }
        if event.at < line.since || event.at.since(line.since).as_secs() >= WINDOW {
            line.look_over(event.at);
        }
        line.all = line.all.saturating_add(1);
        line.bad = line.bad.saturating_add(u32::from(is_bad));
        let share = f64::from(line.bad) / f64::from(line.all.max(1));
        // a look that has just begun is judged by a minute's worth of the look before: nothing is said on the first few
        let is_much = f64::from(line.bad) >= self.min && share > self.ratio && share > WORSE * line.usual.0;
        if is_bad && is_much {
            let (bad, all, usual) = (line.bad, line.all, line.usual.0);
            damaged(event, from, (bad, all, usual), cx);
        }
    }
}

impl Line {
    /// A look is over: what it showed becomes part of what is usual, and not faster than a noisy line gets noisier.
    fn look_over(&mut self, at: CaptureTime) {
        if self.all > 0 {
            let share = f64::from(self.bad) / f64::from(self.all);
            self.usual.1 = (self.usual.1 + 1).min(60);
            self.usual.0 += (share - self.usual.0) / f64::from(self.usual.1.max(10));
        }
        (self.since, self.all, self.bad) = (at, 0, 0);
    }
}

fn damaged(event: &Event<'_>, from: &Party, (bad, all, usual): (u32, u32, f64), cx: &mut Context<'_>) {
    let key = format!("{:?}|{:?}", from.identity(), from.sfi());
    let (policy, directory) = (cx.policy, cx.directory);
    cx.raise(key.as_bytes(), &DAMAGED, event.at, || Raise {
        card: &DAMAGED,
        severity: None,
        confidence: 0.8,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{bad} of {all} sentences of {} within a minute are damaged", call(from, policy, directory)),
        fields: vec![("damaged".to_owned(), bad.to_string()), ("of".to_owned(), all.to_string())],
        expected: format!("at most {:.1} %, usually {:.1} %", 2.0, usual * 100.0),
        conduit: None,
        proposal: None,
    });
}

fn misplaced(event: &Event<'_>, from: &Party, cx: &mut Context<'_>) {
    let key = format!("{:?}|{:?}", from.identity(), from.sfi());
    let (policy, directory) = (cx.policy, cx.directory);
    let object = event.message.acts.iter().find_map(|act| match act {
        Act::Publishes { object } => Some(object.to_string()),
        _ => None,
    });
    let object = object.unwrap_or_default();
    cx.raise(key.as_bytes(), &GROUP, event.at, || Raise {
        card: &GROUP,
        severity: None,
        confidence: 0.9,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{} sends {object} to a transmission group of another kind", call(from, policy, directory)),
        fields: vec![("says".to_owned(), object)],
        expected: "sentences in the group IEC 61162-450 gives their talker".to_owned(),
        conduit: None,
        proposal: None,
    });
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Speaker, Transport};

    use super::*;
    use crate::detections::bench::{Bench, flow};

    fn line(seconds: u32, odd: impl Fn(u32) -> Option<&'static str>) -> Vec<String> {
        let mut bench = Bench::new(None, Box::<Form>::default());
        let from = flow("10.0.0.17", "239.192.0.4", 60_004, Transport::Udp);
        for second in 0..seconds {
            bench.at(f64::from(second));
            let says = Act::Publishes { object: Object::Sentence { talker: "SD", formatter: "DPT" } };
            match odd(second) {
                Some(odd @ "nmea.bad-checksum") => bench.says("nmea0183", Speaker::Sender, &from, &[Act::Odd(odd)]),
                Some(odd) => bench.says("iec61162-450", Speaker::Sender, &from, &[says, Act::Odd(odd)]),
                None => bench.says("nmea0183", Speaker::Sender, &from, &[says]),
            }
        }
        bench.ids()
    }

    #[test]
    fn a_line_that_gets_worse_is_told_once() {
        let bad = |second: u32| (second > 200 && second.is_multiple_of(5)).then_some("nmea.bad-checksum");
        assert_eq!(line(400, bad), ["DW-3009"]);
    }

    #[test]
    fn a_few_damaged_ones_are_noise() {
        assert!(line(400, |second| second.is_multiple_of(50).then_some("nmea.bad-checksum")).is_empty());
    }

    #[test]
    fn the_wrong_group_counts_after_learning() {
        let day = 25 * 3_600;
        assert!(line(300, |_| Some("450.wrong-group")).is_empty(), "while learning");
        let late = line(day + 10, |second| (second > day).then_some("450.wrong-group"));
        assert_eq!(late, ["DW-3012"]);
    }
}
