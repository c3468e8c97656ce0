//! The stories among the findings: each with its timeline.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use dogwatch_model::CaptureTime;
use dogwatch_report::{Incident, Step, incidents};
use dogwatch_web::{Badge, When, number_of};

use super::api::Shared;
use super::look::Look;

/// Incidents shown; the older ones are in the list of findings.
const SHOWN: usize = 50;

struct Story {
    incident: Incident,
    now: CaptureTime,
}

impl Story {
    const fn severity(&self) -> Badge {
        Badge(self.incident.severity)
    }

    fn path(&self) -> String {
        self.incident.path.join(" → ")
    }

    const fn last(&self) -> When {
        When { at: self.incident.last_seen, now: self.now }
    }

    const fn step_severity(&self, step: &Step) -> Badge {
        Badge(step.severity)
    }

    const fn step_time(&self, step: &Step) -> When {
        When { at: step.at, now: self.now }
    }
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct List {
    stories: Vec<Story>,
    all: usize,
    findings: usize,
}

impl List {
    fn findings_words(&self) -> String {
        number_of(self.findings as u64, "finding", "findings")
    }
}

/// `GET /incidents`: the latest first.
pub(super) async fn list(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let told = incidents(picture.findings.values());
    let all = told.len();
    let stories = told.into_iter().take(SHOWN).map(|incident| Story { incident, now: picture.now }).collect();
    look.show(&picture.vessel, "/incidents", "Incidents", &List { stories, all, findings: picture.findings.len() })
}

/// `GET /api/incidents`.
pub(super) async fn json(State(board): Shared) -> Json<Vec<Incident>> {
    Json(incidents(board.picture().findings.values()))
}
