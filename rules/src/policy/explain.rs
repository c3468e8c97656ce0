//! Says in words which line decides, and shows the whole policy as a matrix of zones.

use std::fmt::Write as _;

use dogwatch_model::{CaptureTime, Object};
use serde::Serialize;

use super::types::{Line, LineHome, LineIx};
use super::verdict::{Ask, Denial, Reason, Verdict};
use super::{End, Policy};

/// What may be done from one zone to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    /// Zone that asks.
    pub from: String,
    /// Zone that answers.
    pub to: String,
    /// What its lines allow, in the order of the file.
    pub allows: Vec<MatrixEntry>,
}

/// One line, short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixEntry {
    /// Conduit or exception.
    pub id: String,
    /// Application.
    pub app: String,
    /// Operations; empty for all.
    pub ops: Vec<&'static str>,
    /// Whether it changes anything over there: a write, a control, a program, or no restriction of operations.
    pub changes: bool,
    /// Whether it is limited to a ship state, a window or an end.
    pub limited: bool,
    /// Line of the file.
    pub line: u32,
}

impl Policy {
    /// Every pair of zones that has a conduit, in the order of the file, with what may be done.
    #[must_use]
    pub fn matrix(&self) -> Vec<MatrixCell> {
        let mut cells: Vec<MatrixCell> = Vec::new();
        for conduit in &self.conduits {
            let (from, to) = (self.zone_id(Some(conduit.from)), self.zone_id(Some(conduit.to)));
            let position = cells.iter().position(|cell| cell.from == from && cell.to == to).unwrap_or_else(|| {
                cells.push(MatrixCell { from: from.to_owned(), to: to.to_owned(), allows: Vec::new() });
                cells.len() - 1
            });
            let entries =
                conduit.lines.iter().filter_map(|index| self.line(*index)).map(|line| entry(&conduit.id, line));
            if let Some(cell) = cells.get_mut(position) {
                cell.allows.extend(entries);
            }
        }
        cells
    }

    /// Where a line stands, for people: `bridge-reads-engine line 2 (line 41)`.
    #[must_use]
    pub fn line_name(&self, index: LineIx) -> String {
        let Some(line) = self.line(index) else { return "?".to_owned() };
        match &line.home {
            LineHome::Exception { id } => format!("exception {id} (line {})", line.line),
            LineHome::Conduit { conduit, number } => {
                let id = self.conduit(*conduit).map_or("?", |conduit| &conduit.id);
                format!("{id} allow {number} (line {})", line.line)
            }
        }
    }

    /// The name of an end for people: asset, else address, with its zone.
    #[must_use]
    pub fn end_name(&self, end: &End) -> String {
        let zone = self.zone_id(end.zone);
        match (end.asset.and_then(|asset| self.asset(asset)), end.ip) {
            (Some(asset), _) => format!("{} ({zone})", asset.id),
            (None, Some(ip)) => format!("{ip} ({zone})"),
            (None, None) if end.mac.is_none() => format!("? ({zone})"),
            (None, None) => format!("{} ({zone})", end.mac),
        }
    }

    /// Says in words what was asked and which line decides.
    #[must_use]
    pub fn explain(&self, ask: &Ask<'_>) -> String {
        self.explanation(ask, &self.judge(ask))
    }

    /// Says in words what was asked and what the verdict rests on.
    #[must_use]
    pub fn explanation(&self, ask: &Ask<'_>, verdict: &Verdict) -> String {
        let asked = self.asked(ask);
        match verdict {
            Verdict::Allowed { line, .. } => format!("{asked}: allowed by {}", self.line_name(*line)),
            Verdict::AllowedByException { line } => format!("{asked}: allowed only by {}", self.line_name(*line)),
            Verdict::AllowedByWindow { window, line } => {
                let (id, to) = self.window(*window).map_or(("?", ask.at), |window| (&window.id, window.to));
                format!("{asked}: allowed by {} while window {id} is open, until {}", self.line_name(*line), minute(to))
            }
            Verdict::Denied(denial) => format!("{asked}: not allowed; {}", self.why(ask, denial)),
        }
    }

    /// `conning (navigation) -> me-gateway (machinery) modbus tcp/502 write holding 40-47 unit 1`
    fn asked(&self, ask: &Ask<'_>) -> String {
        let mut text = format!("{} -> {} {}", self.end_name(&ask.from), self.end_name(&ask.to), service(ask));
        if let Some(verb) = ask.verb {
            let _ = write!(text, " {}", verb.as_str());
        }
        if let Some(object) = ask.object {
            let _ = write!(text, " {}", short(&object));
            if let Object::Registers { written: Some((low, high)), .. } = object {
                let _ =
                    if low == high { write!(text, " value {low}") } else { write!(text, " values {low} to {high}") };
            }
        }
        text
    }

    /// The field that failed, and what the nearest line says there.
    fn why(&self, ask: &Ask<'_>, denial: &Denial) -> String {
        let zones = format!("{} to {}", self.zone_id(ask.from.zone), self.zone_id(ask.to.zone));
        let Some((index, line)) = denial.nearest.and_then(|index| Some((index, self.line(index)?))) else {
            return match denial.reason {
                Reason::NoZone => "an end is in no zone".to_owned(),
                _ if denial.conduit.is_some() => format!("the conduit from {zones} has no lines"),
                _ => self.only_back(ask).unwrap_or_else(|| format!("there is no conduit from {zones}")),
            };
        };
        let written = field(line, denial.failed_field);
        let nearest = format!("nearest is {}", self.line_name(index));
        match denial.reason {
            Reason::WindowClosed { window, since } => {
                let id = self.window(window).map_or("?", |window| &window.id);
                match since {
                    Some(since) => format!("window {id} closed {} ago; {nearest}", ago(since)),
                    None => format!("window {id} has not opened yet; {nearest}"),
                }
            }
            Reason::Expired { since } => format!("it ended {} ago; {nearest}", ago(since)),
            Reason::State => {
                format!("the ship is {}; {nearest} with {written}", super::state_word(ask.state).replace('_', " "))
            }
            _ => format!("{nearest}, where {} does not fit: {written}", denial.failed_field),
        }
    }

    /// Tells of a conduit that exists only the other way round: the usual slip when writing one.
    fn only_back(&self, ask: &Ask<'_>) -> Option<String> {
        let (from, to) = (ask.from.zone?, ask.to.zone?);
        let back = self.conduits.iter().find(|conduit| conduit.from == to && conduit.to == from)?;
        let zones = format!("{} to {}", self.zone_id(Some(from)), self.zone_id(Some(to)));
        Some(format!("there is no conduit from {zones}; {} (line {}) goes the other way", back.id, back.line))
    }
}

fn entry(id: &str, line: &Line) -> MatrixEntry {
    MatrixEntry {
        id: id.to_owned(),
        app: line.app.to_string(),
        ops: line.ops.iter().map(|verb| verb.as_str()).collect(),
        changes: line.ops.is_empty() || line.ops.changes(),
        limited: line.until.is_some() || line.when != super::When::default(),
        line: line.line,
    }
}

/// `modbus tcp/502`, `arp`, `ip/47`.
pub(super) fn service(ask: &Ask<'_>) -> String {
    use dogwatch_model::Transport;
    let carrier = match ask.transport {
        Transport::Tcp => format!("tcp/{}", ask.port),
        Transport::Udp => format!("udp/{}", ask.port),
        Transport::Ip(number) => format!("ip/{number}"),
        Transport::Ethernet(number) => format!("ethertype 0x{number:04x}"),
        Transport::Can => "can".to_owned(),
        Transport::Serial => "serial".to_owned(),
    };
    match ask.protocol {
        Some(protocol) => format!("{protocol} {carrier}"),
        None => carrier,
    }
}

/// An object for a message; names from the wire are cut and stripped of control characters.
fn short(object: &Object<'_>) -> String {
    super::reader::clipped(&object.to_string())
}

/// What the nearest line says in a field.
fn field(line: &Line, name: &str) -> String {
    fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
        let quoted: Vec<String> = items.take(8).map(|item| format!("\"{}\"", item.to_string())).collect();
        format!("[{}]", quoted.join(", "))
    }
    match name {
        "app" => format!("app = \"{}\"", line.app),
        "from" => format!("from = {}", list(line.from.written.iter())),
        "to" => format!("to = {}", list(line.to.written.iter())),
        "op" => format!("op = {}", list(line.ops.iter().map(|verb| verb.as_str()))),
        "unit" => format!("unit = {:?}", line.unit),
        "table" => format!("table = \"{}\"", line.table.map_or("any", |table| table.as_str())),
        "addr" => {
            let one_based: Vec<String> = line.addr.iter().take(8).map(|range| range.one_based()).collect();
            format!("addr = {} (1-based {})", list(line.addr.iter()), one_based.join(", "))
        }
        "object" => format!("object = {}", list(line.object.iter())),
        "host" => format!("host = {}", list(line.host.iter())),
        "value" => line.value.map_or_else(String::new, |(low, high)| format!("value = [{low}, {high}]")),
        "when" => format!("when = {{ state = {} }}", list(line.when.states().map(super::state_word))),
        _ => line.until.map_or_else(String::new, |until| format!("until = {}", minute(until))),
    }
}

/// A time to the minute.
fn minute(at: CaptureTime) -> String {
    let (year, month, day, hour, minute, ..) = at.civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

fn ago(span: std::time::Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
