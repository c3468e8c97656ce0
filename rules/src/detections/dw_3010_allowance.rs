//! DW-3010: a source says a sentence, or sends a parameter group, that the policy does not give it.
//!
//! The answer for a source and what it says is worked out once and remembered: sentences come ten times a second. Two of the kind are needed, a
//! single stray line is noise.

use dogwatch_model::{Act, Event, Object, Severity, Speaker};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::findings::{Cause, call};
use crate::own_ship::Trouble;
use crate::policy::{Mode, N2kRefusal, N2kVerdict, NmeaAsk, NmeaRefusal, NmeaVerdict, Policy};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, PolicySeen, service, sfi_number};

/// Times a thing must be said before it counts.
const MIN_TIMES: u32 = 2;
/// After how many more it is noted again of a talker that it is a stranger.
const NOTED: u32 = 1_024;
/// Pairs of source and sentence remembered.
const REMEMBERED: usize = 32_768;

const CARD: Card = Card {
    id: "DW-3010",
    why: "Displays, the autopilot and the recorder believe what the navigation network says. A source that says what it has no business saying is a \
          wrong configuration at best, and false positions or steering orders at worst.",
    e26: &["4.2.1", "4.3.1"],
};

/// Who, under which function id, and what: talker and formatter letters, or the parameter group, packed into one word.
type Said = (Identity, u64, u128);

#[derive(Debug, Clone, Copy)]
struct Answer {
    refusal: Option<Refusal>,
    times: u32,
}

/// Why the policy does not allow it.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    why: &'static str,
    /// It is the speaker that is not who he says, rather than one thing of what he says.
    is_stranger: bool,
}

/// See the file's head.
pub(super) struct Allowance {
    answers: Remembered<Said, Answer>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { answers: Remembered::new(REMEMBERED) }
    }
}

impl Detector for Allowance {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { published: true, of: Speaking::Navigation, planned: true, ..Wants::default() }
    }

    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        // the answers were the old policy's
        self.answers = Remembered::new(REMEMBERED);
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        if policy.mode_of(from.end.zone) == Mode::Learn {
            return;
        }
        for act in event.message.acts {
            let Act::Publishes { object } = *act else { continue };
            let Some(said) = packed(object) else { continue };
            let key = (from.identity(), sfi_number(from.sfi()), said);
            let answer = match self.answers.touch(key, event.at) {
                Some(answer) => answer,
                None => {
                    let refusal = refusal(policy, from, to, object, cx.source.selector);
                    self.answers.put(key, event.at, Answer { refusal, times: 0 });
                    let Some(answer) = self.answers.touch(key, event.at) else { continue };
                    answer
                }
            };
            let Some(refusal) = answer.refusal else { continue };
            answer.times = answer.times.saturating_add(1);
            // what it tells and no longer tells is nobody's loss; said again now and then, because notes are few
            if let Some(talker) = cx.talker.filter(|_| answer.times % NOTED == MIN_TIMES && refusal.is_stranger) {
                cx.troubles.note(Trouble::Stranger, talker, event.at);
            }
            // whoever steers without leave is told of as that
            if answer.times >= MIN_TIMES && !cx.has_policy_spoken() {
                raise(event, from, to, object, refusal.why, policy, cx);
            }
        }
    }
}

/// Why the policy does not allow it; `None` when it does, or has nothing to say.
fn refusal(policy: &Policy, from: &Party, to: &Party, object: Object<'_>, bus: &str) -> Option<Refusal> {
    let stranger = |why| Some(Refusal { why, is_stranger: true });
    let known = |why| Some(Refusal { why, is_stranger: false });
    match (object, from.speaker) {
        (Object::Sentence { talker, formatter }, _) => {
            let ask = NmeaAsk { from: from.end, to: to.end, sfi: from.sfi(), talker, formatter };
            match policy.nmea_allows(&ask) {
                NmeaVerdict::Allowed(_) | NmeaVerdict::NotDeclared => None,
                NmeaVerdict::Denied { why, .. } => match why {
                    NmeaRefusal::Source => stranger("the source is not on the list of talkers"),
                    NmeaRefusal::Mac => stranger("the address is a known source's, the network card is not"),
                    NmeaRefusal::Sfi => stranger("the function id is not its own"),
                    NmeaRefusal::Talker => stranger("the talker id is not its own"),
                    NmeaRefusal::Sentence => known("the sentence is not on its list"),
                    NmeaRefusal::SteeringCommand => known("it may not give steering commands"),
                },
            }
        }
        (Object::Pgn { pgn, .. }, Speaker::Name { name, .. }) => match policy.n2k_allows(bus, name, pgn) {
            N2kVerdict::Allowed(_) | N2kVerdict::Management | N2kVerdict::NotDeclared => None,
            N2kVerdict::Denied { why: N2kRefusal::Source, .. } => {
                stranger("the device is not on the list for this bus")
            }
            N2kVerdict::Denied { why: N2kRefusal::Pgn, .. } => known("the parameter group is not on its list"),
        },
        _ => None,
    }
}

fn raise(
    event: &Event<'_>,
    from: &Party,
    to: &Party,
    object: Object<'_>,
    refusal: &'static str,
    policy: &Policy,
    cx: &mut Context<'_>,
) {
    let severity = severity(object, refusal);
    // one finding for one source: a false receiver sends half a dozen sentences, and the officer needs one line
    let key = || format!("{:?}|{:?}|{refusal}", from.identity(), from.sfi());
    let cause = Cause { number: sfi_number(from.sfi()), words: [refusal, ""], ..Cause::by(CARD.id, from.identity()) };
    let (bus, end, directory) = (cx.source.selector, (from.end, to.end), cx.directory);
    let who = || match from.sfi() {
        Some(sfi) => format!("{} as {sfi}", call(from, Some(policy), directory)),
        None => call(from, Some(policy), directory),
    };
    cx.raise_again(cause, &CARD, event.at, key, || Raise {
        card: &CARD,
        severity: Some(severity),
        confidence: 0.9,
        at: event.at,
        frame: event.frame,
        from: *from,
        to: None,
        service: service(Some(event.message.protocol), event.flow),
        summary: format!("{} sends {object}: {refusal}", who()),
        fields: vec![("says".to_owned(), object.to_string())],
        expected: "only what the policy lists for this source".to_owned(),
        conduit: None,
        proposal: match (object, from.speaker) {
            (Object::Sentence { talker, formatter }, _) => {
                policy.nmea_line_for(&NmeaAsk { from: end.0, to: end.1, sfi: from.sfi(), talker, formatter })
            }
            (Object::Pgn { pgn, .. }, Speaker::Name { name, .. }) => Some(policy.n2k_line_for(bus, name, pgn)),
            _ => None,
        },
    });
}

/// High for what steers the ship or tells where and when she is; low for display and makers' own talk; medium between.
fn severity(object: Object<'_>, refusal: &str) -> Severity {
    const HIGH: [&str; 24] = [
        "GGA", "GLL", "GNS", "RMC", "RMA", "VTG", "ZDA", "HDT", "HDG", "THS", "ROT", "APB", "HTC", "HSC", "RMB", "XTE",
        "RTE", "WPL", "DTM", "VBW", "VHW", "DPT", "VDO", "GBS",
    ];
    const HIGH_PGNS: [u32; 9] = [126_208, 126_992, 127_237, 127_245, 127_250, 129_025, 129_026, 129_029, 129_285];
    match object {
        Object::Sentence { talker: "P", .. } => Severity::Low,
        Object::Sentence { formatter, .. } if HIGH.contains(&formatter) || refusal.contains("function id") => {
            Severity::High
        }
        Object::Pgn { pgn, .. } if HIGH_PGNS.contains(&pgn) => Severity::High,
        _ => Severity::Medium,
    }
}

/// What is said as a fixed-size key; `None` for what no allowance speaks of.
fn packed(object: Object<'_>) -> Option<u128> {
    match object {
        Object::Sentence { talker, formatter } => {
            let (mut key, mut room) = (0_u128, 128_u32);
            for part in [talker.as_bytes(), b".", formatter.as_bytes()] {
                for byte in part.iter().take(room as usize / 8) {
                    key = key << 8 | u128::from(*byte);
                    room -= 8;
                }
            }
            // the first letter stands highest, so that numbers sort like names
            Some(key << room)
        }
        // no letter is zero: the two kinds cannot meet
        Object::Pgn { pgn, .. } => Some(u128::from(pgn) << 96),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::Sfi;

    use super::*;
    use crate::detections::bench::Bench;

    const POLICY: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "T"
[[zone]]
id = "bridge"
label = "B"
function = "navigation"
class = "ot"
criticality = "high"
devices = "fixed"
subnet = ["10.0.1.0/24"]
[[asset]]
id = "gnss-1"
zone = "bridge"
ip = ["10.0.1.11"]
[[nmea]]
source = "gnss-1"
sfi = ["GP0001"]
talkers = ["GP"]
sentences = ["GGA", "RMC"]
role = "position"
"#;

    fn told(from: &str, sfi: &[u8], talker: &str, formatter: &str, times: u32) -> Vec<(String, Severity)> {
        let mut bench = Bench::new(Some(POLICY), Box::<Allowance>::default());
        bench.at(1.0);
        for _ in 0..times {
            bench.sentence(from, Speaker::Sfi(Sfi::from_bytes(sfi).unwrap()), talker, formatter);
        }
        bench.findings().into_iter().map(|finding| (finding.rule_id, finding.severity)).collect()
    }

    #[test]
    fn listed_sentences_are_quiet() {
        assert!(told("10.0.1.11", b"GP0001", "GP", "GGA", 9).is_empty());
    }

    #[test]
    fn unlisted_ones_are_not() {
        assert_eq!(told("10.0.1.11", b"GP0001", "GP", "HDT", 2), [("DW-3010".to_owned(), Severity::High)]);
        assert_eq!(told("10.0.1.66", b"GP0001", "GP", "GGA", 2), [("DW-3010".to_owned(), Severity::High)]);
        assert_eq!(told("10.0.1.11", b"GP0001", "P", "FEC", 2), [("DW-3010".to_owned(), Severity::Low)]);
    }

    #[test]
    fn one_stray_line_is_noise() {
        assert!(told("10.0.1.11", b"GP0001", "GP", "HDT", 1).is_empty());
    }

    #[test]
    fn what_is_said_is_told_apart() {
        let said = |talker, formatter| packed(Object::Sentence { talker, formatter });
        let group = |pgn| packed(Object::Pgn { pgn, destination: 255 });
        let all = [
            said("GP", "GGA"),
            said("GP", "GGB"),
            said("P", "GGA"),
            said("P", "UBX,00"),
            said("P", "A-MAKER-WITH-A-LONG-NAME"),
            group(129_029),
            group(129_025),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(Option::is_some) && packed(Object::Named("x")).is_none());
    }

    #[test]
    fn a_flood_of_liars_is_counted_to_the_last() {
        // more senders than causes are remembered, and far more than findings are made
        let mut bench = Bench::new(Some(POLICY), Box::<Allowance>::default());
        bench.at(1.0);
        for sender in 0..5_000_u32 {
            for _ in 0..MIN_TIMES + 1 {
                let from = format!("10.0.{}.{}", 2 + sender / 250, 1 + sender % 250);
                bench.sentence(&from, Speaker::Sfi(Sfi::from_bytes(b"GP0001").unwrap()), "GP", "GGA");
            }
        }
        let counts: Vec<u64> = bench.findings().iter().map(|finding| finding.count).collect();
        assert_eq!(counts.iter().sum::<u64>(), 2 * 5_000);
        assert!(counts.len() < 300, "{}", counts.len());
    }
}
