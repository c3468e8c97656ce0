//! DW-6004: somebody tries passwords: many refused logins of one pair, or refused by several hosts.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Severity, Verb};

use super::zones::is_ot;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party};

/// Refusals of one pair, and over what time (catalogue: `n`, `window_s`).
const REFUSALS: usize = 8;
const WINDOW: Duration = Duration::from_secs(300);
/// Hosts that refused one client within the window.
const HOSTS: usize = 3;
/// Clients remembered.
const REMEMBERED: usize = 4_096;

const CARD: Card = Card {
    id: "DW-6004",
    why: "Somebody, or a program, is guessing passwords. One right guess and he is in.",
    e26: &["4.2.4", "4.3.1"],
};

/// See the file's head.
pub(super) struct FailedLogins {
    clients: Remembered<Identity, Vec<(CaptureTime, Identity)>>,
    /// Pairs that failed as often while learning: a stored old password.
    known: Remembered<(Identity, Identity), ()>,
}

impl Default for FailedLogins {
    fn default() -> Self {
        Self { clients: Remembered::new(REMEMBERED), known: Remembered::new(REMEMBERED) }
    }
}

impl Detector for FailedLogins {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { refusals: true, ..Wants::default() }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let refused =
            event.message.acts.iter().any(|act| matches!(act, Act::Reply { verb: Verb::Login, refused: true, .. }));
        // an application relation that a PROFINET device has no room for asked for no account
        if !refused || cx.app == Some(AppName::Profinet) {
            return;
        }
        // the answer comes from the server: the client is its receiver
        let (client, server) = (to, from);
        let pair = (client.identity(), server.identity());
        let failed = self.clients.touch_or(pair.0, event.at, Vec::new);
        failed.retain(|(at, _)| event.at.since(*at) <= WINDOW);
        if failed.len() >= 64 {
            failed.remove(0);
        }
        failed.push((event.at, pair.1));
        let of_pair = failed.iter().filter(|(_, server)| *server == pair.1).count();
        let mut hosts: Vec<Identity> = failed.iter().map(|(_, server)| *server).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let (count, hosts) = (failed.len(), hosts.len());
        if of_pair < REFUSALS && hosts < HOSTS {
            return;
        }
        if cx.is_learning(event.at, client, server) {
            self.known.put(pair, event.at, ());
            return;
        }
        let is_known = self.known.touch(pair, event.at).is_some();
        let severity = match (is_known, is_ot(cx.policy, server)) {
            (true, _) => Severity::Low,
            (false, true) => Severity::High,
            (false, false) => Severity::Medium,
        };
        let (who, whom) = (cx.call(client), cx.call(server));
        let key = format!("{:?}", pair.0);
        cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
            severity: Some(severity),
            from: *client,
            to: Some(*server),
            summary: if hosts >= HOSTS {
                format!("{who} was refused {count} logins by {hosts} hosts within five minutes, last by {whom}")
            } else {
                format!("{who} was refused {of_pair} logins by {whom} within five minutes")
            },
            fields: vec![("refused".to_owned(), count.to_string()), ("hosts".to_owned(), hosts.to_string())],
            expected: format!("fewer than {REFUSALS} refused logins in five minutes"),
            ..Raise::of_event(&CARD, event, from)
        });
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Object, Speaker, Transport};

    fn told(refusals: &[(f64, &str)]) -> Vec<Severity> {
        let mut bench = Bench::new(Some(SHIP), Box::<FailedLogins>::default());
        bench.at(0.0);
        for (second, server) in refusals {
            bench.at(*second);
            let reply = Act::Reply { verb: Verb::Login, object: Object::Device { unit: None }, refused: true };
            bench.says("ftp", Speaker::Sender, &flow(server, "10.0.4.66", 40_000, Transport::Tcp), &[reply]);
        }
        bench.findings().into_iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn eight_refusals_or_three_hosts() {
        let at = |n: u32| 200.0 + f64::from(n) * 5.0;
        let eight: Vec<_> = (0..8).map(|n| (at(n), "10.0.2.21")).collect();
        assert_eq!(told(&eight), [Severity::High]);
        assert!(told(&eight[..7]).is_empty());
        assert_eq!(told(&[(200.0, "10.0.4.1"), (201.0, "10.0.4.2"), (202.0, "10.0.4.3")]), [Severity::Medium]);
    }

    #[test]
    fn slow_mistakes_are_people() {
        let slow: Vec<_> = (0..20).map(|n| (200.0 + f64::from(n) * 60.0, "10.0.2.21")).collect();
        assert!(told(&slow).is_empty());
    }
}
