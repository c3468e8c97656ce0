//! Looking at the pages' data, as a browser's script would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

/// Gets a JSON document over plain HTTP from the loopback.
fn get(address: &str, path: &str) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("nobody answers at {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").context("no HTTP answer")?;
    anyhow::ensure!(
        head.split_whitespace().nth(1) == Some("200"),
        "http://{address}{path}: {}",
        head.lines().next().unwrap_or_default()
    );
    serde_json::from_str(body).with_context(|| format!("http://{address}{path} is not JSON"))
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The console aboard.
pub(crate) struct Console(pub(crate) &'static str);

impl Console {
    /// Whether it answers.
    pub(crate) fn is_open(&self) -> bool {
        get(self.0, "/api/health").is_ok()
    }

    /// Ids of all findings.
    pub(crate) fn findings(&self) -> anyhow::Result<Vec<String>> {
        let all = get(self.0, "/api/findings")?;
        Ok(all.as_array().into_iter().flatten().map(|finding| text(finding, "id").to_owned()).collect())
    }

    /// The words of a finding of one of these detections.
    pub(crate) fn finding_of(&self, detections: &[String]) -> anyhow::Result<Option<String>> {
        let all = get(self.0, "/api/findings")?;
        let found = all
            .as_array()
            .into_iter()
            .flatten()
            .find(|finding| detections.iter().any(|id| id == text(finding, "detection")));
        Ok(found.map(|finding| {
            format!("{} {}: {}", text(finding, "severity"), text(finding, "detection"), text(finding, "summary"))
        }))
    }

    /// Records waiting for the link.
    pub(crate) fn waiting(&self) -> anyhow::Result<u64> {
        let health = get(self.0, "/api/health")?;
        let waiting =
            health.pointer("/uplink/waiting").and_then(Value::as_array).context("no uplink in /api/health")?;
        Ok(waiting.iter().filter_map(Value::as_u64).sum())
    }
}

/// The register ashore.
pub(crate) struct Ashore(pub(crate) &'static str);

impl Ashore {
    /// Whether it answers.
    pub(crate) fn is_open(&self) -> bool {
        get(self.0, "/v1/vessels").is_ok()
    }

    /// Ids of all findings in the register.
    pub(crate) fn findings(&self) -> anyhow::Result<Vec<String>> {
        let answer = get(self.0, "/v1/findings?limit=500")?;
        let list = answer.get("items").and_then(Value::as_array).context("no list of findings ashore")?;
        Ok(list.iter().map(|item| text(item.get("finding").unwrap_or(item), "id").to_owned()).collect())
    }
}
