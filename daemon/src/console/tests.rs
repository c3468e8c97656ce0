//! The console against hand-made pictures: every page answers, nothing from the wire becomes markup, nothing comes from outside.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use dogwatch_model::{
    Asset, Attribute, AttributeValue, CaptureTime, Category, Connection, Evidence, Finding, FindingEnd, Interface,
    ObservedProtocol, ProtocolRole, Provenance, Severity,
};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::router;
use crate::mirror::Verdict;
use crate::service::board::{Board, Picture, SourceView, ZoneView};

/// What an attacker would name a device.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

const PAGES: [&str; 7] = ["/", "/findings", "/findings/fnd_1", "/assets", "/assets/ast_1", "/connections", "/zones"];

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

async fn ask(app: &Router, request: Request<Body>) -> Answer {
    let response = TowerToHyperService::new(app.clone()).call(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

async fn get(app: &Router, path: &str) -> Answer {
    ask(app, Request::get(path).body(Body::empty()).unwrap()).await
}

fn at(seconds: i64) -> CaptureTime {
    // 2027-01-15T08:00:00Z and later
    CaptureTime::from_parts(1_800_000_000 + seconds, 0)
}

fn source(frames: u64, verdict: Verdict) -> SourceView {
    SourceView {
        name: "mir0".to_owned(),
        interface: "eth1".to_owned(),
        up: true,
        frames,
        bytes: frames * 100,
        dropped_kernel: 0,
        dropped_interface: 0,
        failures: 0,
        frames_per_second: 12.0,
        last_frame: Some(at(60)),
        vlans: vec![310],
        verdict,
        meaning: verdict.meaning(),
        remedy: verdict.remedy(),
    }
}

fn zone(id: &str, class: &'static str) -> ZoneView {
    ZoneView {
        id: id.to_owned(),
        label: format!("Zone {id}"),
        function: "navigation",
        class,
        criticality: "high",
        devices: "fixed",
        mode: "enforce",
        declared: 2,
        seen: 1,
        declared_seen: 1,
        not_heard: vec![format!("unheard-{id}")],
    }
}

pub(super) fn asset(id: &str, name: &str) -> Asset {
    let value = |text: &str| AttributeValue {
        value: text.to_owned(),
        source: Provenance::Observed,
        method: "lldp.tlv5".to_owned(),
        confidence: 90,
        first_seen: at(0),
        last_seen: at(60),
        frame: 1,
    };
    let attributes = [Attribute::Name, Attribute::Manufacturer, Attribute::FirmwareVersion];
    Asset {
        asset_id: id.to_owned(),
        policy_id: None,
        zone_id: Some("bridge".to_owned()),
        interfaces: vec![Interface { ips: vec!["10.0.0.5".parse().unwrap()], ..Interface::default() }],
        device_class: dogwatch_model::DeviceClass::Ecdis,
        attributes: attributes.into_iter().map(|attribute| (attribute, vec![value(name)])).collect(),
        protocols: vec![ObservedProtocol {
            name: "modbus".to_owned(),
            role: ProtocolRole::Client,
            first_seen: at(0),
            last_seen: at(60),
        }],
        first_seen: at(0),
        last_seen: at(60),
        frames: 5,
        bytes: 500,
        state: dogwatch_model::AssetState::ObservedOnly,
        disposition: dogwatch_model::Disposition::Unapproved,
        purpose: None,
        ship_function: None,
        system_name: None,
        cbs_category: None,
        location: None,
    }
}

fn finding(id: &str, severity: Severity, text: &str) -> Finding {
    let end = FindingEnd { asset: Some("ast_1".to_owned()), name: text.to_owned(), ..FindingEnd::default() };
    Finding {
        finding_id: id.to_owned(),
        fingerprint: String::new(),
        rule_id: "DW-2002".to_owned(),
        title: format!("title of {id} {text}"),
        category: Category::Zone,
        severity,
        confidence: 1.0,
        first_seen: at(0),
        last_seen: at(60),
        count: 2,
        source: end.clone(),
        destination: end,
        zone_from: Some("bridge".to_owned()),
        zone_to: Some("engine".to_owned()),
        conduit: None,
        service: "modbus tcp/502".to_owned(),
        summary: text.to_owned(),
        why: text.to_owned(),
        recommended_action: text.to_owned(),
        evidence: vec![Evidence {
            capture: "mir0".to_owned(),
            frame: 9,
            ts: at(0),
            fields: vec![("unit".to_owned(), text.to_owned())],
            expected: text.to_owned(),
        }],
        attack: Vec::new(),
        imo: Vec::new(),
        e26_clause: Vec::new(),
        status: dogwatch_model::FindingStatus::New,
        status_history: Vec::new(),
        ship_state: dogwatch_model::ShipState::AtSea,
        position: None,
        proposal: Some(text.to_owned()),
    }
}

fn connection(text: &str) -> Connection {
    Connection {
        connection_id: "cnx_1".to_owned(),
        src: "10.0.0.5".to_owned(),
        dst: "10.0.0.9".to_owned(),
        src_asset: Some("ast_1".to_owned()),
        dst_asset: None,
        src_zone: Some("bridge".to_owned()),
        dst_zone: Some("engine".to_owned()),
        vlan: Some(310),
        l4: "tcp".to_owned(),
        dst_port: 502,
        app_protocol: text.to_owned(),
        profile: None,
        bytes_ab: 10,
        bytes_ba: 20,
        packets: 3,
        first_seen: at(0),
        last_seen: at(60),
        capture_source: "mir0".to_owned(),
    }
}

/// A ship whose every name is `text`.
fn picture(text: &str) -> Picture {
    let findings = [finding("fnd_1", Severity::High, text), finding("fnd_2", Severity::Low, text)];
    let mut hostile = zone("bridge", "ot");
    hostile.label = text.to_owned();
    hostile.not_heard = vec![text.to_owned()];
    Picture {
        now: at(60),
        vessel: text.to_owned(),
        policy: Some(text.to_owned()),
        sources: vec![source(900, Verdict::Good)],
        zones: vec![hostile, zone("engine", "ot")],
        assets: Arc::new(vec![asset("ast_1", text)]),
        connections: Arc::new(vec![connection(text)]),
        findings: Arc::new(findings.into_iter().map(|finding| (finding.finding_id.clone(), finding)).collect()),
        protocols: BTreeMap::from([("modbus", 7)]),
        parse_errors: vec![("modbus", "malformed", 1)],
        ..Picture::empty(at(0))
    }
}

fn app(picture: Picture) -> Router {
    let board = Board::new(picture.started);
    board.update(|shown| *shown = picture);
    router(Arc::new(board))
}

#[tokio::test]
async fn every_page_answers_whole_and_as_a_fragment() {
    let app = app(picture("calm"));
    for path in PAGES {
        let whole = get(&app, path).await;
        assert_eq!(whole.status, StatusCode::OK, "{path}");
        assert!(whole.text.starts_with("<!doctype html>") && whole.text.contains("<main"), "{path}");
        let fragment = get(&app, &format!("{path}?fragment=1")).await;
        assert_eq!(fragment.status, StatusCode::OK, "{path}");
        assert!(!fragment.text.contains("<html") && fragment.text.contains("data-live"), "{path}");
        assert!(whole.text.contains(fragment.text.trim()), "{path}: the fragment is the body of the page");
        let tag = whole.text.split("data-tag=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(fragment.headers.get(header::ETAG).unwrap().to_str().unwrap(), format!("\"{tag}\""), "{path}");
        // asked again with its tag, it costs nothing
        let tag = fragment.headers.get(header::ETAG).unwrap();
        let again = Request::get(format!("{path}?fragment=1")).header(header::IF_NONE_MATCH, tag);
        let again = ask(&app, again.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.text.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
}

#[tokio::test]
async fn a_page_is_packed_only_for_those_who_take_it() {
    let app = app(picture("calm"));
    let plain = get(&app, "/zones").await.text;
    for (takes, is_packed) in [("gzip, deflate", true), ("br", false), ("gzip;q=0", false), ("br, gzip;q=0.5", true)] {
        let request = Request::get("/zones").header(header::ACCEPT_ENCODING, takes).body(Body::empty()).unwrap();
        let response = TowerToHyperService::new(app.clone()).call(request).await.unwrap();
        assert_eq!(response.headers().get(header::CONTENT_ENCODING).is_some(), is_packed, "{takes}");
        assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), "text/html; charset=utf-8");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        match is_packed {
            true => flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap(),
            false => (&bytes[..]).read_to_string(&mut text).unwrap(),
        };
        assert_eq!(text, plain, "{takes}");
    }
}

#[tokio::test]
async fn a_changed_picture_has_another_tag() {
    let board = Arc::new(Board::new(at(0)));
    board.update(|shown| *shown = picture("calm"));
    let app = router(Arc::clone(&board));
    let before = get(&app, "/?fragment=1").await;
    board.update(|shown| shown.sources = vec![source(901, Verdict::Silent)]);
    let request = Request::get("/?fragment=1").header(header::IF_NONE_MATCH, before.headers.get(header::ETAG).unwrap());
    let after = ask(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(after.status, StatusCode::OK);
    assert!(after.text.contains(Verdict::Silent.remedy()));
}

#[tokio::test]
async fn nothing_from_the_wire_becomes_markup() {
    let app = app(picture(HOSTILE));
    let asked =
        ["/findings?severity=%3Cscript%3Ealert(1)", "/assets?q=%22%3E%3Cimg%20src=x", "/connections?from=%3Cimg"];
    for path in PAGES.into_iter().chain(asked) {
        let page = get(&app, path).await.text;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
    }
    assert!(get(&app, "/assets").await.text.contains("&#60;script&#62;"));
}

#[tokio::test]
async fn every_answer_carries_the_safety_headers() {
    let app = app(picture("calm"));
    for path in PAGES.into_iter().chain(["/nowhere", "/api/findings", "/assets.csv", "/static/live.js", "/metrics"]) {
        let headers = get(&app, path).await.headers;
        let policy = headers.get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers.get("x-content-type-options").unwrap(), "nosniff", "{path}");
        assert!(headers.contains_key("referrer-policy") && headers.contains_key(header::CACHE_CONTROL), "{path}");
    }
}

#[tokio::test]
async fn nothing_comes_from_outside_and_nothing_is_inline() {
    let app = app(picture("calm"));
    for path in PAGES.into_iter().chain(["/nowhere"]) {
        let page = get(&app, path).await.text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for part in
            ["http:", "https:", "src=\"//", "href=\"//", " style=\"", "<style", " onclick", " onload", "javascript:"]
        {
            assert!(!page.contains(part), "{path} has {part}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"/static/"), "{path}: {script}");
        }
        // what the page asks for, this program has
        for address in page.split("/static/").skip(1).filter_map(|rest| rest.split('"').next()) {
            let file = get(&app, &format!("/static/{address}")).await;
            assert_eq!(file.status, StatusCode::OK, "{address}");
            assert!(file.headers.get(header::CACHE_CONTROL).unwrap().to_str().unwrap().contains("immutable"));
        }
    }
}

#[tokio::test]
async fn findings_come_most_severe_first_and_can_be_chosen() {
    let app = app(picture("calm"));
    let all = get(&app, "/findings").await.text;
    let place = |text: &str, part: &str| text.find(part);
    assert!(place(&all, "title of fnd_1").unwrap() < place(&all, "title of fnd_2").unwrap());
    let low = get(&app, "/findings?severity=low").await.text;
    assert!(place(&low, "title of fnd_1").is_none() && place(&low, "title of fnd_2").is_some());
    let elsewhere = get(&app, "/findings?zone=cargo").await.text;
    assert!(place(&elsewhere, "title of").is_none() && elsewhere.contains("No finding fits"));
    // the same parameter twice, or nonsense, is no reason to refuse
    for odd in ["/findings?severity=low&severity=high", "/findings?from=x", "/findings?%ff=%fe&from=99999"] {
        assert_eq!(get(&app, odd).await.status, StatusCode::OK, "{odd}");
    }
}

#[tokio::test]
async fn no_findings_and_saw_nothing_look_different() {
    let mut quiet = picture("calm");
    quiet.findings = Arc::default();
    let mut blind = Picture::empty(at(0));
    blind.sources = vec![source(0, Verdict::Silent)];
    let (quiet, blind) = (app(quiet), app(blind));
    for path in ["/", "/findings"] {
        let (told, untold) = (get(&quiet, path).await.text, get(&blind, path).await.text);
        assert!(told.contains("No findings") && !told.contains("othing was seen"), "{path}");
        assert!(
            !untold.contains(">No findings") && (untold.contains("Saw nothing") || untold.contains("Nothing was seen"))
        );
    }
    assert!(get(&blind, "/").await.text.contains(Verdict::Silent.remedy()));
}

#[tokio::test]
async fn the_inventory_says_who_said_so_and_what_is_missing() {
    let app = app(picture("calm"));
    let page = get(&app, "/assets/ast_1").await.text;
    for part in
        ["said on the wire", "lldp.tlv5", "90 %", "Enter by hand", "System category", "title of fnd_1", "10.0.0.9"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<li>Manufacturer</li>") && page.contains("<li>Serial number</li>"));
}

#[tokio::test]
async fn tables_are_saved_as_csv() {
    let app = app(picture("=HYPERLINK(1)"));
    for (path, header, rows) in [("/assets.csv", "Item number,", 1), ("/connections.csv", "src,dst,", 1)] {
        let table = get(&app, path).await;
        assert_eq!(table.status, StatusCode::OK);
        assert_eq!(table.headers.get(header::CONTENT_TYPE).unwrap(), "text/csv; charset=utf-8");
        assert!(table.headers.get(header::CONTENT_DISPOSITION).unwrap().to_str().unwrap().contains("attachment"));
        assert!(table.text.starts_with(header), "{path}");
        assert_eq!(table.text.lines().count(), rows + 1);
        assert!(table.text.contains(",'=HYPERLINK(1)"), "{path}: a formula stays text");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_plain_words() {
    let app = app(picture("calm"));
    for path in ["/nowhere", "/findings/fnd_9", "/assets/ast_9", "/static/none.js", "/api/nothing"] {
        let page = get(&app, path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text.contains("Nothing here") && page.text.contains("href=\"/\""), "{path}");
    }
}

#[tokio::test]
async fn the_matrix_holds_the_talk_between_zones() {
    let page = get(&app(picture("calm")), "/zones").await.text;
    assert!(page.contains("href=\"/connections?from=bridge&amp;to=engine\""), "{page}");
    assert!(page.contains("<svg") && page.contains("link sev-high"));
    assert!(page.contains("unheard-engine"));
}

#[tokio::test]
async fn brightness_is_remembered_and_leads_back_here_only() {
    let app = app(picture("calm"));
    let set = get(&app, "/display?theme=night&back=%2Ffindings%3Fseverity%3Dhigh").await;
    assert_eq!(set.status, StatusCode::SEE_OTHER);
    assert_eq!(set.headers.get(header::LOCATION).unwrap(), "/findings?severity=high");
    let cookie = set.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = ask(&app, Request::get("/").header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await;
    assert!(page.text.contains("data-theme=\"night\""));
    let away = get(&app, "/display?theme=day&back=%2F%2Fexample.org").await;
    assert_eq!(away.headers.get(header::LOCATION).unwrap(), "/");
}

#[tokio::test]
async fn open_pages_are_told_of_changes_and_a_stop_ends_them() {
    let board = Arc::new(Board::new(at(0)));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let app = super::routes(Arc::clone(&board), stopped);
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let response = TowerToHyperService::new(app).call(request).await.unwrap();
    assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || {
        let frame = body.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    };
    assert!(next().await.unwrap().starts_with("event: picture"));
    board.update(|picture| picture.now = at(1));
    assert!(next().await.unwrap().contains("data: 1"));
    let _ = stop.send(true);
    assert!(next().await.is_none(), "the stream has an end");
}
