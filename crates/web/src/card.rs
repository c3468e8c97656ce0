//! The finding card: what happened, where, why it matters on a ship, what to do, and what it rests on. The same aboard and ashore.

use askama::Template;
use dogwatch_model::{CaptureTime, Evidence, Finding, FindingEnd, StatusChange};

use crate::badge::Badge;
use crate::words::{When, count, end_name, word};

/// Where the card's links lead; an empty address makes none.
#[derive(Debug, Clone, Copy, Default)]
pub struct CardLinks<'a> {
    /// An asset's page is this and its id.
    pub assets: &'a str,
}

/// The card. It renders to the inside of a page.
#[derive(Template)]
#[template(path = "card.html")]
pub struct FindingCard<'a> {
    finding: &'a Finding,
    now: CaptureTime,
    links: CardLinks<'a>,
    /// More facts the console has, name and value: when it was received ashore, on which ship.
    extra: Vec<(&'a str, String)>,
}

/// One end as the card shows it.
struct End<'a> {
    role: &'static str,
    end: &'a FindingEnd,
    zone: Option<&'a str>,
}

impl End<'_> {
    fn name(&self) -> String {
        end_name(self.end)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let end = self.end;
        [
            ("IP address", end.ip.map(|ip| ip.to_string())),
            ("Port", end.port.map(|port| port.to_string())),
            ("MAC address", end.mac.map(|mac| mac.to_string())),
            ("NMEA 2000 NAME", end.n2k_name.map(|name| format!("{name:016x}"))),
            ("System function (SFI)", end.sfi.map(|sfi| sfi.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    fn is_known(&self) -> bool {
        *self.end != FindingEnd::default() || self.zone.is_some()
    }
}

impl<'a> FindingCard<'a> {
    /// The card of a finding; ages are told against `now`.
    #[must_use]
    pub const fn new(finding: &'a Finding, now: CaptureTime, links: CardLinks<'a>) -> Self {
        Self { finding, now, links, extra: Vec::new() }
    }

    /// Adds a fact of the console's own.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: String) -> Self {
        self.extra.push((name, value));
        self
    }

    fn severity(&self) -> Badge {
        Badge(self.finding.severity)
    }

    const fn when(&self, at: CaptureTime) -> When {
        When { at, now: self.now }
    }

    fn first(&self) -> When {
        self.when(self.finding.first_seen)
    }

    fn last(&self) -> When {
        self.when(self.finding.last_seen)
    }

    fn times(&self) -> String {
        if self.finding.count == 1 { "once".to_owned() } else { format!("{} times", count(self.finding.count)) }
    }

    fn status(&self) -> String {
        word(self.finding.status)
    }

    fn ship(&self) -> String {
        let doing = word(self.finding.ship_state);
        match self.finding.position {
            Some(position) => format!("{doing}, {}", place(position.lat, position.lon)),
            None => doing,
        }
    }

    fn ends(&self) -> Vec<End<'a>> {
        let ends = [
            End { role: "From", end: &self.finding.source, zone: self.finding.zone_from.as_deref() },
            End { role: "To", end: &self.finding.destination, zone: self.finding.zone_to.as_deref() },
        ];
        ends.into_iter().filter(End::is_known).collect()
    }

    /// The asset to link an end to, when there is one and links are wanted.
    fn linked(&self, end: &End<'a>) -> Option<&'a str> {
        end.end.asset.as_deref().filter(|_| !self.links.assets.is_empty())
    }

    /// First and latest stand open; what is between is folded.
    fn is_folded(&self, index: &usize) -> bool {
        *index > 0 && index + 1 < self.finding.evidence.len()
    }

    fn seen(&self, evidence: &Evidence) -> When {
        self.when(evidence.ts)
    }

    fn step_at(&self, step: &StatusChange) -> When {
        self.when(step.at)
    }

    fn step_words(&self, step: &StatusChange) -> String {
        let until = step.expires_at.map(|until| format!(" until {} UTC", crate::words::utc(until))).unwrap_or_default();
        format!("{} → {}{until}", word(step.from), word(step.to))
    }

    fn references(&self) -> Vec<(&'static str, String)> {
        let finding = self.finding;
        let attack: Vec<&str> = finding.attack.iter().map(|attack| attack.0.as_str()).collect();
        [
            ("Detection", format!("{} ({})", finding.rule_id, word(finding.category))),
            ("How sure", format!("{:.0} %", finding.confidence * 100.0)),
            ("ATT&CK for ICS", attack.join(", ")),
            ("IMO MSC-FAL.1/Circ.3", finding.imo.join(", ")),
            ("IACS UR E26", finding.e26_clause.join(", ")),
            ("Id", finding.finding_id.clone()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}

/// A position as charts write it: degrees and minutes with hemisphere.
fn place(lat: f64, lon: f64) -> String {
    let part = |value: f64, width: usize, positive: char, negative: char| {
        // rounded to thousandths of a minute first, so that 59.9996' becomes the next degree and not 60.000'
        let thousandths = (value.abs() * 60_000.0).round();
        let degrees = (thousandths / 60_000.0).floor();
        let minutes = (thousandths - degrees * 60_000.0) / 1_000.0;
        let side = if value < 0.0 { negative } else { positive };
        format!("{degrees:0width$.0}°{minutes:06.3}′{side}")
    };
    format!("{} {}", part(lat, 2, 'N', 'S'), part(lon, 3, 'E', 'W'))
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{AttackRef, Category, FindingStatus, Position, Severity, ShipState};

    use super::*;

    const HOSTILE: &str = "<script>alert('x')</script>\"&";

    fn finding(text: &str) -> Finding {
        let at = CaptureTime::from_parts(1_800_000_000, 0);
        let text = text.to_owned();
        let end = FindingEnd { asset: Some(text.clone()), name: text.clone(), ..FindingEnd::default() };
        Finding {
            finding_id: text.clone(),
            fingerprint: text.clone(),
            rule_id: text.clone(),
            title: text.clone(),
            category: Category::Zone,
            severity: Severity::High,
            confidence: 0.9,
            first_seen: at,
            last_seen: at,
            count: 3,
            source: end.clone(),
            destination: end,
            zone_from: Some(text.clone()),
            zone_to: Some(text.clone()),
            conduit: Some(text.clone()),
            service: text.clone(),
            summary: text.clone(),
            why: text.clone(),
            recommended_action: text.clone(),
            evidence: vec![
                Evidence {
                    capture: text.clone(),
                    frame: 7,
                    ts: at,
                    fields: vec![(text.clone(), text.clone())],
                    expected: text.clone(),
                };
                3
            ],
            attack: vec![AttackRef(text.clone())],
            imo: vec![text.clone()],
            e26_clause: vec![text.clone()],
            status: FindingStatus::New,
            status_history: vec![StatusChange {
                at,
                by: text.clone(),
                from: FindingStatus::New,
                to: FindingStatus::Acknowledged,
                reason: text.clone(),
                expires_at: Some(at),
            }],
            ship_state: ShipState::AtSea,
            position: Some(Position { lat: 54.5, lon: -0.25 }),
            proposal: Some(text),
        }
    }

    #[test]
    fn nothing_in_a_finding_becomes_markup() {
        let finding = finding(HOSTILE);
        let links = CardLinks { assets: "/assets/" };
        let card = FindingCard::new(&finding, finding.last_seen, links).with("Ship", HOSTILE.to_owned());
        let html = card.render().unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("alert('x')"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn the_card_says_all_there_is() {
        let mut finding = finding("word");
        finding.summary = "conning wrote register 40".to_owned();
        finding.why = "engine speed follows it".to_owned();
        finding.recommended_action = "ask the engine control room".to_owned();
        finding.proposal = Some("addr = [\"40\"]".to_owned());
        let html = FindingCard::new(&finding, finding.last_seen, CardLinks::default()).render().unwrap();
        for part in [
            "conning wrote register 40",
            "engine speed follows it",
            "ask the engine control room",
            "3 times",
            "at sea, 54°30.000′N 000°15.000′W",
            "addr = [&#34;40&#34;]",
            "2027-01-15 08:00:00",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
        assert!(!html.contains("<a href"), "no link was asked for");
    }

    #[test]
    fn minutes_never_read_sixty() {
        assert_eq!(place(53.999_999_9, -179.999_999_9), "54°00.000′N 180°00.000′W");
    }
}
