//! Findings of one story, put together: an incident with its timeline.
//!
//! A story goes from end to end: who was hit by one finding does the next one. Two findings belong together when the later one's source is an end of
//! the earlier one, or when one end hits another again, within [`WITHIN`]. Health of the monitor, mere posture, and ends ashore tie nothing together:
//! everybody talks to the internet. One finding alone is no story.
//!
//! Derived from the findings each time it is asked for; nothing is stored, so ship and shore come to the same.

use std::collections::BTreeMap;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Category, Finding, FindingEnd, Severity};
use serde::Serialize;

/// How far apart two findings of one story may lie.
const WITHIN: Duration = Duration::from_secs(4 * 3_600);

/// A story.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// `inc_` and the number of its first finding: stays the same while the story grows.
    pub id: String,
    /// The most severe of its findings.
    pub severity: Severity,
    /// When it began.
    pub first_seen: CaptureTime,
    /// When it was last seen going on.
    pub last_seen: CaptureTime,
    /// Where it began and how far it got, for people.
    pub title: String,
    /// Whom it touched, in the order it reached them.
    pub path: Vec<String>,
    /// Its findings, in the order they began.
    pub timeline: Vec<Step>,
}

/// One finding of a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When it began.
    pub at: CaptureTime,
    /// The finding.
    pub finding: String,
    /// Its detection.
    pub detection: String,
    /// How bad.
    pub severity: Severity,
    /// What happened.
    pub summary: String,
}

/// The incidents among `findings`, the latest first. The same findings in any order give the same.
#[must_use]
pub fn incidents<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Incident> {
    let mut told: Vec<&Finding> = findings.into_iter().filter(|finding| is_part_of_stories(finding)).collect();
    told.sort_by(|a, b| (a.first_seen, &a.finding_id).cmp(&(b.first_seen, &b.finding_id)));
    let mut stories: Vec<Vec<&Finding>> = Vec::new();
    // who was touched last by which story, so that each finding is one look-up
    let mut touched: BTreeMap<String, (usize, CaptureTime)> = BTreeMap::new();
    for finding in told {
        let (source, destination) = (identity(&finding.source), identity(&finding.destination));
        let recent = |end: &Option<String>| {
            let (story, at) = touched.get(end.as_ref()?).copied()?;
            (finding.first_seen.since(at) <= WITHIN).then_some(story)
        };
        // only who acts carries a story on: a server that many talk to does not
        let story = recent(&source).unwrap_or_else(|| {
            stories.push(Vec::new());
            stories.len().saturating_sub(1)
        });
        if let Some(story) = stories.get_mut(story) {
            story.push(finding);
        }
        for end in [source, destination.filter(|_| is_hit(finding))].into_iter().flatten() {
            touched.insert(end, (story, finding.last_seen.max(finding.first_seen)));
        }
    }
    let mut all: Vec<Incident> =
        stories.iter().filter(|story| story.len() > 1).filter_map(|story| told_as(story)).collect();
    all.sort_by(|a, b| (b.last_seen, &b.id).cmp(&(a.last_seen, &a.id)));
    all
}

fn is_part_of_stories(finding: &Finding) -> bool {
    finding.category != Category::Health && finding.severity > Severity::Info
}

/// Whether the other end may have been taken over by it: it is aboard.
fn is_hit(finding: &Finding) -> bool {
    finding.zone_to.as_deref().is_some_and(|zone| zone != "outside")
}

/// What an end is told apart by; `None` for nobody in particular.
fn identity(end: &FindingEnd) -> Option<String> {
    end.asset
        .clone()
        .or_else(|| end.n2k_name.map(|name| format!("{name:016x}")))
        .or_else(|| end.ip.map(|ip| ip.to_string()))
        .or_else(|| end.mac.map(|mac| mac.to_string()))
}

fn told_as(story: &[&Finding]) -> Option<Incident> {
    let first = story.first()?;
    let mut path: Vec<String> = Vec::new();
    for finding in story {
        for name in [&finding.source.name, &finding.destination.name] {
            if !name.is_empty() && !path.contains(name) {
                path.push(name.clone());
            }
        }
    }
    let (begin, end) = (path.first()?, path.last()?);
    let title = match path.len() {
        1 => format!("{} findings about {begin}", story.len()),
        2 => format!("{} findings between {begin} and {end}", story.len()),
        many => format!("{} findings from {begin} over {} others to {end}", story.len(), many.saturating_sub(2)),
    };
    Some(Incident {
        id: first.finding_id.replacen("fnd_", "inc_", 1),
        severity: story.iter().map(|finding| finding.severity).max()?,
        first_seen: first.first_seen,
        last_seen: story.iter().map(|finding| finding.last_seen).max()?,
        title,
        path,
        timeline: story
            .iter()
            .map(|finding| Step {
                at: finding.first_seen,
                finding: finding.finding_id.clone(),
                detection: finding.rule_id.clone(),
                severity: finding.severity,
                summary: finding.summary.clone(),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dogwatch_model::{FindingStatus, ShipState};

    fn finding(id: u32, minute: i64, from: &str, to: &str, severity: Severity, category: Category) -> Finding {
        let at = CaptureTime::from_parts(1_800_000_000 + minute * 60, 0);
        let end = |name: &str| FindingEnd {
            asset: (!name.is_empty()).then(|| format!("ast_{name}")),
            name: name.to_owned(),
            ..FindingEnd::default()
        };
        Finding {
            finding_id: format!("fnd_{id}"),
            fingerprint: String::new(),
            rule_id: "DW-0000".to_owned(),
            title: String::new(),
            category,
            severity,
            confidence: 0.9,
            first_seen: at,
            last_seen: at,
            count: 1,
            source: end(from),
            destination: end(to),
            zone_from: None,
            zone_to: Some(if to == "ashore" { "outside" } else { "office" }.to_owned()),
            conduit: None,
            service: String::new(),
            summary: format!("{from} did something to {to}"),
            why: String::new(),
            recommended_action: String::new(),
            evidence: Vec::new(),
            attack: Vec::new(),
            imo: Vec::new(),
            e26_clause: Vec::new(),
            status: FindingStatus::New,
            status_history: Vec::new(),
            ship_state: ShipState::Unknown,
            position: None,
            proposal: None,
        }
    }

    fn paths(findings: &[(u32, i64, &str, &str)]) -> Vec<Vec<String>> {
        let all: Vec<Finding> = findings
            .iter()
            .map(|(id, minute, from, to)| finding(*id, *minute, from, to, Severity::High, Category::Zone))
            .collect();
        let told = incidents(&all);
        let mut backwards = all.clone();
        backwards.reverse();
        assert_eq!(incidents(&backwards), told, "the order they come in does not matter");
        told.into_iter().map(|incident| incident.path).collect()
    }

    #[test]
    fn who_was_hit_goes_on() {
        let chain =
            [(1, 0, "pc", "ashore"), (2, 5, "pc", "jump"), (3, 20, "jump", "station"), (4, 30, "station", "plc")];
        assert_eq!(paths(&chain), [["pc", "ashore", "jump", "station", "plc"]]);
    }

    #[test]
    fn strangers_and_old_stories_stay_apart() {
        assert!(paths(&[(1, 0, "pc", "server"), (2, 1, "tablet", "server")]).is_empty(), "two strangers at one server");
        assert!(paths(&[(1, 0, "pc", "ashore"), (2, 1, "tablet", "ashore")]).is_empty());
        assert!(paths(&[(1, 0, "pc", "jump"), (2, 400, "jump", "plc")]).is_empty(), "hours later");
    }

    #[test]
    fn posture_and_the_monitors_health_are_no_story() {
        let quiet = [
            finding(1, 0, "pc", "a", Severity::Info, Category::Asset),
            finding(2, 1, "pc", "b", Severity::High, Category::Health),
            finding(3, 2, "pc", "c", Severity::High, Category::Zone),
        ];
        assert!(incidents(&quiet).is_empty());
    }
}
