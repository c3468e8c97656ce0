//! DW-7005 and DW-8002: what look-ups of names give away.
//!
//! DW-7005: a computer asks for many names that do not exist and look made by a program. DW-8002: data travels inside the names asked for: dozens
//! of long, different names below one domain. Look-ups that fail because the link is down (no answer, server failure) are left out.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, FieldValue, FieldVisitor, Object, Severity};

use super::zones::is_untrusted;
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};
use crate::text::bounded;

/// Over what time names are counted.
const WINDOW: Duration = Duration::from_secs(600);
/// Made-up names that do not exist (catalogue: `nx`).
const MADE_UP: usize = 30;
/// Different names below one domain (catalogue: `subs`), and how long they are on average.
const BELOW: usize = 50;
const LONG: usize = 30;
/// Bits per character of a label above which it looks made by a program, for labels of this length at least.
const ENTROPY: f64 = 3.0;
const LABEL: usize = 9;
/// Code for "no such name" (RFC 1035, clause 4.1.1).
const NO_SUCH_NAME: u64 = 3;
/// Clients and domains remembered.
const REMEMBERED: usize = 2_048;

const MADE_UP_NAMES: Card = Card {
    id: "DW-7005",
    why: "Malware that looks for its master tries one invented name after the other. People and programs ask for names that exist.",
    e26: &["4.2.3", "4.3.1"],
};
const HIDDEN_DATA: Card = Card {
    id: "DW-8002",
    why: "Look-ups of names get out through almost any firewall. These names carry something else inside: data on its way out, or orders coming in.",
    e26: &["4.2.3", "4.3.1"],
};

/// Names below one domain: when, a hash, the length below the domain.
type Below = Vec<(CaptureTime, u64, u16)>;

/// See the file's head.
pub(super) struct Names {
    missing: Remembered<Identity, Vec<(CaptureTime, u64)>>,
    below: Remembered<(Identity, u64), Below>,
    hasher: foldhash::fast::FixedState,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            missing: Remembered::new(REMEMBERED),
            below: Remembered::new(REMEMBERED),
            hasher: foldhash::fast::FixedState::default(),
        }
    }
}

impl Detector for Names {
    fn cards(&self) -> &'static [&'static Card] {
        &[&MADE_UP_NAMES, &HIDDEN_DATA]
    }

    fn wants(&self) -> Wants {
        Wants { inquiries: true, refusals: true, of: Speaking::Only(&[AppName::Dns]), ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            match act {
                Act::Request { object: Object::Named(name), .. } => self.asked(event, from, to, name, cx),
                Act::Reply { object: Object::Named(name), refused: true, .. }
                    if looks_made_up(name) && code_of(event) == NO_SUCH_NAME =>
                {
                    self.missed(event, to, from, name, cx);
                }
                _ => {}
            }
        }
    }
}

impl Names {
    fn hash(&self, text: &str) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, text)
    }

    fn missed(&mut self, event: &Event<'_>, client: &Party, server: &Party, name: &str, cx: &mut Context<'_>) {
        let hash = self.hash(name);
        let list = self.missing.touch_or(client.identity(), event.at, Vec::new);
        list.retain(|(at, _)| event.at.since(*at) <= WINDOW);
        if list.iter().any(|(_, known)| *known == hash) {
            return;
        }
        if list.len() <= MADE_UP {
            list.push((event.at, hash));
        }
        let count = list.len();
        if count <= MADE_UP || cx.policy.is_some_and(|policy| is_untrusted(policy, client.end.zone)) {
            return;
        }
        let who = cx.call(client);
        let key = format!("{:?}", client.identity());
        cx.raise(key.as_bytes(), &MADE_UP_NAMES, event.at, || Raise {
            severity: Some(Severity::Low),
            confidence: 0.7,
            from: *client,
            to: Some(*server),
            summary: format!("{who} asked for {count} invented names within ten minutes, last {}", bounded(name, 60)),
            fields: vec![("name".to_owned(), bounded(name, 253))],
            expected: format!("at most {MADE_UP} names that do not exist in ten minutes"),
            ..Raise::of_event(&MADE_UP_NAMES, event, client)
        });
    }

    fn asked(&mut self, event: &Event<'_>, from: &Party, to: &Party, name: &str, cx: &mut Context<'_>) {
        let name = name.trim_end_matches('.');
        if name.len() < LONG / 2 {
            return;
        }
        let domain = domain_of(name);
        let below = name.len().saturating_sub(domain.len());
        // short names are told apart by nothing here and are nearly all there are
        if below < LONG / 2 || domain.ends_with(".arpa") {
            return;
        }
        let (hash, key) = (self.hash(name), (from.identity(), self.hash(domain)));
        let list = self.below.touch_or(key, event.at, Vec::new);
        list.retain(|(at, ..)| event.at.since(*at) <= WINDOW);
        if list.iter().any(|(_, known, _)| *known == hash) {
            return;
        }
        if list.len() <= BELOW {
            list.push((event.at, hash, u16::try_from(below).unwrap_or(u16::MAX)));
        }
        let (count, length) = (list.len(), list.iter().map(|(.., length)| usize::from(*length)).sum::<usize>());
        if count < BELOW || length / count <= LONG {
            return;
        }
        let who = cx.call(from);
        let shown = format!("{:?}|{domain}", from.identity());
        cx.raise(shown.as_bytes(), &HIDDEN_DATA, event.at, || Raise {
            severity: Some(Severity::High),
            to: Some(*to),
            summary: format!(
                "{who} asked for {count} long names below {} within ten minutes: data inside look-ups",
                bounded(domain, 60)
            ),
            fields: vec![
                ("domain".to_owned(), bounded(domain, 120)),
                ("mean_length".to_owned(), (length / count).to_string()),
                ("example".to_owned(), bounded(name, 253)),
            ],
            expected: format!("fewer than {BELOW} different long names below one domain in ten minutes"),
            ..Raise::of_event(&HIDDEN_DATA, event, from)
        });
    }
}

/// The last two labels; three where the last two are short (`co.uk`), which is near enough to tell owners apart.
fn domain_of(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (_, second, third) = (dots.next(), dots.next(), dots.next());
    let Some(second) = second else { return name };
    let tail = name.get(second.saturating_add(1)..).unwrap_or(name);
    match third {
        _ if tail.len() > 6 => tail,
        Some(third) => name.get(third.saturating_add(1)..).unwrap_or(name),
        None => name,
    }
}

/// Whether the longest label looks like the work of a program: long, and without the repetition that words have.
fn looks_made_up(name: &str) -> bool {
    let label = name.trim_end_matches('.').split('.').max_by_key(|label| label.len()).unwrap_or_default();
    label.len() >= LABEL && entropy(label.as_bytes()) >= ENTROPY
}

/// Shannon entropy in bits per character.
#[expect(clippy::cast_precision_loss, reason = "labels have at most 63 characters")]
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let length = text.len() as f64;
    let of = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * libm::log2(share)
    };
    counts.iter().filter(|count| **count > 0).map(of).sum()
}

/// The response code, from the decoded fields.
fn code_of(event: &Event<'_>) -> u64 {
    struct Code(u64);
    impl FieldVisitor for Code {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            if name == "rcode"
                && let FieldValue::Unsigned(code) | FieldValue::Coded { value: code, .. } = value
            {
                self.0 = code;
            }
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut code = Code(0);
    event.message.fields.visit(&mut code);
    code.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport, Verb};

    #[test]
    fn data_inside_names() {
        let ask = |count: u32, pad: usize| {
            let mut bench = Bench::new(Some(SHIP), Box::<Names>::default());
            for n in 0..count {
                bench.at(f64::from(n));
                let name = format!("{}{n:03}.t.example.com", "a1b2c3d4".repeat(pad));
                let act = Act::Request { verb: Verb::Discover, object: Object::Named(&name) };
                bench.says("dns", Speaker::Sender, &flow("10.0.4.30", "10.0.3.9", 53, Transport::Udp), &[act]);
            }
            bench.ids()
        };
        assert_eq!(ask(50, 5), ["DW-8002"]);
        assert!(ask(49, 5).is_empty());
        assert!(ask(200, 1).is_empty(), "short names");
    }

    #[test]
    fn domains_and_invented_names() {
        assert_eq!(domain_of("a.b.example.com"), "example.com");
        assert_eq!(domain_of("a.b.co.uk"), "b.co.uk");
        assert_eq!(domain_of("host"), "host");
        assert!(looks_made_up("xk2qv9zt3mwp.com"));
        assert!(!looks_made_up("aaaaaaaaaaaa.com"));
        assert!(!looks_made_up("mail.example"));
    }
}
