//! DW-6008: a server inside the ship shows another certificate or host key than before.
//!
//! A server behind one address may hold several (names, key types): up to four are known of each. The new one must be seen twice.

use dogwatch_model::{Act, Attribute, Event, FactValue, Subject};

use super::zones::is_ashore;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};
use crate::text::bounded;

/// Certificates known of one server.
const KEYS: usize = 4;
/// Servers remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-6008",
    why: "The certificate is how a computer knows that it talks to the right server. A new one is a renewal, a new server, or somebody in between.",
    e26: &["4.2.4", "4.3.1"],
};

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Keys {
    known: Vec<String>,
    candidate: Option<String>,
}

/// See the file's head.
pub(super) struct CertificateChanged {
    servers: Remembered<(Identity, u16), Keys>,
}

impl Default for CertificateChanged {
    fn default() -> Self {
        Self { servers: Remembered::new(REMEMBERED) }
    }
}

impl Detector for CertificateChanged {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { facts_of: &[Attribute::CertificateHash], ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Says(fact) = act else { continue };
            let (Attribute::CertificateHash, Subject::Speaker, FactValue::Text(hash)) =
                (fact.attribute, fact.about, fact.value)
            else {
                continue;
            };
            if is_ashore(cx.policy, from) || hash.is_empty() {
                continue;
            }
            let server = (from.identity(), event.flow.src_port);
            let keys = self.servers.touch_or(server, event.at, Keys::default);
            if keys.known.iter().any(|known| known == hash) {
                continue;
            }
            let hash = bounded(hash, 64);
            if keys.known.is_empty() || cx.is_learning(event.at, to, from) {
                if keys.known.len() < KEYS {
                    keys.known.push(hash);
                }
                continue;
            }
            if keys.candidate.as_deref() != Some(hash.as_str()) {
                keys.candidate = Some(hash);
                continue;
            }
            keys.candidate = None;
            let before = keys.known.join(", ");
            if keys.known.len() >= KEYS {
                keys.known.remove(0);
            }
            keys.known.push(hash.clone());
            let who = cx.call(from);
            let key = format!("{server:?}|{hash}");
            cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
                to: Some(*to),
                summary: format!("{who} shows another certificate or host key than before"),
                fields: vec![("before".to_owned(), before.clone()), ("now".to_owned(), hash.clone())],
                expected: "the certificate it showed before".to_owned(),
                ..Raise::of_event(&CARD, event, from)
            });
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.servers.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.servers.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Fact, Speaker, Transport};

    fn told(shown: &[(f64, &str)]) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<CertificateChanged>::default());
        bench.at(0.0);
        for (second, hash) in shown {
            bench.at(*second);
            let fact = Fact {
                about: Subject::Speaker,
                attribute: Attribute::CertificateHash,
                value: FactValue::Text(hash),
                confidence: 90,
                method: "tls.certificate",
            };
            let mut flow = flow("10.0.4.5", "10.0.4.30", 40_000, Transport::Tcp);
            flow.src_port = 443;
            bench.says("tls", Speaker::Sender, &flow, &[Act::Says(fact)]);
        }
        bench.findings().len()
    }

    #[test]
    fn a_new_certificate_seen_twice() {
        assert_eq!(told(&[(5.0, "aa"), (200.0, "aa"), (300.0, "bb"), (301.0, "bb"), (302.0, "bb")]), 1);
        assert_eq!(told(&[(5.0, "aa"), (300.0, "bb"), (301.0, "aa")]), 0);
        assert_eq!(told(&[(5.0, "aa"), (6.0, "bb"), (300.0, "bb"), (301.0, "aa")]), 0, "both were there");
    }
}
