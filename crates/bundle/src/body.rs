//! The body of a bundle: new table entries, then the records in columns. Layout in this crate's `README.md`.
//!
//! [`Packer`] and [`Unpacker`] are mirror images: every `put` here has its `take` there, in the same order. The reader charges every byte
//! of text it rebuilds to a budget, because columns that repeat one number could otherwise blow a small body up into gigabytes.

use std::collections::HashSet;

use dogwatch_model::{AttackRef, CaptureTime};
use dogwatch_model::{
    Evidence, Finding, FindingEnd, FindingStatus, Severity, ShipState, StatusChange, TimeQuality, TimeSource,
};

use crate::BundleError;
use crate::carried::{MAX_EVIDENCE, MAX_ITEMS, fingerprint_of, hundredths, position_of, position_parts};
use crate::codes::Code;
use crate::columns::{Col, ColumnReader, ColumnWriter};
use crate::frame::Decoded;
use crate::record::{FindingUpdate, Gap, Health, MAX_GAP_RANGES, Record};
use crate::tables::{Definition, EntryRef, RuleText, Tables, ulid_of};
use crate::template::{fill, pattern};
use crate::wire::{Reader, put_varint, unzigzag, zigzag};

/// Most definitions in one bundle.
const MAX_DEFINITIONS: usize = 16_384;
/// Most bytes the records of one bundle may take in memory.
const MAX_REBUILT_BYTES: usize = 8 << 20;
/// What a record costs beside its texts.
const RECORD_BYTES: usize = 512;
/// Largest JSON of one asset.
const MAX_JSON_BYTES: usize = 64 << 10;
const LOW_80: u128 = (1 << 80) - 1;

/// A body ready to be signed, and the entries it defines.
pub(crate) struct Packed {
    pub(crate) body: Vec<u8>,
    pub(crate) defined: Vec<EntryRef>,
}

/// Packs records that are already as they are carried.
pub(crate) fn pack(records: &[(u64, Record)], created_ms: i64, tables: &mut Tables) -> Result<Packed, BundleError> {
    let first = records.first().map_or(0, |(seq, _)| *seq);
    let mut packer = Packer {
        cols: ColumnWriter::default(),
        tables,
        used: HashSet::new(),
        defined: Vec::new(),
        time: created_ms,
        frame: 0,
        place: (0, 0),
    };
    let mut next = first;
    for (seq, record) in records {
        let gap = seq.checked_sub(next).ok_or(BundleError::Malformed { what: "records out of order" })?;
        packer.cols.put(Col::SeqGap, gap);
        next = seq.saturating_add(1);
        packer.record(record)?;
    }
    let Packer { cols, defined, tables, .. } = packer;
    if defined.len() > MAX_DEFINITIONS {
        return Err(BundleError::TooLarge { what: "definitions" });
    }
    let mut body = Vec::new();
    put_varint(&mut body, defined.len() as u64);
    for entry in &defined {
        body.extend(tables.definition(*entry)?.to_bytes());
    }
    body.extend(cols.finish());
    Ok(Packed { body, defined })
}

/// Reads a body: `count` records from `first_seq` on.
pub(crate) fn unpack(
    body: &[u8],
    first_seq: u64,
    count: usize,
    created_ms: i64,
    tables: &Tables,
) -> Result<Decoded, BundleError> {
    let mut reader = Reader::new(body);
    let mut new = Tables::new(tables.generation());
    let defined = reader.count(MAX_DEFINITIONS, "definitions")?;
    let mut definitions = Vec::new();
    for _ in 0..defined {
        let definition = Definition::read(&mut reader)?;
        if tables.definition(definition.entry()).is_ok_and(|held| held != definition) {
            return Err(BundleError::ConflictingEntry);
        }
        new.define(&definition)?;
        definitions.push(definition);
    }
    let mut unpacker = Unpacker {
        cols: ColumnReader::new(reader)?,
        tables,
        new,
        left: MAX_REBUILT_BYTES,
        time: created_ms,
        frame: 0,
        place: (0, 0),
    };
    let mut records = Vec::new();
    let mut next = first_seq;
    for _ in 0..count {
        let gap = unpacker.cols.take(Col::SeqGap)?;
        let seq = next.checked_add(gap).filter(|&seq| seq < u64::MAX);
        let seq = seq.ok_or(BundleError::Malformed { what: "sequence number" })?;
        next = seq.saturating_add(1);
        records.push((seq, unpacker.record()?));
    }
    unpacker.cols.finish()?;
    Ok(Decoded { records, definitions })
}

struct Packer<'a> {
    cols: ColumnWriter,
    tables: &'a mut Tables,
    used: HashSet<EntryRef>,
    /// Entries to be defined in this bundle, in order of first use.
    defined: Vec<EntryRef>,
    /// Time of the record before, milliseconds.
    time: i64,
    frame: u64,
    place: (i64, i64),
}

/// The names a finding carries anyway, in the order templates number them.
fn names(finding: &Finding) -> [String; 10] {
    let address = |end: &FindingEnd| {
        [
            end.name.clone(),
            end.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            end.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        ]
    };
    let [a, b, c] = address(&finding.source);
    let [d, e, f] = address(&finding.destination);
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let (zone_from, zone_to) = (or_empty(&finding.zone_from), or_empty(&finding.zone_to));
    [a, b, c, d, e, f, zone_from, zone_to, finding.service.clone(), or_empty(&finding.conduit)]
}

impl Packer<'_> {
    fn reference(&mut self, entry: EntryRef) -> u64 {
        if self.used.insert(entry) && !self.tables.is_confirmed(entry) {
            self.defined.push(entry);
        }
        let (EntryRef::Text(at) | EntryRef::End(at) | EntryRef::Rule(at)) = entry;
        u64::from(at)
    }

    /// Texts are numbered from 1; 0 is the empty text.
    fn text(&mut self, col: Col, text: &str) {
        let number = if text.is_empty() {
            0
        } else {
            let entry = self.tables.intern_text(text);
            self.reference(entry).saturating_add(1)
        };
        self.cols.put(col, number);
    }

    fn pattern(&mut self, col: Col, text: &str, names: &[&str]) {
        let (pattern, numbers) = pattern(text, names);
        self.text(col, &pattern);
        numbers.into_iter().for_each(|number| self.cols.put(Col::Number, number));
    }

    /// An optional text; `Some("")` is told from `None` by a pattern no text can have.
    fn optional(&mut self, col: Col, text: Option<&str>) {
        match text {
            Some("") => self.text(col, "\u{0}"),
            other => self.text(col, other.unwrap_or("")),
        }
    }

    fn id(&mut self, id: &str, near_ms: i64) {
        if let Some(ulid) = ulid_of(id, "fnd_") {
            self.cols.put(Col::IdForm, 0);
            let millis = (ulid >> 80) as i64;
            self.cols.put_signed(Col::IdTime, millis.wrapping_sub(near_ms));
            self.cols.raw.extend(ulid.to_be_bytes().iter().skip(6));
        } else {
            self.text(Col::IdForm, if id.is_empty() { "\u{0}" } else { id });
        }
    }

    fn end(&mut self, col: Col, port_col: Col, end: &FindingEnd) {
        let portless = FindingEnd { port: None, ..end.clone() };
        let number = if portless == FindingEnd::default() {
            0
        } else {
            let entry = self.tables.intern_end(&portless);
            self.reference(entry).saturating_add(1)
        };
        self.cols.put(col, number);
        self.cols.put(port_col, end.port.map_or(0, |port| u64::from(port).saturating_add(1)));
    }

    fn record(&mut self, record: &Record) -> Result<(), BundleError> {
        self.cols.put(Col::Kind, u64::from(record.kind_number()));
        match record {
            Record::Finding(finding) => self.finding(finding),
            Record::FindingUpdate(update) => self.update(update),
            Record::Asset(asset) => return self.json(asset.as_ref()),
            Record::AssetChange(change) => return self.json(change),
            Record::Gap(gap) => return self.gap(gap),
            Record::Health(health) => self.health(health),
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) {
        let (first, last) = (finding.first_seen.millis(), finding.last_seen.millis());
        self.cols.put_signed(Col::First, first.wrapping_sub(self.time));
        self.cols.put_signed(Col::Last, last.wrapping_sub(first));
        self.time = first;
        self.id(&finding.finding_id, first);
        self.fingerprint(finding);
        let rule = self.tables.intern_rule(&rule_text(finding));
        let rule = self.reference(rule);
        self.cols.put(Col::Rule, rule);
        self.level(finding.severity, finding.status, false);
        self.cols.put(Col::Confidence, u64::from(hundredths(finding.confidence)));
        self.cols.put(Col::Count, finding.count.wrapping_sub(1));
        self.end(Col::Source, Col::SourcePort, &finding.source);
        self.end(Col::Destination, Col::DestinationPort, &finding.destination);
        self.optional(Col::ZoneFrom, finding.zone_from.as_deref());
        self.optional(Col::ZoneTo, finding.zone_to.as_deref());
        self.optional(Col::Conduit, finding.conduit.as_deref());
        self.text(Col::Service, &finding.service);
        let names = names(finding);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.pattern(Col::Pattern, &finding.summary, &names);
        self.evidence(finding, &names);
        self.cols.put(Col::ShipState, u64::from(finding.ship_state.code()));
        self.position(finding.position.and_then(position_parts));
        self.history(&finding.status_history, last);
    }

    fn fingerprint(&mut self, finding: &Finding) {
        if fingerprint_of(&finding.finding_id).as_ref() == Some(&finding.fingerprint) {
            self.cols.put(Col::FingerprintForm, 0);
        } else if let Some(bits) = hex_128(&finding.fingerprint) {
            self.cols.put(Col::FingerprintForm, 1);
            self.cols.raw.extend(bits.to_be_bytes());
        } else {
            // Text numbers begin at 1 here as well, so 2 is the first.
            let text = if finding.fingerprint.is_empty() { "\u{0}" } else { &finding.fingerprint };
            let entry = self.tables.intern_text(text);
            let number = self.reference(entry).saturating_add(2);
            self.cols.put(Col::FingerprintForm, number);
        }
    }

    fn level(&mut self, severity: Severity, status: FindingStatus, raised: bool) {
        let bits = u64::from(severity.code()) | u64::from(status.code()) << 3 | u64::from(raised) << 6;
        self.cols.put(Col::Level, bits);
    }

    fn evidence(&mut self, finding: &Finding, names: &[&str]) {
        let evidence = finding.evidence.iter().take(MAX_EVIDENCE);
        self.cols.put(Col::EvidenceCount, evidence.len() as u64);
        for (at, evidence) in evidence.enumerate() {
            let near = if at == 0 { finding.first_seen } else { finding.last_seen };
            self.text(Col::Capture, &evidence.capture);
            self.cols.put_signed(Col::Frame, evidence.frame.wrapping_sub(self.frame) as i64);
            self.frame = evidence.frame;
            self.cols.put_signed(Col::EvidenceTime, evidence.ts.millis().wrapping_sub(near.millis()));
            let fields = evidence.fields.iter().take(MAX_ITEMS);
            self.cols.put(Col::FieldCount, fields.len() as u64);
            for (name, value) in fields {
                self.text(Col::FieldName, name);
                self.pattern(Col::FieldValue, value, names);
            }
            self.pattern(Col::Expected, &evidence.expected, names);
        }
    }

    fn position(&mut self, place: Option<(i64, i64)>) {
        let Some((lat, lon)) = place else {
            self.cols.put(Col::Latitude, 0);
            return;
        };
        self.cols.put(Col::Latitude, zigzag(lat.wrapping_sub(self.place.0)).saturating_add(1));
        self.cols.put_signed(Col::Longitude, lon.wrapping_sub(self.place.1));
        self.place = (lat, lon);
    }

    fn history(&mut self, steps: &[StatusChange], near_ms: i64) {
        let steps = steps.iter().take(MAX_ITEMS);
        self.cols.put(Col::HistoryCount, steps.len() as u64);
        for step in steps {
            let at = step.at.millis();
            self.cols.put_signed(Col::HistoryTime, at.wrapping_sub(near_ms));
            let expires = step.expires_at.map(CaptureTime::millis);
            let bits = u64::from(step.from.code()) | u64::from(step.to.code()) << 2 | u64::from(expires.is_some()) << 4;
            self.cols.put(Col::HistoryStatus, bits);
            if let Some(expires) = expires {
                self.cols.put_signed(Col::HistoryTime, expires.wrapping_sub(at));
            }
            self.text(Col::HistoryText, &step.by);
            self.text(Col::HistoryText, &step.reason);
        }
    }

    fn update(&mut self, update: &FindingUpdate) {
        let last = update.last_seen.millis();
        self.cols.put_signed(Col::First, last.wrapping_sub(self.time));
        self.time = last;
        self.id(&update.finding_id, last);
        self.cols.put(Col::Count, update.count.wrapping_sub(1));
        self.level(update.severity, update.status, update.raised);
        self.history(update.change.as_slice(), last);
    }

    fn json(&mut self, value: &impl serde::Serialize) -> Result<(), BundleError> {
        let json =
            serde_json::to_vec(value).map_err(|_| BundleError::Malformed { what: "a value without JSON form" })?;
        if json.len() > MAX_JSON_BYTES {
            return Err(BundleError::TooLarge { what: "an asset" });
        }
        self.cols.put(Col::JsonBytes, json.len() as u64);
        self.cols.json.extend(json);
        Ok(())
    }

    fn gap(&mut self, gap: &Gap) -> Result<(), BundleError> {
        if gap.ranges.len() > MAX_GAP_RANGES || gap.counts.len() > MAX_GAP_RANGES {
            return Err(BundleError::TooLarge { what: "a gap record" });
        }
        self.cols.put(Col::GapCount, gap.ranges.len() as u64);
        let mut before = 0_u64;
        for &(from, to) in &gap.ranges {
            self.cols.put_signed(Col::GapRange, from.wrapping_sub(before) as i64);
            self.cols.put(Col::GapRange, to.wrapping_sub(from));
            before = to;
        }
        self.cols.put(Col::GapCount, gap.counts.len() as u64);
        for (what, count) in &gap.counts {
            self.text(Col::GapReason, what);
            self.cols.put(Col::GapRange, *count);
        }
        Ok(())
    }

    fn health(&mut self, health: &Health) {
        let at = health.at.millis();
        self.cols.put_signed(Col::First, at.wrapping_sub(self.time));
        self.time = at;
        for number in health_numbers(health) {
            self.cols.put(Col::Health, number);
        }
        let quality = &health.time_quality;
        self.cols.put(Col::Health, u64::from(quality.source.code()));
        self.cols.put_signed(Col::Health, quality.offset_ms);
        self.cols.put(Col::Health, u64::from(quality.holdover_s));
        let synced = quality.last_sync.map(|sync| zigzag(sync.millis().wrapping_sub(at)).saturating_add(1));
        self.cols.put(Col::Health, synced.unwrap_or(0));
        self.cols.put(Col::ShipState, u64::from(health.ship_state.code()));
        self.position(health.position.and_then(position_parts));
        self.text(Col::HealthText, &health.version);
        let notes = health.notes.iter().take(MAX_ITEMS);
        self.cols.put(Col::Health, notes.len() as u64);
        notes.for_each(|note| self.pattern(Col::HealthText, note, &[]));
    }
}

/// The plain numbers of a health record in the order of the wire.
fn health_numbers(health: &Health) -> [u64; 11] {
    [
        health.uptime_s,
        health.frames,
        health.frames_dropped,
        health.parse_errors,
        health.assets,
        health.queue_records,
        health.oldest_unsent_s,
        health.uplink_bytes_today,
        health.uplink_bytes_allowed,
        u64::from(health.sources_up),
        u64::from(health.sources),
    ]
}

fn rule_text(finding: &Finding) -> RuleText {
    RuleText {
        rule_id: finding.rule_id.clone(),
        title: finding.title.clone(),
        category: finding.category,
        why: finding.why.clone(),
        action: finding.recommended_action.clone(),
        attack: finding.attack.iter().map(|technique| technique.0.clone()).collect(),
        imo: finding.imo.clone(),
        e26: finding.e26_clause.clone(),
    }
}

/// The 128 bits of exactly 32 lower-case hexadecimal digits.
fn hex_128(text: &str) -> Option<u128> {
    let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

struct Unpacker<'a> {
    cols: ColumnReader<'a>,
    tables: &'a Tables,
    /// Entries this bundle defines.
    new: Tables,
    /// Bytes that may still be rebuilt.
    left: usize,
    time: i64,
    frame: u64,
    place: (i64, i64),
}

impl Unpacker<'_> {
    fn charge(&mut self, bytes: usize) -> Result<(), BundleError> {
        self.left = self.left.checked_sub(bytes).ok_or(BundleError::TooLarge { what: "the records in memory" })?;
        Ok(())
    }

    fn text_at(&mut self, at: u32) -> Result<String, BundleError> {
        let text = self.new.text(at).or_else(|_| self.tables.text(at))?.to_owned();
        self.charge(text.len().saturating_add(24))?;
        Ok(text)
    }

    /// The text of a number counted from 1; `None` for 0.
    fn raw_text(&mut self, col: Col) -> Result<Option<String>, BundleError> {
        let number: u32 = self.cols.small(col)?;
        number.checked_sub(1).map(|at| self.text_at(at)).transpose()
    }

    fn text(&mut self, col: Col) -> Result<String, BundleError> {
        Ok(self.raw_text(col)?.unwrap_or_default())
    }

    fn optional(&mut self, col: Col) -> Result<Option<String>, BundleError> {
        Ok(self.raw_text(col)?.map(|text| if text == "\u{0}" { String::new() } else { text }))
    }

    fn pattern(&mut self, col: Col, names: &[&str]) -> Result<String, BundleError> {
        let pattern = self.text(col)?;
        let cols = &mut self.cols;
        let text = fill(&pattern, names, || cols.take(Col::Number))?;
        self.charge(text.len())?;
        Ok(text)
    }

    fn id(&mut self, near_ms: i64) -> Result<String, BundleError> {
        let form: u32 = self.cols.small(Col::IdForm)?;
        if let Some(at) = form.checked_sub(1) {
            let id = self.text_at(at)?;
            return Ok(if id == "\u{0}" { String::new() } else { id });
        }
        let millis = near_ms.wrapping_add(self.cols.take_signed(Col::IdTime)?);
        let millis = u128::try_from(millis).ok().filter(|&millis| millis < 1 << 48);
        let millis = millis.ok_or(BundleError::Malformed { what: "time of an id" })?;
        let [a, b, c, d, e, f, g, h, i, j] = self.cols.raw.array("an id")?;
        let low = u128::from_be_bytes([0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j]);
        Ok(format!("fnd_{}", ulid::Ulid(millis << 80 | (low & LOW_80))))
    }

    fn end(&mut self, col: Col, port_col: Col) -> Result<FindingEnd, BundleError> {
        let number: u32 = self.cols.small(col)?;
        let mut end = match number.checked_sub(1) {
            None => FindingEnd::default(),
            Some(at) => self.new.end(at).or_else(|_| self.tables.end(at))?.clone(),
        };
        self.charge(end.name.len().saturating_add(end.asset.as_ref().map_or(0, String::len)))?;
        let port: u32 = self.cols.small(port_col)?;
        end.port = match port.checked_sub(1) {
            None => None,
            Some(port) => Some(u16::try_from(port).map_err(|_| BundleError::Malformed { what: "a port" })?),
        };
        Ok(end)
    }

    fn record(&mut self) -> Result<Record, BundleError> {
        self.charge(RECORD_BYTES)?;
        Ok(match self.cols.take(Col::Kind)? {
            0 => Record::Finding(Box::new(self.finding()?)),
            1 => Record::FindingUpdate(self.update()?),
            2 => Record::Asset(Box::new(self.json()?)),
            3 => Record::AssetChange(self.json()?),
            4 => Record::Gap(self.gap()?),
            5 => Record::Health(Box::new(self.health()?)),
            _ => return Err(BundleError::Malformed { what: "unknown kind of record" }),
        })
    }

    fn time(&mut self) -> Result<i64, BundleError> {
        self.time = self.time.wrapping_add(self.cols.take_signed(Col::First)?);
        Ok(self.time)
    }

    fn finding(&mut self) -> Result<Finding, BundleError> {
        let first = self.time()?;
        let last = first.wrapping_add(self.cols.take_signed(Col::Last)?);
        let finding_id = self.id(first)?;
        let fingerprint = self.fingerprint(&finding_id)?;
        let rule: u32 = self.cols.small(Col::Rule)?;
        let rule = self.new.rule(rule).or_else(|_| self.tables.rule(rule))?.clone();
        self.charge(rule_bytes(&rule))?;
        let (severity, status, _) = self.level()?;
        let confidence: u8 = self.cols.small(Col::Confidence)?;
        let count = self.cols.take(Col::Count)?.wrapping_add(1);
        let mut finding = Finding {
            finding_id,
            fingerprint,
            rule_id: rule.rule_id,
            title: rule.title,
            category: rule.category,
            severity,
            confidence: f32::from(confidence) / 100.0,
            first_seen: CaptureTime::from_millis(first),
            last_seen: CaptureTime::from_millis(last),
            count,
            source: self.end(Col::Source, Col::SourcePort)?,
            destination: self.end(Col::Destination, Col::DestinationPort)?,
            zone_from: self.optional(Col::ZoneFrom)?,
            zone_to: self.optional(Col::ZoneTo)?,
            conduit: self.optional(Col::Conduit)?,
            service: self.text(Col::Service)?,
            summary: String::new(),
            why: rule.why,
            recommended_action: rule.action,
            evidence: Vec::new(),
            attack: rule.attack.into_iter().map(AttackRef).collect(),
            imo: rule.imo,
            e26_clause: rule.e26,
            status,
            status_history: Vec::new(),
            ship_state: ShipState::Unknown,
            position: None,
            proposal: None,
        };
        let names = names(&finding);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        finding.summary = self.pattern(Col::Pattern, &names)?;
        finding.evidence = self.evidence([first, last], &names)?;
        finding.ship_state = ShipState::word(self.cols.take(Col::ShipState)?)?;
        finding.position = self.position()?;
        finding.status_history = self.history(last)?;
        Ok(finding)
    }

    fn fingerprint(&mut self, finding_id: &str) -> Result<String, BundleError> {
        let form: u32 = self.cols.small(Col::FingerprintForm)?;
        match form {
            0 => fingerprint_of(finding_id).ok_or(BundleError::Malformed { what: "fingerprint of an odd id" }),
            1 => Ok(format!("{:032x}", u128::from_be_bytes(self.cols.raw.array("a fingerprint")?))),
            _ => {
                let text = self.text_at(form.saturating_sub(2))?;
                Ok(if text == "\u{0}" { String::new() } else { text })
            }
        }
    }

    fn level(&mut self) -> Result<(Severity, FindingStatus, bool), BundleError> {
        let bits = self.cols.take(Col::Level)?;
        if bits >> 7 != 0 {
            return Err(BundleError::Malformed { what: "level" });
        }
        Ok((Severity::word(bits & 7)?, FindingStatus::word(bits >> 3 & 7)?, bits >> 6 == 1))
    }

    fn evidence(&mut self, near: [i64; 2], names: &[&str]) -> Result<Vec<Evidence>, BundleError> {
        let count = self.cols.count(Col::EvidenceCount, MAX_EVIDENCE, "evidence")?;
        let mut list = Vec::with_capacity(count);
        for near in near.into_iter().take(count) {
            let capture = self.text(Col::Capture)?;
            self.frame = self.frame.wrapping_add(self.cols.take_signed(Col::Frame)? as u64);
            let millis = near.wrapping_add(self.cols.take_signed(Col::EvidenceTime)?);
            let fields = self.cols.count(Col::FieldCount, MAX_ITEMS, "evidence fields")?;
            let fields = (0..fields)
                .map(|_| Ok((self.text(Col::FieldName)?, self.pattern(Col::FieldValue, names)?)))
                .collect::<Result<_, BundleError>>()?;
            let expected = self.pattern(Col::Expected, names)?;
            list.push(Evidence { capture, frame: self.frame, ts: CaptureTime::from_millis(millis), fields, expected });
        }
        Ok(list)
    }

    fn position(&mut self) -> Result<Option<dogwatch_model::Position>, BundleError> {
        let Some(lat) = self.cols.take(Col::Latitude)?.checked_sub(1) else { return Ok(None) };
        let lat = self.place.0.wrapping_add(unzigzag(lat));
        let lon = self.place.1.wrapping_add(self.cols.take_signed(Col::Longitude)?);
        let position = position_of(lat, lon);
        // Checked by the same rule as the sender's, so that no place off the globe reaches a map.
        position_parts(position).ok_or(BundleError::Malformed { what: "a position off the globe" })?;
        self.place = (lat, lon);
        Ok(Some(position))
    }

    fn history(&mut self, near_ms: i64) -> Result<Vec<StatusChange>, BundleError> {
        let count = self.cols.count(Col::HistoryCount, MAX_ITEMS, "history")?;
        let mut steps = Vec::with_capacity(count);
        for _ in 0..count {
            let at = near_ms.wrapping_add(self.cols.take_signed(Col::HistoryTime)?);
            let bits = self.cols.take(Col::HistoryStatus)?;
            let (from, to) = (FindingStatus::word(bits & 3)?, FindingStatus::word(bits >> 2 & 3)?);
            let expires_at = match bits >> 4 {
                0 => None,
                1 => Some(CaptureTime::from_millis(at.wrapping_add(self.cols.take_signed(Col::HistoryTime)?))),
                _ => return Err(BundleError::Malformed { what: "a step of the history" }),
            };
            let (by, reason) = (self.text(Col::HistoryText)?, self.text(Col::HistoryText)?);
            steps.push(StatusChange { at: CaptureTime::from_millis(at), by, from, to, reason, expires_at });
        }
        Ok(steps)
    }

    fn update(&mut self) -> Result<FindingUpdate, BundleError> {
        let last = self.time()?;
        let finding_id = self.id(last)?;
        let count = self.cols.take(Col::Count)?.wrapping_add(1);
        let (severity, status, raised) = self.level()?;
        let change = self.history(last)?.pop();
        let last_seen = CaptureTime::from_millis(last);
        Ok(FindingUpdate { finding_id, last_seen, count, severity, raised, status, change })
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, BundleError> {
        let length = self.cols.count(Col::JsonBytes, MAX_JSON_BYTES, "an asset")?;
        let bytes = self.cols.json.take(length, "an asset")?;
        // A tree of small values may take several times its text in memory.
        self.charge(length.saturating_mul(4))?;
        serde_json::from_slice(bytes).map_err(|_| BundleError::Malformed { what: "JSON of an asset" })
    }

    fn gap(&mut self) -> Result<Gap, BundleError> {
        let count = self.cols.count(Col::GapCount, MAX_GAP_RANGES, "a gap record")?;
        self.charge(count.saturating_mul(16))?;
        let mut gap = Gap::default();
        let mut before = 0_u64;
        for _ in 0..count {
            let from = before.wrapping_add(self.cols.take_signed(Col::GapRange)? as u64);
            let to = from.wrapping_add(self.cols.take(Col::GapRange)?);
            gap.ranges.push((from, to));
            before = to;
        }
        for _ in 0..self.cols.count(Col::GapCount, MAX_GAP_RANGES, "a gap record")? {
            gap.counts.push((self.text(Col::GapReason)?, self.cols.take(Col::GapRange)?));
        }
        Ok(gap)
    }

    fn health(&mut self) -> Result<Health, BundleError> {
        let at = self.time()?;
        let mut numbers = [0_u64; 11];
        for number in &mut numbers {
            *number = self.cols.take(Col::Health)?;
        }
        let [uptime_s, frames, frames_dropped, parse_errors, assets, queue_records, oldest, today, allowed, up, all] =
            numbers;
        let byte = |value: u64| u8::try_from(value).map_err(|_| BundleError::Malformed { what: "health" });
        let source = TimeSource::word(self.cols.take(Col::Health)?)?;
        let offset_ms = self.cols.take_signed(Col::Health)?;
        let holdover_s = self.cols.small(Col::Health)?;
        let last_sync = self.cols.take(Col::Health)?.checked_sub(1);
        let last_sync = last_sync.map(|ago| CaptureTime::from_millis(at.wrapping_add(unzigzag(ago))));
        let ship_state = ShipState::word(self.cols.take(Col::ShipState)?)?;
        let position = self.position()?;
        let version = self.text(Col::HealthText)?;
        let notes = self.cols.count(Col::Health, MAX_ITEMS, "health notes")?;
        let notes = (0..notes).map(|_| self.pattern(Col::HealthText, &[])).collect::<Result<_, _>>()?;
        Ok(Health {
            at: CaptureTime::from_millis(at),
            version,
            uptime_s,
            frames,
            frames_dropped,
            parse_errors,
            assets,
            queue_records,
            oldest_unsent_s: oldest,
            uplink_bytes_today: today,
            uplink_bytes_allowed: allowed,
            sources_up: byte(up)?,
            sources: byte(all)?,
            time_quality: TimeQuality { source, offset_ms, last_sync, holdover_s },
            ship_state,
            position,
            notes,
        })
    }
}

fn rule_bytes(rule: &RuleText) -> usize {
    let lists = [&rule.attack, &rule.imo, &rule.e26];
    let listed: usize = lists.iter().flat_map(|list| list.iter()).map(|text| text.len().saturating_add(24)).sum();
    [&rule.rule_id, &rule.title, &rule.why, &rule.action].iter().map(|text| text.len()).sum::<usize>() + listed
}
