//! What of a record travels: [`Record::as_carried`] is the record as it stands ashore, and the only place where anything is left out.
//!
//! Left out or rounded, and why:
//! - times are cut to milliseconds, positions to 0.00001 degree (about 1 m), confidence to a hundredth;
//! - the fingerprint keeps the 80 bits that the finding's id is made of, when it is the hash that id was made of;
//! - evidence: the first and the latest reference (capture, frame, time). What was seen and expected goes along for high and critical
//!   findings only, of the first one: the frame itself stays aboard, and the reference finds it;
//! - the policy proposal stays aboard, where policy is made;
//! - texts are cut at 2,000 bytes, lists at sixteen items.
//!
//! Assets and their changes travel whole.

use dogwatch_model::{CaptureTime, Evidence, Finding, FindingEnd, Position, Severity, StatusChange};

use crate::record::{FindingUpdate, Gap, Health, Record};
use crate::tables::ulid_of;

/// Longest text that travels, bytes.
const MAX_TEXT: usize = 2_000;
/// Most evidence fields, history steps, notes and list items that travel.
pub(crate) const MAX_ITEMS: usize = 16;
/// Most evidence references that travel.
pub(crate) const MAX_EVIDENCE: usize = 2;
/// Degrees to the unit of the wire.
pub(crate) const DEGREE_PARTS: f64 = 100_000.0;

impl Record {
    /// The record as the shore will hold it.
    #[must_use]
    pub fn as_carried(&self) -> Self {
        match self {
            Self::Finding(finding) => Self::Finding(Box::new(carried_finding(finding))),
            Self::FindingUpdate(update) => Self::FindingUpdate(FindingUpdate {
                finding_id: clip(&update.finding_id),
                last_seen: whole_ms(update.last_seen),
                change: update.change.as_ref().map(carried_step),
                ..*update
            }),
            Self::Gap(gap) => Self::Gap(Gap {
                ranges: gap.ranges.clone(),
                counts: gap.counts.iter().map(|(what, count)| (clip(what), *count)).collect(),
            }),
            Self::Health(health) => Self::Health(Box::new(carried_health(health))),
            Self::Asset(_) | Self::AssetChange(_) => self.clone(),
        }
    }
}

/// The low 80 bits of a finding's id as hexadecimal: all that its fingerprint and its id share.
pub(crate) fn fingerprint_of(id: &str) -> Option<String> {
    const LOW_80: u128 = (1 << 80) - 1;
    Some(format!("{:020x}", ulid_of(id, "fnd_")? & LOW_80))
}

pub(crate) fn clip(text: &str) -> String {
    let mut end = MAX_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("").to_owned()
}

fn clip_list(list: &[String]) -> Vec<String> {
    list.iter().take(MAX_ITEMS).map(|text| clip(text)).collect()
}

const fn whole_ms(time: CaptureTime) -> CaptureTime {
    CaptureTime::from_millis(time.millis())
}

/// A position in the unit of the wire; `None` for anything that is not on the globe.
pub(crate) fn position_parts(position: Position) -> Option<(i64, i64)> {
    let on_globe = (-90.0..=90.0).contains(&position.lat) && (-180.0..=180.0).contains(&position.lon);
    let parts = |degrees: f64| (degrees * DEGREE_PARTS).round() as i64;
    on_globe.then(|| (parts(position.lat), parts(position.lon)))
}

/// A position from the unit of the wire.
pub(crate) fn position_of(lat: i64, lon: i64) -> Position {
    Position { lat: lat as f64 / DEGREE_PARTS, lon: lon as f64 / DEGREE_PARTS }
}

fn carried_position(position: Option<Position>) -> Option<Position> {
    position.and_then(position_parts).map(|(lat, lon)| position_of(lat, lon))
}

/// Confidence in hundredths.
pub(crate) fn hundredths(confidence: f32) -> u8 {
    // `as` turns NaN into 0 and cuts at the ends of the range.
    ((confidence * 100.0).round() as u8).min(100)
}

fn carried_end(end: &FindingEnd) -> FindingEnd {
    FindingEnd { asset: end.asset.as_deref().map(clip), name: clip(&end.name), ..end.clone() }
}

fn carried_step(step: &StatusChange) -> StatusChange {
    StatusChange {
        at: whole_ms(step.at),
        by: clip(&step.by),
        from: step.from,
        to: step.to,
        reason: clip(&step.reason),
        expires_at: step.expires_at.map(whole_ms),
    }
}

fn carried_evidence(finding: &Finding) -> Vec<Evidence> {
    let last = finding.evidence.last().filter(|_| finding.evidence.len() > 1);
    let told = finding.severity >= Severity::High;
    let chosen = finding.evidence.first().into_iter().chain(last).enumerate();
    chosen
        .map(|(at, evidence)| {
            let told = told && at == 0;
            let fields = evidence.fields.iter().take(if told { MAX_ITEMS } else { 0 });
            Evidence {
                capture: clip(&evidence.capture),
                frame: evidence.frame,
                ts: whole_ms(evidence.ts),
                fields: fields.map(|(name, value)| (clip(name), clip(value))).collect(),
                expected: if told { clip(&evidence.expected) } else { String::new() },
            }
        })
        .collect()
}

fn carried_finding(finding: &Finding) -> Finding {
    let short = fingerprint_of(&finding.finding_id).filter(|short| finding.fingerprint.ends_with(short.as_str()));
    let steps = finding.status_history.len().saturating_sub(MAX_ITEMS);
    Finding {
        finding_id: clip(&finding.finding_id),
        fingerprint: short.unwrap_or_else(|| clip(&finding.fingerprint)),
        rule_id: clip(&finding.rule_id),
        title: clip(&finding.title),
        category: finding.category,
        severity: finding.severity,
        confidence: f32::from(hundredths(finding.confidence)) / 100.0,
        first_seen: whole_ms(finding.first_seen),
        last_seen: whole_ms(finding.last_seen),
        count: finding.count,
        source: carried_end(&finding.source),
        destination: carried_end(&finding.destination),
        zone_from: finding.zone_from.as_deref().map(clip),
        zone_to: finding.zone_to.as_deref().map(clip),
        conduit: finding.conduit.as_deref().map(clip),
        service: clip(&finding.service),
        summary: clip(&finding.summary),
        why: clip(&finding.why),
        recommended_action: clip(&finding.recommended_action),
        evidence: carried_evidence(finding),
        attack: finding.attack.iter().take(MAX_ITEMS).map(|id| dogwatch_model::AttackRef(clip(&id.0))).collect(),
        imo: clip_list(&finding.imo),
        e26_clause: clip_list(&finding.e26_clause),
        status: finding.status,
        status_history: finding.status_history.iter().skip(steps).map(carried_step).collect(),
        ship_state: finding.ship_state,
        position: carried_position(finding.position),
        proposal: None,
    }
}

fn carried_health(health: &Health) -> Health {
    let mut quality = health.time_quality;
    quality.last_sync = quality.last_sync.map(whole_ms);
    Health {
        at: whole_ms(health.at),
        version: clip(&health.version),
        time_quality: quality,
        position: carried_position(health.position),
        notes: clip_list(&health.notes),
        ..health.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_keeps_letters_whole() {
        let text = format!("{}é", "a".repeat(MAX_TEXT - 1));
        assert_eq!(clip(&text).len(), MAX_TEXT - 1);
        assert_eq!(clip("é"), "é");
    }

    #[test]
    fn odd_numbers() {
        for (confidence, want) in [(f32::NAN, 0), (-1.0, 0), (0.853, 85), (9.0, 100)] {
            assert_eq!(hundredths(confidence), want);
        }
        assert_eq!(position_parts(Position { lat: f64::NAN, lon: 0.0 }), None);
        assert_eq!(position_parts(Position { lat: 59.123_456, lon: -180.0 }), Some((5_912_346, -18_000_000)));
    }
}
