//! Pages and JSON as a browser gets them.

use std::net::SocketAddr;
use std::sync::Arc;

use dogwatch_bundle::{Meta, Record, Tables, encode};
use dogwatch_model::{Severity, TimeSource};
use dogwatch_shore::ingest::Register;
use dogwatch_shore::server;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::fleet::Dice;
use crate::ingest::register;
use crate::ship::{START_MS, key, record, some_finding};

async fn serve(register: &Arc<Register>) -> (SocketAddr, watch::Sender<bool>) {
    let listener = server::bind_pages("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(server::serve_pages(listener, Arc::clone(register), stopped));
    (address, stop)
}

/// Status line and headers, and the body.
async fn get(address: SocketAddr, path: &str, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn fill(register: &Register) -> Vec<dogwatch_model::Finding> {
    let mut dice = Dice(3);
    let mut findings: Vec<_> = (0..60).map(|at| some_finding(&mut dice, Severity::ALL[at % 5])).collect();
    // A name that a device chose for itself.
    findings[4].source.name = "<script>alert(1)</script>".into();
    let records: Vec<(u64, Record)> = (1..).zip(findings.iter().map(record)).collect();
    let meta = Meta { epoch: 1, created_ms: START_MS as u64, clock: TimeSource::Ntp, previous: [0; 8] };
    let bundle = encode(&records, &meta, &mut Tables::new(1), &key(1)).unwrap();
    register.take(&bundle.bytes, START_MS).await.unwrap();
    findings
}

#[tokio::test]
async fn every_page_shows_what_came_and_escapes_it() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let (address, stop) = serve(&register).await;
    let (head, body) = get(address, "/", "localhost").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.contains("MV One") && body.contains("never"), "{head}{body}");
    let findings = fill(&register).await;
    let hostile = &findings[4];
    let card = format!("/vessels/one/findings/{}", hostile.finding_id);
    for (path, wanted) in [
        ("/", "<b>12</b> critical"),
        ("/vessels/one", "Worst open findings"),
        ("/vessels/one/assets", "No device has been sent yet"),
        ("/findings", "Older"),
        ("/findings?vessel=one&severity=critical&status=new", "&lt;script&gt;"),
        ("/findings?severity=&status=resolved", "No finding fits"),
        (card.as_str(), "What to do"),
        (card.as_str(), "&#60;script"),
        ("/static/style.css", "prefers-color-scheme"),
        ("/static/live.js", "EventSource"),
        ("/healthz", "ok"),
    ] {
        let (head, body) = get(address, path, "127.0.0.1:1").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let wanted = wanted.replace("&lt;", "&#60;").replace("&gt;", "&#62;");
        assert!(body.contains(&wanted), "{path} lacks {wanted}: {body}");
        assert!(!body.contains("<script>alert"), "{path}");
        if path != "/healthz" {
            assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
        }
    }
    let (head, _) = get(address, "/vessels/two", "localhost").await;
    assert!(head.starts_with("HTTP/1.1 404"));
    let (head, body) = get(address, "/findings?severity=worst", "localhost").await;
    assert!(head.starts_with("HTTP/1.1 400") && body.contains("info, low, medium"), "{body}");
    let _ = stop.send(true);
}

#[tokio::test]
async fn json_pages_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let (address, _stop) = serve(&register).await;
    let findings = fill(&register).await;
    let (mut ids, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let path = format!("/v1/findings?vessel=one&limit=16&after={after}");
        let (_, body) = get(address, &path, "localhost").await;
        let page: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(page["schema"], 1);
        for item in page["items"].as_array().unwrap() {
            ids.push(item["id"].as_str().unwrap().to_owned());
            assert!(item["vessel_name"] == "MV One" && item["detection"].is_string());
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let mut want: Vec<_> = findings.iter().map(|finding| finding.finding_id.clone()).collect();
    want.sort_unstable();
    ids.sort_unstable();
    assert_eq!(ids, want);
    for (path, field) in [("/v1/vessels", "items"), ("/v1/vessels/one", "streams"), ("/v1/vessels/one/assets", "items")]
    {
        let (_, body) = get(address, path, "localhost").await;
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(answer[field].is_array(), "{path}: {body}");
    }
}

#[tokio::test]
async fn another_sites_name_for_this_machine_reads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let (address, _stop) = serve(&register).await;
    for host in ["evil.example", "127.0.0.1.evil.example", ""] {
        let (head, body) = get(address, "/v1/findings", host).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{host}: {head}");
        assert!(!body.contains("items"));
    }
    assert!(server::bind_pages("0.0.0.0:0".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn an_open_page_is_told_of_news() {
    let dir = tempfile::tempdir().unwrap();
    let register = register(dir.path()).await;
    let (address, stop) = serve(&register).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    // The head says that the subscription stands.
    while lines.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
    fill(&register).await;
    let mut seen = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        seen.push(line.clone());
        if line.starts_with("data:") {
            break;
        }
    }
    assert!(
        seen.iter().any(|line| line == "event: changed") && seen.iter().any(|line| line == "data: one"),
        "{seen:?}"
    );
    let _ = stop.send(true);
}
