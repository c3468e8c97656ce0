//! The pages: rendered here, quick on a slow line, readable without a script. Times are UTC.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use dogwatch_bundle::{Health, sha256};
use dogwatch_model::{
    Asset, Attribute, CaptureTime, Evidence, Finding, FindingEnd, FindingStatus, Severity, StatusChange,
};

use crate::api::{AssetParams, Failure, FindingParams, Shared, key_text, now_ms};
use crate::home::hex;
use crate::ingest::Register;
use crate::repo::{FindingQuery, FindingRow, OpenCounts, VesselDetail, VesselRow};

/// A ship that has not been heard for longer is marked: one missed daily burst and a bit.
const SILENT_AFTER_MS: i64 = 26 * 3_600_000;

/// Findings shown on a vessel's own page.
const WORST_ROWS: u32 = 10;

const STYLE: &str = include_str!("../static/style.css");
const SCRIPT: &str = include_str!("../static/live.js");

/// A time for people: `2026-11-22 10:11:12`, UTC.
fn utc(time: CaptureTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// How long ago, in one unit.
fn ago(then_ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms).max(0) / 1000;
    match seconds {
        0..=89 => format!("{seconds} s ago"),
        90..=5_399 => format!("{} min ago", seconds / 60),
        5_400..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..=9_999 => format!("{count} B"),
        10_000..=9_999_999 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// The word a word list has in JSON.
fn word<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One severity with its number of open findings, for the chips.
struct Chip {
    word: &'static str,
    count: u64,
}

fn chips(open: &OpenCounts) -> Vec<Chip> {
    [
        (Severity::Critical, open.critical),
        (Severity::High, open.high),
        (Severity::Medium, open.medium),
        (Severity::Low, open.low),
        (Severity::Info, open.info),
    ]
    .into_iter()
    .map(|(severity, count)| Chip { word: severity.as_str(), count })
    .collect()
}

struct VesselView {
    row: VesselRow,
    chips: Vec<Chip>,
    heard: String,
    heard_at: String,
    silent: bool,
}

impl VesselView {
    fn of(row: VesselRow, now_ms: i64) -> Self {
        let heard = row.last_heard_ms;
        Self {
            chips: chips(&row.open),
            heard: heard.map_or_else(|| "never".to_owned(), |then| ago(then, now_ms)),
            heard_at: heard.map(|then| utc(CaptureTime::from_millis(then))).unwrap_or_default(),
            silent: heard.is_none_or(|then| now_ms.saturating_sub(then) > SILENT_AFTER_MS),
            row,
        }
    }
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    vessels: Vec<VesselView>,
    quarantined: bool,
}

#[derive(Template)]
#[template(path = "vessel.html")]
struct VesselPage {
    view: VesselView,
    detail: VesselDetail,
    streams: Vec<StreamView>,
    health: Option<HealthView>,
    findings: Vec<FindingView>,
}

struct StreamView {
    epoch: String,
    mark: u64,
    highest: u64,
    holes: String,
    bundles: u64,
    bytes: String,
    unlinked: u64,
    lag: String,
}

struct HealthView {
    at: String,
    health: Health,
    clock: String,
    state: String,
    today: String,
    allowed: String,
}

struct FindingView {
    vessel_id: String,
    vessel_name: String,
    finding: Finding,
    last: String,
    severity: &'static str,
    status: String,
    from: String,
    to: String,
}

/// What an end is called in a list.
fn end_name(end: &FindingEnd) -> String {
    let ip = end.ip.map(|ip| ip.to_string());
    let mac = end.mac.map(|mac| mac.to_string());
    let name = Some(end.name.clone()).filter(|name| !name.is_empty());
    name.or(ip).or(mac).or_else(|| end.asset.clone()).unwrap_or_else(|| "–".to_owned())
}

impl From<FindingRow> for FindingView {
    fn from(row: FindingRow) -> Self {
        let finding = row.finding;
        Self {
            last: utc(finding.last_seen),
            severity: finding.severity.as_str(),
            status: word(finding.status),
            from: end_name(&finding.source),
            to: end_name(&finding.destination),
            vessel_id: row.vessel_id,
            vessel_name: row.vessel_name,
            finding,
        }
    }
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    vessels: Vec<(String, String)>,
    vessel: String,
    severity: String,
    status: String,
    findings: Vec<FindingView>,
    older: Option<String>,
    later_page: bool,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    view: FindingView,
    category: String,
    confidence: String,
    first: String,
    received: String,
    state: String,
    place: Option<String>,
    ends: [EndView; 2],
    evidence: Vec<EvidenceView>,
    steps: Vec<StepView>,
    attack: String,
    imo: String,
    e26: String,
}

struct EndView {
    role: &'static str,
    name: String,
    zone: String,
    facts: Vec<(&'static str, String)>,
}

struct EvidenceView {
    evidence: Evidence,
    at: String,
}

struct StepView {
    step: StatusChange,
    at: String,
    from: String,
    to: String,
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "assets.html")]
struct AssetsPage {
    vessel_id: String,
    vessel_name: String,
    assets: Vec<AssetView>,
    more: Option<String>,
}

struct AssetView {
    name: String,
    class: String,
    zone: String,
    maker: String,
    model: String,
    firmware: String,
    addresses: String,
    protocols: String,
    last: String,
    state: String,
}

fn page(template: &impl Template) -> Result<Response, Failure> {
    // A template fails only when a value cannot be formatted.
    let text = template.render().map_err(|_| Failure::BadRequest("the page cannot be rendered"))?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(text)).into_response())
}

/// `GET /`.
pub(crate) async fn fleet(State(register): Shared) -> Result<Response, Failure> {
    let now = now_ms();
    let vessels: Vec<VesselView> =
        register.repo.vessels().await?.into_iter().map(|row| VesselView::of(row, now)).collect();
    let quarantined = vessels.iter().any(|view| view.row.quarantined > 0);
    page(&FleetPage { vessels, quarantined })
}

/// `GET /vessels/{vessel}`.
pub(crate) async fn vessel(State(register): Shared, Path(id): Path<String>) -> Result<Response, Failure> {
    let detail = register.repo.vessel(&id).await?.ok_or(Failure::NotFound)?;
    let findings = worst_open(&register, &id).await?;
    page(&VesselPage {
        view: VesselView::of(detail.row.clone(), now_ms()),
        streams: detail.streams.iter().map(stream_view).collect(),
        health: detail.health.clone().map(health_view),
        findings: findings.into_iter().map(FindingView::from).collect(),
        detail,
    })
}

/// The open findings to look at first: most severe first, newest first among equals.
async fn worst_open(register: &Register, vessel: &str) -> Result<Vec<FindingRow>, Failure> {
    let mut worst = Vec::new();
    for severity in Severity::ALL.into_iter().rev() {
        let room = WORST_ROWS.saturating_sub(u32::try_from(worst.len()).unwrap_or(WORST_ROWS));
        if room > 0 {
            let query = FindingQuery {
                vessel_id: Some(vessel.to_owned()),
                severity: Some(severity),
                statuses: vec![FindingStatus::New, FindingStatus::Acknowledged],
                after: None,
                limit: room,
            };
            worst.extend(register.repo.findings(&query).await?);
        }
    }
    Ok(worst)
}

fn stream_view(stream: &crate::repo::StreamRow) -> StreamView {
    let holes: Vec<String> = stream.missing.iter().take(8).map(|(from, to)| format!("{from}–{to}")).collect();
    let more = stream.missing.len().saturating_sub(8);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    StreamView {
        epoch: format!("{:08x}", stream.epoch),
        mark: stream.mark,
        highest: stream.highest,
        holes: if holes.is_empty() { "none".to_owned() } else { format!("{}{more}", holes.join(", ")) },
        bundles: stream.bundles,
        bytes: bytes(stream.bytes),
        unlinked: stream.unlinked,
        lag: format!("{:.1} s", stream.clock_lag_ms as f64 / 1000.0),
    }
}

fn health_view(health: Health) -> HealthView {
    HealthView {
        at: utc(health.at),
        clock: word(health.time_quality.source).replace('_', " "),
        state: word(health.ship_state).replace('_', " "),
        today: bytes(health.uplink_bytes_today),
        allowed: bytes(health.uplink_bytes_allowed),
        health,
    }
}

/// `GET /findings?vessel=&severity=&status=&after=`: open ones unless asked otherwise.
pub(crate) async fn findings(
    State(register): Shared,
    Query(mut params): Query<FindingParams>,
) -> Result<Response, Failure> {
    params.status.get_or_insert_with(|| "open".to_owned());
    let query = params.query()?;
    let rows = register.repo.findings(&query).await?;
    let full = rows.len() >= query.limit as usize;
    let older = rows
        .last()
        .filter(|_| full)
        .map(|last| key_text(last.finding.last_seen.millis(), &last.finding.finding_id, &last.vessel_id));
    let vessels = register.repo.vessels().await?.into_iter().map(|row| (row.vessel_id, row.name)).collect();
    page(&FindingsPage {
        vessels,
        vessel: params.vessel.unwrap_or_default(),
        severity: params.severity.unwrap_or_default(),
        status: params.status.unwrap_or_default(),
        findings: rows.into_iter().map(FindingView::from).collect(),
        older,
        later_page: query.after.is_some(),
    })
}

fn end_view(role: &'static str, end: &FindingEnd, zone: Option<&String>) -> EndView {
    let facts = [
        ("IP", end.ip.map(|ip| ip.to_string())),
        ("Port", end.port.map(|port| port.to_string())),
        ("MAC", end.mac.map(|mac| mac.to_string())),
        ("NAME", end.n2k_name.map(|name| format!("{name:016x}"))),
        ("SFI", end.sfi.map(|sfi| sfi.to_string())),
        ("Asset", end.asset.clone()),
    ];
    EndView {
        role,
        name: end_name(end),
        zone: zone.cloned().unwrap_or_else(|| "–".to_owned()),
        facts: facts.into_iter().filter_map(|(what, value)| Some((what, value?))).collect(),
    }
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "–".to_owned() } else { items.join(", ") }
}

/// `GET /vessels/{vessel}/findings/{finding}`: the card.
pub(crate) async fn finding(
    State(register): Shared,
    Path((vessel, finding)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let row = register.repo.finding(&vessel, &finding).await?.ok_or(Failure::NotFound)?;
    let found = &row.finding;
    let step = |step: &StatusChange| StepView {
        at: utc(step.at),
        from: word(step.from),
        to: word(step.to),
        until: step.expires_at.map(utc),
        step: step.clone(),
    };
    let attack: Vec<String> = found.attack.iter().map(|technique| technique.0.clone()).collect();
    page(&FindingPage {
        category: word(found.category),
        confidence: format!("{:.0} %", found.confidence * 100.0),
        first: utc(found.first_seen),
        received: utc(CaptureTime::from_millis(row.received_ms)),
        state: word(found.ship_state).replace('_', " "),
        place: found.position.map(|place| format!("{:.5}, {:.5}", place.lat, place.lon)),
        ends: [
            end_view("Source", &found.source, found.zone_from.as_ref()),
            end_view("Destination", &found.destination, found.zone_to.as_ref()),
        ],
        evidence: found.evidence.iter().map(|e| EvidenceView { at: utc(e.ts), evidence: e.clone() }).collect(),
        steps: found.status_history.iter().map(step).collect(),
        attack: listed(&attack),
        imo: listed(&found.imo),
        e26: listed(&found.e26_clause),
        view: FindingView::from(row),
    })
}

fn asset_view(asset: &Asset) -> AssetView {
    let shown = |attribute| asset.shown(attribute).unwrap_or("").to_owned();
    let addresses = asset.interfaces.iter().flat_map(|interface| {
        let name = interface.n2k_name.map(|name| format!("NAME {name:016x}"));
        interface.ips.iter().map(ToString::to_string).chain(interface.mac.map(|mac| mac.to_string())).chain(name)
    });
    let protocols: Vec<&str> = asset.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
    AssetView {
        name: asset.display_name(),
        class: word(asset.device_class).replace('_', " "),
        zone: asset.zone_id.clone().unwrap_or_default(),
        maker: shown(Attribute::Manufacturer),
        model: shown(Attribute::Model),
        firmware: shown(Attribute::FirmwareVersion),
        addresses: addresses.collect::<Vec<_>>().join(", "),
        protocols: protocols.join(", "),
        last: utc(asset.last_seen),
        state: word(asset.state).replace('_', " "),
    }
}

/// `GET /vessels/{vessel}/assets`.
pub(crate) async fn assets(
    State(register): Shared,
    Path(vessel): Path<String>,
    Query(params): Query<AssetParams>,
) -> Result<Response, Failure> {
    let detail = register.repo.vessel(&vessel).await?.ok_or(Failure::NotFound)?;
    let rows = register.repo.assets(&vessel, params.after(), params.limit()).await?;
    let full = rows.len() >= params.limit() as usize;
    let more = rows.last().filter(|_| full).map(|last| format!("{}\n{}", last.display_name(), last.asset_id));
    page(&AssetsPage {
        vessel_id: detail.row.vessel_id,
        vessel_name: detail.row.name,
        assets: rows.iter().map(asset_view).collect(),
        more,
    })
}

/// `GET /static/{file}`: the style sheet and the script, from this binary. Browsers keep them and ask only whether they changed.
pub(crate) async fn file(Path(file): Path<String>, State(_): State<Arc<Register>>, headers: HeaderMap) -> Response {
    let (kind, text) = match file.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "live.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return Failure::NotFound.into_response(),
    };
    let hash = sha256(text.as_bytes());
    let tag = format!("\"{}\"", hex(hash.get(..8).unwrap_or(&hash)));
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let cache = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if same {
        return (StatusCode::NOT_MODIFIED, cache).into_response();
    }
    (cache, [(header::CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(utc(CaptureTime::from_parts(951_825_600, 0)), "2000-02-29 12:00:00");
        for (seconds, want) in [(0, "0 s ago"), (90, "1 min ago"), (5_400, "1 h ago"), (172_800, "2 days ago")] {
            assert_eq!(ago(1_000, 1_000 + seconds * 1_000), want);
        }
        // A clock that went back is no reason for nonsense.
        assert_eq!(ago(5_000, 0), "0 s ago");
    }
}
