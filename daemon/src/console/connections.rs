//! Who talked to whom over what.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dogwatch_model::{CaptureTime, Connection};
use dogwatch_web::{When, bytes, count, number_of};

use super::api::Shared;
use super::look::{Look, csv_file};
use crate::service::board::Picture;

/// Rows on one page.
const PER_PAGE: usize = 1_000;

/// Names of devices by their ids.
pub(super) type Names<'a> = HashMap<&'a str, String>;

/// The names of all devices.
pub(super) fn names_of(picture: &Picture) -> Names<'_> {
    picture.assets.iter().map(|asset| (asset.asset_id.as_str(), asset.display_name())).collect()
}

/// One row.
pub(super) struct Row<'a> {
    connection: &'a Connection,
    from: String,
    to: String,
    now: CaptureTime,
}

impl<'a> Row<'a> {
    pub(super) fn new(connection: &'a Connection, names: &Names<'_>, now: CaptureTime) -> Self {
        let name = |asset: &Option<String>, address: &String| {
            asset.as_deref().and_then(|id| names.get(id)).unwrap_or(address).clone()
        };
        Self {
            from: name(&connection.src_asset, &connection.src),
            to: name(&connection.dst_asset, &connection.dst),
            connection,
            now,
        }
    }

    fn from(&self) -> &str {
        &self.from
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn zones(&self) -> String {
        let zone = |zone: &Option<String>| zone.clone().unwrap_or_else(|| "–".to_owned());
        let (from, to) = (zone(&self.connection.src_zone), zone(&self.connection.dst_zone));
        if from == to { from } else { format!("{from} → {to}") }
    }

    fn service(&self) -> String {
        let Connection { app_protocol, l4, dst_port, .. } = self.connection;
        let carrier = if *dst_port == 0 { l4.clone() } else { format!("{l4}/{dst_port}") };
        format!("{app_protocol} {carrier}")
    }

    /// How unrecognised traffic looks; nothing where not one payload was seen.
    fn looks(&self) -> Option<String> {
        let seen = self.connection.profile.as_ref().filter(|profile| profile.payloads > 0)?;
        let mut text = match (seen.least_bytes, seen.most_bytes) {
            (least, most) if least == most => format!("{least} bytes"),
            (least, most) => format!("{least} to {most} bytes"),
        };
        if let (Some(mean), Some(jitter)) = (seen.interval_s, seen.jitter_s) {
            let regular = if jitter < 0.1 * mean { ", regular" } else { "" };
            text.push_str(&format!(", every {mean:.3} s{regular}"));
        }
        if let Some(randomness) = seen.randomness {
            text.push_str(&format!(", {:.0} % random", 100.0 * randomness));
        }
        Some(text)
    }

    fn packets(&self) -> String {
        count(self.connection.packets)
    }

    fn there(&self) -> String {
        bytes(self.connection.bytes_ab)
    }

    fn back(&self) -> String {
        bytes(self.connection.bytes_ba)
    }

    const fn first(&self) -> When {
        When { at: self.connection.first_seen, now: self.now }
    }

    const fn last(&self) -> When {
        When { at: self.connection.last_seen, now: self.now }
    }

    fn has(&self, words: &[String]) -> bool {
        let text = [&self.from, &self.to, &self.connection.src, &self.connection.dst, &self.zones(), &self.service()]
            .map(|part| part.to_lowercase())
            .join(" ");
        words.iter().all(|word| text.contains(word))
    }
}

/// Rows as a table: a device's page shows its own.
#[derive(Template)]
#[template(path = "connection_rows.html")]
pub(super) struct Rows<'a> {
    pub(super) connections: Vec<Row<'a>>,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct List<'a> {
    table: Rows<'a>,
    query: String,
    choice: String,
    same: String,
    fitting: usize,
    all: usize,
    frames: u64,
    next: Option<usize>,
}

impl List<'_> {
    fn all_words(&self) -> String {
        number_of(self.all as u64, "connection", "connections")
    }
}

/// `GET /connections?q=&from=&to=&asset=&from_row=`: `from` and `to` are zones, `-` is "no zone".
pub(super) async fn list(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let param = |name| look.param(name).unwrap_or_default();
    let (query, from, to, asset) = (param("q"), param("from"), param("to"), param("asset"));
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let names = names_of(&picture);
    let in_zone = |zone: &Option<String>, wanted: &str| wanted.is_empty() || zone.as_deref().unwrap_or("-") == wanted;
    let is_asset = |id: &Option<String>| id.as_deref() == Some(asset);
    let mut rows: Vec<Row<'_>> = picture
        .connections
        .iter()
        .filter(|one| in_zone(&one.src_zone, from) && in_zone(&one.dst_zone, to))
        .filter(|one| asset.is_empty() || is_asset(&one.src_asset) || is_asset(&one.dst_asset))
        .map(|connection| Row::new(connection, &names, picture.now))
        .filter(|row| words.is_empty() || row.has(&words))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.connection.last_seen));
    let (fitting, first) = (rows.len(), look.number("from_row"));
    let connections: Vec<Row<'_>> = rows.into_iter().skip(first).take(PER_PAGE).collect();
    let choice = match (from, to, names.get(asset)) {
        ("", "", None) => String::new(),
        ("", "", Some(name)) => format!("of {name}"),
        _ => format!("from zone {} to zone {}", any(from), any(to)),
    };
    let same = [("q", query), ("from", from), ("to", to), ("asset", asset)];
    let page = List {
        next: (first + connections.len() < fitting).then_some(first + PER_PAGE),
        table: Rows { connections },
        query: query.to_owned(),
        choice,
        same: query_text(&same),
        fitting,
        all: picture.connections.len(),
        frames: picture.sources.iter().map(|source| source.frames).sum(),
    };
    look.show(&picture.vessel, "/connections", "Connections", &page)
}

const fn any(zone: &str) -> &str {
    if zone.is_empty() { "any" } else { zone }
}

/// Pairs as a query, every byte that is not plain written as `%xx`.
fn query_text(pairs: &[(&str, &str)]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let coded = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            if plain(byte) {
                out.push(char::from(byte))
            } else {
                out.push_str(&format!("%{byte:02X}"))
            }
            out
        })
    };
    let parts: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", coded(value)))
        .collect();
    parts.join("&")
}

/// `GET /connections.csv`.
pub(super) async fn csv(State(board): Shared) -> Response {
    let picture = board.picture();
    let mut table = Vec::new();
    let written = dogwatch_report::connections_csv(&picture.connections, &mut table);
    csv_file("dogwatch-connections.csv", written.map(|()| table))
}
