//! Questions that several detections ask of the zone plan. Without a plan every answer is "no".

use dogwatch_model::{Event, Mac, Object, Verb};

use crate::policy::{Ask, AssetRole, Class, Function, Importance, Policy, ZoneIx, ZonePlan, is_public};
use crate::seen::{FlowSeen, Party};
use crate::{Context, FlowStage};

/// The plan of the zone an end is in.
pub(super) fn plan<'p>(policy: Option<&'p Policy>, party: &Party) -> Option<&'p ZonePlan> {
    policy?.zone(party.end.zone?)
}

/// Whether an end is in a zone of class OT.
pub(super) fn is_ot(policy: Option<&Policy>, party: &Party) -> bool {
    plan(policy, party).is_some_and(|zone| zone.class == Class::Ot)
}

/// Whether a zone is open to the world: untrusted, or everything ashore.
pub(super) fn is_untrusted(policy: &Policy, zone: Option<ZoneIx>) -> bool {
    zone.is_some_and(|zone| {
        zone == policy.outside() || policy.zone(zone).is_some_and(|zone| zone.class == Class::Untrusted)
    })
}

/// Zones whose loss endangers the ship at once.
pub(super) fn leads_to_the_heart(policy: &Policy, zone: Option<ZoneIx>) -> bool {
    zone.and_then(|zone| policy.zone(zone)).is_some_and(|zone| {
        zone.criticality == Importance::High
            && matches!(
                zone.function,
                Function::Navigation | Function::Propulsion | Function::Steering | Function::Power | Function::Safety
            )
    })
}

/// Whether an end is ashore: a public address that no zone of the ship owns.
pub(crate) fn is_ashore(policy: Option<&Policy>, party: &Party) -> bool {
    let is_unowned = policy.is_none_or(|policy| party.end.zone.is_none_or(|zone| zone == policy.outside()));
    is_unowned && party.end.ip.is_some_and(is_public)
}

/// What is asked of the policy about a flow as a whole.
pub(super) fn ask<'a>(seen: &FlowSeen<'a>, cx: &Context<'_>) -> Ask<'a> {
    Ask {
        from: seen.from.end,
        to: seen.to.end,
        protocol: seen.protocol,
        transport: seen.flow.transport,
        port: seen.flow.dst_port,
        verb: None,
        object: None,
        at: seen.at,
        state: cx.state,
    }
}

/// What is asked of the policy about a request.
pub(super) fn asked<'a>(
    event: &Event<'a>,
    from: &Party,
    to: &Party,
    (verb, object): (Verb, Object<'a>),
    cx: &Context<'_>,
) -> Ask<'a> {
    Ask {
        from: from.end,
        to: to.end,
        protocol: Some(event.message.protocol),
        transport: event.flow.transport,
        port: event.flow.dst_port,
        verb: Some(verb),
        object: Some(object),
        at: event.at,
        state: cx.state,
    }
}

/// Whether a line of the policy allows a flow.
pub(super) fn is_allowed(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    cx.policy.is_some_and(|policy| policy.judge(&ask(seen, cx)).is_allowed())
}

/// Whether a flow has shown that both sides talk: a handshake, a recognised protocol, or an answer.
pub(super) fn is_conversation(seen: &FlowSeen<'_>) -> bool {
    match seen.stage {
        FlowStage::Established => true,
        FlowStage::Started | FlowStage::Recognised | FlowStage::Progress => seen.account.is_answered,
    }
}

/// Whether a card is that of a gateway: by its address in the plan, or by the device it belongs to.
pub(super) fn is_gateway_card(cx: &Context<'_>, mac: Mac) -> bool {
    let Some(policy) = cx.policy else { return false };
    let asset = cx.directory.row_of_mac(mac).and_then(|row| cx.directory.asset(row));
    let declared = asset.and_then(|asset| asset.policy_id.as_deref());
    policy.is_gateway_mac(mac)
        || declared.is_some_and(|id| policy.assets.iter().any(|asset| asset.id == id && asset.is(AssetRole::Gateway)))
}

/// Whether an end is equipment of the network itself: gateway, switch, firewall.
pub(super) fn is_infrastructure(cx: &Context<'_>, party: &Party) -> bool {
    use dogwatch_model::DeviceClass as C;
    let declared = cx.policy.zip(party.end.asset).and_then(|(policy, asset)| policy.asset(asset));
    let by_plan = declared.is_some_and(|asset| asset.is(AssetRole::Gateway) || asset.is(AssetRole::Switch));
    let seen = party.row.and_then(|row| cx.directory.asset(row)).map(|asset| asset.device_class);
    by_plan || matches!(seen, Some(C::Switch | C::Router | C::Firewall))
}
