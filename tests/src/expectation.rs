//! What the labels beside a scenario ask for, read as strictly as they are written: a word this file does not know is an error.

use std::net::IpAddr;

use dogwatch_model::{CaptureTime, Finding, FindingEnd, Mac, Severity, Sfi};
use serde::Deserialize;

/// A span of capture time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First instant.
    pub from: CaptureTime,
    /// Last instant.
    pub to: CaptureTime,
}

/// Who a finding should name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Name of the policy; a finding names the asset by its id instead, so this is not compared.
    pub asset: Option<String>,
    ip: Option<IpAddr>,
    mac: Option<Mac>,
    n2k_address: Option<u8>,
    sfi: Option<Sfi>,
}

/// One thing that must be found, or may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Any of these detections will do.
    pub detections: Vec<String>,
    /// Category of the catalogue.
    pub category: String,
    /// At least this severe.
    pub min_severity: Severity,
    /// Who did it.
    pub src: Option<Party>,
    /// To whom.
    pub dst: Option<Party>,
    /// When it went on.
    pub window: Window,
    /// Seconds from the start of the window to the finding.
    pub detect_within_s: u32,
    /// Counts.
    pub required: bool,
}

/// Something that must not be found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MustNot {
    /// These detections, or `*` for any.
    pub detections: Vec<String>,
    /// This severe or more.
    pub min_severity: Severity,
    /// Within this time.
    pub window: Window,
    /// Why.
    pub reason: String,
}

/// The labels of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the words of the simulator's labels, explained there")]
pub struct Labels {
    pub schema: u32,
    pub scenario: String,
    pub kind: String,
    pub what: String,
    pub ship: String,
    pub seed: u64,
    pub run: Window,
    pub attack: Option<Window>,
    pub files: Vec<String>,
    pub expect: Vec<Expect>,
    pub must_not: Vec<MustNot>,
}

impl Party {
    /// Its address.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Whether a finding's end is this party: the address or the card is the same, and whatever else both know does not differ.
    ///
    /// A packet that came through a router carries the router's card, so either will do, unless `needs_card` says that the address does not tell
    /// the two ends apart.
    fn is(&self, end: &FindingEnd, finding: &Finding, needs_card: bool) -> bool {
        let ip = self.ip.zip(end.ip).map(|(a, b)| a == b).filter(|_| !needs_card);
        let mac = self.mac.zip(end.mac).map(|(a, b)| a == b);
        let sfi = self.sfi.zip(end.sfi).map(|(a, b)| a == b);
        // a finding has no field for the address on the bus, which changes hands; its evidence tells it
        let on_bus = self.n2k_address.map(|address| {
            let texts = finding.evidence.iter().flat_map(|evidence| &evidence.fields);
            texts.filter(|(name, _)| name.contains("address")).any(|(_, value)| *value == address.to_string())
        });
        let host = if ip == Some(true) || mac == Some(true) { Some(true) } else { ip.or(mac) };
        let known: Vec<bool> = [host, sfi, on_bus].into_iter().flatten().collect();
        !known.is_empty() && known.iter().all(|same| *same)
    }
}

impl Expect {
    /// Whether a finding first told at `told_at` is what was expected; otherwise why it is not.
    ///
    /// # Errors
    /// With the first reason.
    pub fn is_met_by(&self, finding: &Finding, told_at: CaptureTime) -> Result<(), String> {
        let refuse = |why: String| Err(format!("{} `{}`: {why}", finding.rule_id, finding.summary));
        if !self.detections.contains(&finding.rule_id) {
            return refuse("another detection".to_owned());
        }
        if finding.severity < self.min_severity {
            return refuse(format!("severity {} below {}", finding.severity.as_str(), self.min_severity.as_str()));
        }
        if serde_json::to_value(finding.category).ok().as_ref().and_then(|word| word.as_str())
            != Some(self.category.as_str())
        {
            return refuse(format!("category {:?}, expected {}", finding.category, self.category));
        }
        let ip_of = |party: &Option<Party>| party.as_ref().and_then(|party| party.ip);
        let needs_card = ip_of(&self.src).is_some() && ip_of(&self.src) == ip_of(&self.dst);
        for (what, party, end) in
            [("source", &self.src, &finding.source), ("destination", &self.dst, &finding.destination)]
        {
            if let Some(party) = party
                && !party.is(end, finding, needs_card)
            {
                return refuse(format!("{what} is {end:?}, expected {party:?}"));
            }
        }
        if finding.first_seen < self.window.from {
            return refuse(format!("first seen {}, before {}", finding.first_seen, self.window.from));
        }
        let waited = told_at.since(self.window.from).as_secs_f64();
        if waited > f64::from(self.detect_within_s) {
            return refuse(format!("told after {waited:.1} s, expected within {} s", self.detect_within_s));
        }
        Ok(())
    }
}

impl MustNot {
    /// Whether a finding breaks it.
    #[must_use]
    pub fn is_broken_by(&self, finding: &Finding) -> bool {
        let is_meant = self.detections.iter().any(|id| id == "*" || *id == finding.rule_id);
        let is_within = (self.window.from..self.window.to).contains(&finding.first_seen);
        is_meant && is_within && finding.severity >= self.min_severity
    }
}
