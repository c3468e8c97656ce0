//! The third-party captures and what others say of them. They are no part of the project: without them tests say that they skipped.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_model::Mac;

use crate::workspace;

/// The folder of captures, when there is one: `DOGWATCH_CORPUS`, or `shared/corpus` beside the workspace.
#[must_use]
pub fn captures() -> Option<PathBuf> {
    let corpus =
        std::env::var_os("DOGWATCH_CORPUS").map_or_else(|| workspace::root().join("../shared/corpus"), PathBuf::from);
    let folder = corpus.join("captures");
    folder.join("MANIFEST.tsv").is_file().then_some(folder)
}

/// One row of the manifest.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Name within the folder.
    pub name: String,
    /// The capture.
    pub path: PathBuf,
    /// What it is about; `malformed:…` for those that nobody made with good intent.
    pub category: String,
    /// Frames by tshark's count.
    pub frames: u64,
}

/// The rows of the manifest.
///
/// # Errors
/// When it cannot be read or lacks a column.
pub fn manifest(folder: &Path) -> anyhow::Result<Vec<Listed>> {
    let text = std::fs::read_to_string(folder.join("MANIFEST.tsv"))?;
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().context("the manifest is empty")?.split('\t').collect();
    let place = |name: &str| columns.iter().position(|column| *column == name).context("a column is missing");
    let (file, category, frames) = (place("file")?, place("category")?, place("frames")?);
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let field = |place: usize| fields.get(place).copied().context("a row is short");
            let name = field(file)?.to_owned();
            let path = folder.join(&name);
            Ok(Listed { name, path, category: field(category)?.to_owned(), frames: field(frames)?.parse()? })
        })
        .collect()
}

/// A device that others found in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// By its IP address.
    Ip(IpAddr),
    /// By its MAC address: the protocol that told of it has no other.
    Mac(Mac),
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

/// The devices named in the facts beside a capture, each with the protocols that told of it; `None` when it has no facts.
///
/// # Errors
/// When a row names its device in a way we do not know.
pub fn hosts(capture: &Path) -> anyhow::Result<Option<BTreeSet<(Host, String)>>> {
    let facts = capture.with_extension("facts.jsonl");
    if !facts.is_file() {
        return Ok(None);
    }
    let mut found = BTreeSet::new();
    // Six zero bytes are no device's address. Who sends LLDP so names its card as the chassis id (IEEE 802.1AB-2016, 8.5.2).
    let is_card = |mac: &Mac| !mac.is_none();
    for line in std::fs::read_to_string(&facts)?.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
        let ip = text("host").and_then(|host| host.parse::<IpAddr>().ok()).filter(|ip| !ip.is_unspecified());
        let card = ["mac", "host"].into_iter().find_map(|name| text(name)?.parse::<Mac>().ok());
        let chassis = || text("value").filter(|_| text("attr") == Some("chassis_mac"))?.parse::<Mac>().ok();
        let mac = card.filter(is_card).or_else(|| chassis().filter(is_card));
        // A device without an IP address is named by its card; on a serial line (BACnet MS/TP) there is neither. In DHCP rows `host` is the
        // address a client asks for, which it may never get: its card says who asked.
        let host = match (ip, mac, text("proto")) {
            (_, Some(mac), Some("dhcp")) | (None, Some(mac), _) => Host::Mac(mac),
            (Some(ip), ..) => Host::Ip(ip),
            (None, None, _) => continue,
        };
        found.insert((host, text("proto").unwrap_or_default().to_owned()));
    }
    Ok(Some(found))
}
