//! DW-7002: somebody works his way from computer to computer: administrative shares, services and tasks by a new client, or file sharing with
//! many new partners within ten minutes.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Object, Severity, Verb};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity, Party};
use crate::text::bounded;

/// New partners within the window (catalogue: `peers`).
const PEERS: usize = 5;
const WINDOW: Duration = Duration::from_secs(600);
/// Pairs remembered.
const REMEMBERED: usize = 8_192;
/// Computers counted that one newly administers, and clients that do.
const VICTIMS: usize = 64;
const CLIENTS: usize = 1_024;

const CARD: Card = Card {
    id: "DW-7002",
    why: "A computer starts programs on others or opens their system drives. That is how an intruder spreads from an office PC to the ones that \
          matter.",
    e26: &["4.2.3", "4.2.4", "4.3.1"],
};

/// See the file's head.
pub(super) struct Lateral {
    pairs: Remembered<(Identity, Identity), ()>,
    /// Pairs that administered while learning.
    admins: Remembered<(Identity, Identity), ()>,
    fresh: Remembered<Identity, Vec<(CaptureTime, Identity)>>,
    /// Whom a client was told of as newly administering.
    victims: Remembered<Identity, Vec<Identity>>,
}

impl Default for Lateral {
    fn default() -> Self {
        Self {
            pairs: Remembered::new(REMEMBERED),
            admins: Remembered::new(REMEMBERED),
            fresh: Remembered::new(REMEMBERED),
            victims: Remembered::new(CLIENTS),
        }
    }
}

impl Detector for Lateral {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        // the policy counts the remote calls of Windows as file sharing: they go through its pipes
        let of = Speaking::Only(&[AppName::Smb]);
        let flows = &[FlowStage::Recognised];
        Wants { flows, flows_of: of, reads: true, orders: true, inquiries: true, of, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if seen.flow.is_to_group() {
            return;
        }
        let pair = (seen.from.identity(), seen.to.identity());
        if self.pairs.touch(pair, seen.at).is_some() {
            return;
        }
        self.pairs.put(pair, seen.at, ());
        if cx.is_learning(seen.at, &seen.from, &seen.to) {
            return;
        }
        let fresh = self.fresh.touch_or(pair.0, seen.at, Vec::new);
        fresh.retain(|(at, _)| seen.at.since(*at) <= WINDOW);
        if fresh.len() < 64 {
            fresh.push((seen.at, pair.1));
        }
        let count = fresh.len();
        if count < PEERS {
            return;
        }
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        let key = story(pair.0);
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            summary: format!("{who} opened file sharing with {count} computers within ten minutes, last with {whom}"),
            fields: vec![("new_partners".to_owned(), count.to_string())],
            expected: format!("fewer than {PEERS} new partners in ten minutes"),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        for act in event.message.acts {
            let Act::Request { verb, object } = act else { continue };
            let what = match (verb, object) {
                (Verb::Control | Verb::Program, Object::Named(name)) => format!("started {}", bounded(name, 48)),
                (Verb::Control | Verb::Program, _) => "started a service or task".to_owned(),
                (_, Object::Named(name)) if is_admin_share(name) => format!("opened {}", bounded(name, 48)),
                _ => continue,
            };
            let pair = (from.identity(), to.identity());
            if self.admins.touch(pair, event.at).is_some() {
                continue;
            }
            if cx.is_learning(event.at, from, to) {
                self.admins.put(pair, event.at, ());
                continue;
            }
            let (who, whom) = (cx.call(from), cx.call(to));
            let key = story(pair.0);
            cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
                severity: Some(Severity::High),
                to: Some(*to),
                summary: format!("{who} {what} on {whom}; it never administered it before"),
                fields: vec![("what".to_owned(), what.clone())],
                expected: "administration only by the computers that did it while learning".to_owned(),
                ..Raise::of_event(&CARD, event, from)
            });
            let victims = self.victims.touch_or(pair.0, event.at, Vec::new);
            if victims.len() >= VICTIMS || victims.contains(&pair.1) {
                continue;
            }
            victims.push(pair.1);
            if victims.len() > 1 {
                let count = victims.len();
                cx.retell(
                    key.as_bytes(),
                    &CARD,
                    format!("{who} took hold of {count} computers it never administered before; on {whom} it {what}"),
                );
            }
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value((self.pairs.entries(), self.admins.entries())).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        type Pairs = Vec<((Identity, Identity), CaptureTime, ())>;
        let (pairs, admins): (Pairs, Pairs) = serde_json::from_value(learned)?;
        self.pairs.recall(pairs);
        self.admins.recall(admins);
        Ok(())
    }
}

/// One finding for one client: whoever works his way from computer to computer is one story.
fn story(client: Identity) -> String {
    format!("{client:?}")
}

/// Whether a share is one of those that Windows makes for administration: a drive letter or `ADMIN`, with a dollar sign. `IPC$` is everybody's.
fn is_admin_share(name: &str) -> bool {
    let share = name.rsplit(['\\', '/']).next().unwrap_or(name);
    let stem = share.strip_suffix('$').unwrap_or_default();
    stem.eq_ignore_ascii_case("admin") || stem.len() == 1 && stem.bytes().all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport};

    fn bench() -> Bench {
        let mut bench = Bench::new(Some(SHIP), Box::<Lateral>::default());
        bench.at(0.0);
        bench
    }

    #[test]
    fn five_new_partners() {
        let mut bench = bench();
        for n in 0..5 {
            assert!(bench.ids().is_empty());
            bench.at(200.0 + f64::from(n) * 30.0);
            bench.flow("10.0.4.66", &format!("10.0.4.{n}"), 445, Some("smb"), FlowStage::Recognised);
        }
        assert_eq!(bench.ids(), ["DW-7002"]);
    }

    #[test]
    fn one_finding_for_whoever_takes_one_after_the_other() {
        let mut bench = bench();
        let act = Act::Request { verb: Verb::Read, object: Object::Named(r"\\pc\ADMIN$") };
        for n in 0..6_u32 {
            bench.at(200.0 + f64::from(n) * 20.0);
            let host = format!("10.0.4.{}", 1 + n % 5);
            bench.flow("10.0.4.66", &host, 445, Some("smb"), FlowStage::Recognised);
            bench.says("smb", Speaker::Sender, &flow("10.0.4.66", &host, 445, Transport::Tcp), &[act]);
        }
        let told = bench.findings();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0].severity, Severity::High);
        assert!(told[0].summary.contains("took hold of 5 computers"), "{}", told[0].summary);
        bench.says("smb", Speaker::Sender, &flow("10.0.4.67", "10.0.4.1", 445, Transport::Tcp), &[act]);
        assert_eq!(bench.ids().len(), 2, "another client is another story");
    }

    #[test]
    fn shares_that_are_the_administrators() {
        for (share, want) in [
            (r"\\pc-1\ADMIN$", true),
            (r"\\pc-1\c$", true),
            (r"\\pc-1\IPC$", false),
            ("charts", false),
            (r"\\pc-1\print$", false),
        ] {
            assert_eq!(is_admin_share(share), want, "{share}");
            let mut bench = bench();
            bench.at(200.0);
            let act = Act::Request { verb: Verb::Read, object: Object::Named(share) };
            bench.says("smb", Speaker::Sender, &flow("10.0.4.66", "10.0.4.1", 445, Transport::Tcp), &[act]);
            assert_eq!(bench.ids().len(), usize::from(want), "{share}");
        }
    }
}
