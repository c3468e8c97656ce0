//! Zones: what the policy declares and what was seen, and who talks to whom across them, as a drawing and as a table.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dogwatch_model::Severity;
use dogwatch_report::{MapLink, MapZone, zone_map_svg};
use dogwatch_web::{Badge, bytes, number_of};

use super::api::Shared;
use super::findings::is_open;
use super::look::Look;
use crate::service::board::{Picture, PolicyView, ZoneView};

/// Protocols named in one cell.
const NAMED: usize = 3;

/// Talk from one zone to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    connections: u64,
    bytes: u64,
    protocols: BTreeSet<String>,
    worst: Option<Severity>,
}

impl Cell {
    fn words(&self) -> String {
        let mut names: Vec<&str> = self.protocols.iter().take(NAMED).map(String::as_str).collect();
        if self.protocols.len() > NAMED {
            names.push("…");
        }
        names.join(", ")
    }

    fn size(&self) -> String {
        format!("{}, {}", number_of(self.connections, "connection", "connections"), bytes(self.bytes))
    }

    fn badge(&self) -> Option<Badge> {
        self.worst.map(Badge)
    }
}

/// One row of the matrix: a zone and what it says to each of the others.
struct Line {
    from: String,
    cells: Vec<(String, Option<Cell>)>,
}

#[derive(Template)]
#[template(path = "zones.html")]
struct Page<'a> {
    zones: &'a [ZoneView],
    policy: &'a PolicyView,
    map: String,
    columns: Vec<String>,
    lines: Vec<Line>,
    frames: u64,
}

impl Page<'_> {
    fn class(&self, zone: &ZoneView) -> String {
        match zone.class {
            "ot" | "it" => zone.class.to_uppercase(),
            other => other.to_owned(),
        }
    }

    /// Who put the policy in force, and since when.
    fn in_force(&self) -> String {
        let hash: String = self.policy.hash.chars().take(12).collect();
        let by = self.policy.author.as_ref().map_or_else(String::new, |author| format!(" by {author}"));
        format!("In force since {} UTC{by}, text {hash}.", dogwatch_web::utc(self.policy.since))
    }

    fn label<'n>(&'n self, id: &'n str) -> &'n str {
        if id == "-" {
            return "no zone";
        }
        self.zones.iter().find(|zone| zone.id == id).map_or(id, |zone| zone.label.as_str())
    }
}

/// `GET /zones`.
pub(super) async fn page(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let mut talk = talk(&picture);
    let map = map(&picture, &talk);
    // a zone without any talk needs no row and no column: it stands in the table of zones
    let columns: Vec<String> = order(&picture, talk.keys().flat_map(|(from, to)| [from, to]));
    let lines = order(&picture, talk.keys().map(|(from, _)| from))
        .into_iter()
        .map(|from| Line {
            cells: columns.iter().map(|to| (to.clone(), talk.remove(&(from.clone(), to.clone())))).collect(),
            from,
        })
        .collect();
    let page = Page {
        zones: &picture.zones,
        policy: &picture.policy_view,
        map,
        columns,
        lines,
        frames: picture.sources.iter().map(|source| source.frames).sum(),
    };
    look.show(&picture.vessel, "/zones", "Zones", &page)
}

/// Who talks to whom, from the connections, with the worst open finding across the same pair.
pub(super) fn talk(picture: &Picture) -> BTreeMap<(String, String), Cell> {
    let zone = |zone: &Option<String>| zone.clone().unwrap_or_else(|| "-".to_owned());
    let mut cells: BTreeMap<(String, String), Cell> = BTreeMap::new();
    for connection in picture.connections.iter() {
        let cell = cells.entry((zone(&connection.src_zone), zone(&connection.dst_zone))).or_default();
        cell.connections += 1;
        cell.bytes = cell.bytes.saturating_add(connection.bytes_ab).saturating_add(connection.bytes_ba);
        cell.protocols.insert(connection.app_protocol.clone());
    }
    for finding in picture.findings.values().filter(|finding| is_open(finding)) {
        let ends = (zone(&finding.zone_from), zone(&finding.zone_to));
        if let Some(cell) = cells.get_mut(&ends) {
            cell.worst = cell.worst.max(Some(finding.severity));
        }
    }
    cells
}

fn map(picture: &Picture, talk: &BTreeMap<(String, String), Cell>) -> String {
    let zones: Vec<MapZone> = picture
        .zones
        .iter()
        .map(|zone| MapZone {
            id: zone.id.clone(),
            label: zone.label.clone(),
            class: zone.class.to_owned(),
            devices: zone.seen,
        })
        .collect();
    if zones.is_empty() {
        return String::new();
    }
    let links: Vec<MapLink> = talk
        .iter()
        .map(|((from, to), cell)| MapLink { from: from.clone(), to: to.clone(), bytes: cell.bytes, worst: cell.worst })
        .collect();
    zone_map_svg(&zones, &links)
}

/// The zones among `ids` in the order of the policy, those it does not know last.
fn order<'i>(picture: &Picture, ids: impl Iterator<Item = &'i String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.cloned().collect::<BTreeSet<_>>().into_iter().collect();
    ids.sort_by_key(|id| picture.zones.iter().position(|zone| zone.id == *id).unwrap_or(usize::MAX));
    ids
}
