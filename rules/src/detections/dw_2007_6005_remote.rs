//! DW-2007 and DW-6005: somebody works on an OT device from elsewhere (remote desktop, VNC, SSH, Telnet, remote help).
//!
//! DW-2007 is the policy's side: such a session without a conduit that allows it and while no window of kind `service` is open. DW-6005 is the
//! learned side: the first session between two ends, or one that does not come from a jump host. A session that a line allows is neither.

use super::zones::{is_allowed, is_conversation, is_ot};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::{AppName, AssetRole, Mode};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity};

/// Pairs remembered.
const REMEMBERED: usize = 8_192;

const OUTSIDE_WINDOW: Card = Card {
    id: "DW-2007",
    why: "Someone is working on this equipment from another place, and no service visit is announced for now. From there he can do what the \
          operator at the screen can do, unseen.",
    e26: &["4.2.1", "4.2.4", "4.2.6", "4.3.1"],
};
const NEW_SESSION: Card = Card {
    id: "DW-6005",
    why: "A remote-control session into ship equipment that was never seen before: either somebody helps from elsewhere today, or somebody has \
          got hold of a way in.",
    e26: &["4.2.4", "4.2.6", "4.3.1"],
};

/// See the file's head.
pub(super) struct RemoteSession {
    pairs: Remembered<(Identity, Identity), ()>,
}

impl Default for RemoteSession {
    fn default() -> Self {
        Self { pairs: Remembered::new(REMEMBERED) }
    }
}

impl Detector for RemoteSession {
    fn cards(&self) -> &'static [&'static Card] {
        &[&OUTSIDE_WINDOW, &NEW_SESSION]
    }

    fn wants(&self) -> Wants {
        Wants { flows: FlowStage::ALL, flows_of: Speaking::Only(AppName::REMOTE_CONTROL), ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if !is_session(seen, cx) {
            return;
        }
        let is_allowed = is_allowed(seen, cx);
        self.outside_window(seen, is_allowed, cx);
        self.new_session(seen, is_allowed, cx);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.pairs.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.pairs.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

/// Whether a flow is a remote session with a device (with a policy: one of OT).
fn is_session(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    cx.app.is_some_and(AppName::is_remote_control)
        && (is_conversation(seen) || seen.stage == FlowStage::Recognised)
        && (cx.policy.is_none() || is_ot(cx.policy, &seen.to))
}

/// Whether no window is open for it, where that is judged.
fn is_unannounced(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    cx.policy.zip(seen.to.end.zone).is_some_and(|(policy, zone)| {
        policy.mode_between(seen.from.end.zone, Some(zone)) != Mode::Learn
            && policy.service_window_open(zone, seen.at).is_none()
    })
}

/// Whether DW-2007 tells of a flow that no line allows.
pub(super) fn is_outside_window(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    is_session(seen, cx) && is_unannounced(seen, cx)
}

impl RemoteSession {
    fn outside_window(&self, seen: &FlowSeen<'_>, is_allowed: bool, cx: &mut Context<'_>) {
        if is_allowed || !is_unannounced(seen, cx) {
            return;
        }
        let key = format!("{:?}|{:?}|{}", seen.from.identity(), seen.to.identity(), seen.flow.dst_port);
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        cx.raise(key.as_bytes(), &OUTSIDE_WINDOW, seen.at, || Raise {
            confidence: 0.9,
            summary: format!("{who} works on {whom} by {}; no service window is open", seen.service()),
            expected: "remote sessions only by a conduit, or while a service window is open".to_owned(),
            ..Raise::of_flow(&OUTSIDE_WINDOW, seen)
        });
    }

    fn new_session(&mut self, seen: &FlowSeen<'_>, is_allowed: bool, cx: &mut Context<'_>) {
        let pair = (seen.from.identity(), seen.to.identity());
        if self.pairs.touch(pair, seen.at).is_some() {
            return;
        }
        let is_learning = cx.is_learning(seen.at, &seen.from, &seen.to);
        if is_learning || is_allowed {
            self.pairs.put(pair, seen.at, ());
            return;
        }
        let declared = cx.policy.zip(seen.from.end.asset).and_then(|(policy, asset)| policy.asset(asset));
        let is_jump_host = declared.is_some_and(|asset| asset.is(AssetRole::JumpHost));
        let key = format!("{pair:?}");
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        cx.raise(key.as_bytes(), &NEW_SESSION, seen.at, || Raise {
            confidence: if is_jump_host { 0.6 } else { 0.85 },
            summary: format!("{who} opened a remote session to {whom} by {}; it never did before", seen.service()),
            fields: vec![("from_jump_host".to_owned(), is_jump_host.to_string())],
            expected: "remote sessions only between ends that had them while learning, through the jump host"
                .to_owned(),
            ..Raise::of_flow(&NEW_SESSION, seen)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};

    fn told(policy: Option<&str>, sessions: &[(f64, &str, &str)]) -> Vec<String> {
        let mut bench = Bench::new(policy, Box::<RemoteSession>::default());
        bench.at(0.0);
        for (second, from, to) in sessions {
            bench.at(*second);
            bench.flow(from, to, 3_389, Some("rdp"), FlowStage::Recognised);
        }
        bench.ids()
    }

    #[test]
    fn a_session_past_the_jump_host() {
        assert_eq!(told(Some(SHIP), &[(200.0, "10.0.4.9", "10.0.2.5")]), ["DW-2007", "DW-6005"]);
        assert!(told(Some(SHIP), &[(200.0, "10.0.4.2", "10.0.2.5")]).is_empty(), "the line allows the jump host");
        assert!(told(Some(SHIP), &[(200.0, "10.0.2.5", "10.0.4.9")]).is_empty(), "not into OT");
    }

    #[test]
    fn without_a_policy_pairs_are_learned() {
        let day = 25.0 * 3_600.0;
        assert_eq!(
            told(None, &[(5.0, "10.0.4.9", "10.0.2.5"), (day, "10.0.4.9", "10.0.2.5"), (day, "10.0.4.8", "10.0.2.5")]),
            ["DW-6005"]
        );
    }
}
