//! Reads what navigation sources may say: `[[nmea]]`, `[[n2k]]`, `[navigation]`.

use std::collections::HashMap;

use dogwatch_model::Sfi;
use toml_edit::TableLike;

use super::diagnostic::{Code, Report, Span};
use super::parse::{MOST_ENTRIES, Names, Spans, asset, near, room};
use super::parse_conduits::rate;
use super::reader::{At, Section, clipped, in_range};
use super::types::{AntennaPair, AssetIx, N2kAllowance, NamePattern, NmeaAllowance, ZonePlan};

/// Places of one `[[nmea]]`.
pub(super) struct NmeaSpans {
    pub(super) head: Span,
    pub(super) sfi: Vec<Span>,
    pub(super) sentences: Vec<Span>,
}

/// Places of one `[[n2k]]`.
pub(super) struct N2kSpans {
    pub(super) bus: Span,
    pub(super) name: Span,
    pub(super) pgn: Vec<Span>,
}

/// Reads all `[[nmea]]`.
pub(super) fn nmea(
    report: &mut Report<'_>,
    top: &Section<'_>,
    names: &mut Names,
    spans: &mut Spans,
) -> Vec<NmeaAllowance> {
    const KEYS: &[&str] = &["source", "sfi", "talkers", "sentences", "role", "rate", "redundancy"];
    let mut found = Vec::new();
    for (table, span) in top.tables(report, "nmea") {
        if !room(report, &span, found.len(), MOST_ENTRIES, "nmea allowances") {
            break;
        }
        let section = Section::open(report, table, "nmea", span, KEYS);
        section.need(report, "source", "\"…\", the id of an asset");
        let source = section.text(report, "source").and_then(|id| asset(report, names, &id));
        let sfi = sfis(report, &section);
        let talkers = letters(report, &section, "talkers", 1..=2, "a talker id of two letters, such as GP");
        let sentences = letters(report, &section, "sentences", 3..=10, "a sentence formatter, such as GGA or PGRME");
        found.push(NmeaAllowance {
            // Only a file with errors has no source here, and that one is never used.
            source: source.unwrap_or(AssetIx(u16::MAX)),
            sfi: sfi.iter().map(|sfi| sfi.value).collect(),
            talkers: talkers.into_iter().map(|talker| talker.value).collect(),
            sentences: sentences.iter().map(|sentence| sentence.value.clone()).collect(),
            role: section.word(report, "role").map(|role| role.value),
            rate: rates(report, &section, &sentences),
            redundancy: section.text(report, "redundancy").and_then(|name| names.redundancy(name.value)),
            line: report.line(&section.span),
        });
        spans.nmea.push(NmeaSpans {
            head: section.value_span("source"),
            sfi: sfi.into_iter().map(|sfi| sfi.span).collect(),
            sentences: sentences.into_iter().map(|sentence| sentence.span).collect(),
        });
    }
    found
}

/// System function ids: two letters and four digits (IEC 61162-450).
fn sfis(report: &mut Report<'_>, section: &Section<'_>) -> Vec<At<Sfi>> {
    let mut found = Vec::new();
    for text in section.texts(report, "sfi") {
        let (head, tail) = text.value.split_at_checked(2).unwrap_or(("", ""));
        let shaped = head.bytes().all(|b| b.is_ascii_uppercase()) && tail.bytes().all(|b| b.is_ascii_digit());
        match Sfi::from_bytes(text.value.as_bytes()).filter(|_| shaped) {
            Some(sfi) => found.push(At { value: sfi, span: text.span }),
            None => {
                let message = format!("\"{}\" is no system function id", clipped(&text.value));
                report.error(Code::P012, &text.span, message, "two capital letters and four digits, such as GP0001");
            }
        }
    }
    found
}

fn letters(
    report: &mut Report<'_>,
    section: &Section<'_>,
    key: &str,
    length: std::ops::RangeInclusive<usize>,
    help: &str,
) -> Vec<At<String>> {
    let mut found = Vec::new();
    for text in section.texts(report, key) {
        let plain = text.value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if plain && length.contains(&text.value.len()) {
            found.push(text);
        } else {
            report.error(Code::P012, &text.span, format!("\"{}\" cannot be one of {key}", clipped(&text.value)), help);
        }
    }
    found
}

fn rates(report: &mut Report<'_>, section: &Section<'_>, sentences: &[At<String>]) -> Vec<(String, super::Rate)> {
    let Some((table, span)) = section.table(report, "rate") else { return Vec::new() };
    let mut found = Vec::new();
    // Any formatter may be a key here.
    let keys = Section::open(&mut Report::new("", ""), table, "rate", span, &[]);
    for (formatter, span, text) in keys.entries() {
        if !sentences.is_empty() && !sentences.iter().any(|listed| listed.value == formatter) {
            let help = near(formatter, sentences.iter().map(|listed| (listed.value.as_str(), 0)));
            report.error(
                Code::P002,
                &span,
                format!("rate for {}, which is not in sentences", clipped(formatter)),
                help,
            );
        }
        match text {
            Some(text) => {
                let read = rate(report, &At { value: text.to_owned(), span });
                found.extend(read.map(|rate| (formatter.to_owned(), rate)));
            }
            None => report.error(Code::P000, &span, "a rate is a text in quotes", "write GGA = \"1/s\""),
        }
    }
    found
}

/// Reads all `[[n2k]]`; `may_command` may name sources that stand further down.
pub(super) fn n2k(
    report: &mut Report<'_>,
    top: &Section<'_>,
    zones: &[ZonePlan],
    names: &mut Names,
    spans: &mut Spans,
) -> Vec<N2kAllowance> {
    const KEYS: &[&str] = &["source", "bus", "name", "pgn", "role", "may_command", "redundancy"];
    let mut found: Vec<N2kAllowance> = Vec::new();
    let mut sources: HashMap<String, (u16, u32)> = HashMap::new();
    let mut commands = Vec::new();
    for (table, span) in top.tables(report, "n2k") {
        if !room(report, &span, found.len(), MOST_ENTRIES, "n2k allowances") {
            break;
        }
        let section = Section::open(report, table, "n2k", span, KEYS);
        for (key, example) in [
            ("source", "\"gps-a\""),
            ("bus", "\"can0\""),
            ("name", "{ manufacturer = 1855, unique = 110012, function = 145, class = 60 }"),
        ] {
            section.need(report, key, example);
        }
        let index = u16::try_from(found.len()).unwrap_or(u16::MAX);
        let source = section.text(report, "source");
        let bus = section.text(report, "bus");
        if let Some(source) = &source {
            // One device may have allowances on two buses.
            sources.entry(source.value.clone()).or_insert((index, report.line(&source.span)));
        }
        if let Some(bus) = &bus {
            known_bus(report, zones, bus);
        }
        let pgns = section.integers(report, "pgn");
        let pgns: Vec<At<i64>> = pgns.into_iter().filter(|pgn| in_range(report, pgn, "pgn", &(0..=0x3_ffff))).collect();
        commands.extend(section.texts(report, "may_command").into_iter().map(|target| (index, target)));
        found.push(N2kAllowance {
            source: source.map(|source| source.value).unwrap_or_default(),
            bus: bus.as_ref().map(|bus| bus.value.clone()).unwrap_or_default(),
            name: name(report, &section),
            pgn: pgns.iter().filter_map(|pgn| u32::try_from(pgn.value).ok()).collect(),
            role: section.word(report, "role").map(|role| role.value),
            may_command: Vec::new(),
            redundancy: section.text(report, "redundancy").and_then(|name| names.redundancy(name.value)),
            line: report.line(&section.span),
        });
        spans.n2k.push(N2kSpans {
            bus: section.value_span("bus"),
            name: section.value_span("name"),
            pgn: pgns.into_iter().map(|pgn| pgn.span).collect(),
        });
    }
    for (index, target) in commands {
        match sources.get(&target.value) {
            Some((other, _)) => {
                if let Some(allowance) = found.get_mut(usize::from(index)) {
                    allowance.may_command.push(*other);
                }
            }
            None => {
                let help = near(&target.value, sources.iter().map(|(id, (_, line))| (id.as_str(), *line)));
                let message = format!("no n2k source is called \"{}\"", clipped(&target.value));
                report.error(Code::P002, &target.span, message, help);
            }
        }
    }
    found
}

/// A bus must be one of some zone, or nothing seen on it would have a zone.
fn known_bus(report: &mut Report<'_>, zones: &[ZonePlan], bus: &At<String>) {
    let buses = || zones.iter().flat_map(|zone| &zone.can);
    if !buses().any(|known| *known == bus.value) {
        let help = near(&bus.value, buses().map(|bus| (bus.as_str(), 0)));
        report.error(
            Code::P002,
            &bus.span,
            format!("no zone has the bus \"{}\" in its can list", clipped(&bus.value)),
            help,
        );
    }
}

/// Fields of an ISO 11783-5 NAME: key, lowest bit, bits, whether it must be given.
const NAME: [(&str, u32, u32, bool); 7] = [
    ("unique", 0, 21, true),
    ("manufacturer", 21, 11, true),
    ("device_instance", 32, 8, false),
    ("function", 40, 8, true),
    ("class", 49, 7, true),
    ("system_instance", 56, 4, false),
    ("industry", 60, 3, false),
];

fn name(report: &mut Report<'_>, section: &Section<'_>) -> NamePattern {
    let mut pattern = NamePattern { mask: 0, bits: 0 };
    let Some((table, span)) = section.table(report, "name") else { return pattern };
    let inner = Section::open(report, table, "name", span, &NAME.map(|(key, ..)| key));
    for (key, shift, bits, needed) in NAME {
        if needed {
            inner.need(report, key, "…");
        }
        let most = (1_i64 << bits) - 1;
        let value = inner.integer(report, key, 0..=most).and_then(|number| u64::try_from(number.value).ok());
        if let Some(value) = value {
            pattern.mask |= ((1_u64 << bits) - 1) << shift;
            pattern.bits |= value << shift;
        }
    }
    pattern
}

/// Reads the antenna distances of `[navigation]`.
pub(super) fn antennas(report: &mut Report<'_>, top: &Section<'_>, names: &Names) -> Vec<AntennaPair> {
    let Some((table, span)) = top.table(report, "navigation") else { return Vec::new() };
    let section = Section::open(report, table, "navigation", span, &["antennas"]);
    let pairs: Vec<(&dyn TableLike, Span)> = section.tables(report, "antennas");
    let mut found = Vec::new();
    for (table, span) in pairs {
        let pair = Section::open(report, table, "antennas", span, &["a", "b", "distance_m"]);
        for (key, example) in [("a", "\"gnss-1\""), ("b", "\"gnss-2\""), ("distance_m", "27.0")] {
            pair.need(report, key, example);
        }
        let a = pair.text(report, "a").and_then(|id| asset(report, names, &id));
        let b = pair.text(report, "b").and_then(|id| asset(report, names, &id));
        let distance = pair.number(report, "distance_m", 0.0);
        if let (Some(a), Some(b), Some(distance)) = (a, b, distance) {
            found.push(AntennaPair { a, b, distance_m: distance.value });
        }
    }
    found
}
