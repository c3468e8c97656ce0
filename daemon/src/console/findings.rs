//! The table of findings, and the card of one.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use dogwatch_model::{CaptureTime, Finding, FindingStatus, Severity};
use dogwatch_web::{Badge, CardLinks, Count, FindingCard, When, count, end_name, number_of, word};

use super::api::{Shared, sorted_findings};
use super::look::Look;
use crate::service::board::Picture;

/// Rows on one page: an old computer draws this many without a pause.
const PER_PAGE: usize = 500;

/// One row.
pub(super) struct Row {
    finding: Finding,
    now: CaptureTime,
}

impl Row {
    pub(super) const fn new(finding: Finding, now: CaptureTime) -> Self {
        Self { finding, now }
    }

    fn severity(&self) -> Badge {
        Badge(self.finding.severity)
    }

    fn zones(&self) -> String {
        match (self.finding.zone_from.as_deref(), self.finding.zone_to.as_deref()) {
            (Some(from), Some(to)) if from == to => format!("in {from}"),
            (Some(from), Some(to)) => format!("{from} → {to}"),
            (Some(zone), None) | (None, Some(zone)) => zone.to_owned(),
            (None, None) => String::new(),
        }
    }

    fn ends(&self) -> String {
        let (from, to) = (end_name(&self.finding.source), end_name(&self.finding.destination));
        if to == "–" { from } else { format!("{from} → {to}") }
    }

    fn count(&self) -> String {
        count(self.finding.count)
    }

    const fn first(&self) -> When {
        When { at: self.finding.first_seen, now: self.now }
    }

    const fn last(&self) -> When {
        When { at: self.finding.last_seen, now: self.now }
    }

    fn status(&self) -> String {
        word(self.finding.status)
    }
}

/// Rows as a table: the overview shows the first few of them, too.
#[derive(Template)]
#[template(path = "finding_rows.html")]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "findings.html")]
struct List {
    counts: Vec<Count>,
    severity: String,
    status: String,
    zone: String,
    zones: Vec<String>,
    table: Rows,
    /// How many fit the filter.
    fitting: usize,
    /// How many there are at all.
    all: usize,
    frames: u64,
    older: Option<usize>,
    from: usize,
}

impl List {
    fn fitting_words(&self) -> String {
        number_of(self.fitting as u64, "finding", "findings")
    }
}

/// Whether somebody still has to look at it.
pub(super) const fn is_open(finding: &Finding) -> bool {
    matches!(finding.status, FindingStatus::New | FindingStatus::Acknowledged)
}

/// `GET /findings?severity=&status=&zone=&from=`: open ones unless asked otherwise, the most severe first.
pub(super) async fn list(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let (severity, zone) = (look.param("severity").unwrap_or_default(), look.param("zone").unwrap_or_default());
    let status = look.param("status").unwrap_or("open");
    let is_wanted = |finding: &Finding| {
        let touches = |end: &Option<String>| end.as_deref() == Some(zone);
        let by_status = match status {
            "any" => true,
            "open" => is_open(finding),
            named => word(finding.status) == named,
        };
        by_status && (zone.is_empty() || touches(&finding.zone_from) || touches(&finding.zone_to))
    };
    let mut findings: Vec<Finding> = sorted_findings(&picture).into_iter().filter(is_wanted).collect();
    let counts = Count::all(findings.iter().map(|finding| finding.severity));
    if let Some(only) = Severity::ALL.into_iter().find(|known| known.as_str() == severity) {
        findings.retain(|finding| finding.severity == only);
    }
    let from = look.number("from");
    let fitting = findings.len();
    let rows: Vec<Row> =
        findings.into_iter().skip(from).take(PER_PAGE).map(|finding| Row::new(finding, picture.now)).collect();
    let page = List {
        counts,
        severity: severity.to_owned(),
        status: status.to_owned(),
        zone: zone.to_owned(),
        zones: zones_of(&picture),
        older: (from + rows.len() < fitting).then_some(from + PER_PAGE),
        table: Rows { rows },
        fitting,
        all: picture.findings.len(),
        frames: picture.sources.iter().map(|source| source.frames).sum(),
        from,
    };
    look.show(&picture.vessel, "/findings", "Findings", &page)
}

fn zones_of(picture: &Picture) -> Vec<String> {
    let mut zones: Vec<String> = picture
        .findings
        .values()
        .flat_map(|finding| [finding.zone_from.clone(), finding.zone_to.clone()])
        .flatten()
        .collect();
    zones.sort();
    zones.dedup();
    zones
}

#[derive(Template)]
#[template(path = "finding.html")]
struct Card<'a> {
    card: FindingCard<'a>,
}

/// `GET /findings/{id}`.
pub(super) async fn card(State(board): Shared, Path(id): Path<String>, look: Look) -> Response {
    let picture = board.picture();
    let Some(finding) = picture.findings.get(&id) else {
        return look.nothing_here("No finding has this number. It may belong to another ship, or to an older store.");
    };
    let card = FindingCard::new(finding, picture.now, CardLinks { assets: "/assets/" });
    look.show(&picture.vessel, "/findings", &finding.title, &Card { card })
}
