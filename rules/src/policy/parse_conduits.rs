//! Reads conduits and their lines, exceptions, windows and accepted findings.

use std::collections::HashMap;

use dogwatch_model::{CaptureTime, Verb};

use super::Policy;
use super::app::{App, AppName, AppProblem, Ops};
use super::diagnostic::{Code, Report, Span, nearest};
use super::parse::{MOST_ENTRIES, Names, Spans, claim, ends, near, next_line, room, zone};
use super::range::{AddressRange, HostPattern, ObjectPattern};
use super::rate::Rate;
use super::reader::{At, Section, clipped, in_range};
use super::types::{Accept, ConduitIx, ConduitPlan, Line, LineHome, When, Window, WindowIx, ZoneIx};
use super::words::{TableWord, WindowKind};
use dogwatch_model::ShipState;

/// Places of one conduit.
pub(super) struct ConduitSpans {
    pub(super) head: Span,
    /// `acknowledge = "P011"` with owner and an end that has not come yet.
    pub(super) acknowledged_until: Option<CaptureTime>,
}

/// Places of one line.
pub(super) struct LineSpans {
    pub(super) head: Span,
    pub(super) from: Span,
    pub(super) to: Span,
    pub(super) until: Option<Span>,
}

pub(super) const CONDUIT: &[&str] = &["id", "from", "to", "reason", "owner", "acknowledge", "until", "allow"];
pub(super) const ALLOW: &[&str] = &[
    "from", "to", "app", "op", "unit", "table", "addr", "value", "object", "host", "rate", "when", "until", "owner",
    "reason",
];
pub(super) const EXCEPTION: &[&str] = &[
    "id", "from", "to", "app", "op", "unit", "table", "addr", "value", "object", "host", "rate", "when", "window",
    "until", "owner", "reason",
];

/// Reads all conduits into `policy.conduits` and their lines into `policy.lines`.
pub(super) fn conduits(
    report: &mut Report<'_>,
    top: &Section<'_>,
    names: &Names,
    policy: &mut Policy,
    spans: &mut Spans,
) {
    let mut taken: HashMap<String, (ConduitIx, u32)> = HashMap::new();
    for (table, span) in top.tables(report, "conduit") {
        if !room(report, &span, policy.conduits.len(), MOST_ENTRIES, "conduits") {
            break;
        }
        let section = Section::open(report, table, "conduit", span.clone(), CONDUIT);
        let id = claim(report, &section, "conduit", &taken);
        let place = id.as_ref().map_or(span, |id| id.span.clone());
        let line = report.line(&place);
        let index = ConduitIx::at(policy.conduits.len());
        if let Some(id) = &id {
            taken.insert(id.value.clone(), (index, line));
        }
        for key in ["from", "to"] {
            section.need(report, key, "\"…\", the id of a zone");
        }
        let from = section.text(report, "from").and_then(|id| zone(report, names, &id));
        let to = section.text(report, "to").and_then(|id| zone(report, names, &id));
        let acknowledged_until = acknowledged(report, &section);
        let mut lines = Vec::new();
        for (number, (table, span)) in section.tables(report, "allow").into_iter().enumerate() {
            if !room(report, &span, policy.lines.len(), MOST_ENTRIES, "lines") {
                break;
            }
            let section = Section::open(report, table, "allow", span, ALLOW);
            let number = u16::try_from(number + 1).unwrap_or(u16::MAX);
            let home = LineHome::Conduit { conduit: index, number };
            lines.push(next_line(policy));
            let (line, places) = one_line(report, &section, names, home);
            policy.lines.push(line);
            spans.lines.push(places);
        }
        policy.conduits.push(ConduitPlan {
            id: id.map(|id| id.value).unwrap_or_default(),
            // Only a file with errors has no zone here, and that one is never used.
            from: from.unwrap_or(ZoneIx(u16::MAX)),
            to: to.unwrap_or(ZoneIx(u16::MAX)),
            reason: section.text_or_empty(report, "reason"),
            owner: section.text_or_empty(report, "owner"),
            lines,
            line,
        });
        spans.conduits.push(ConduitSpans { head: place, acknowledged_until });
    }
}

/// `acknowledge = "P011"` needs somebody who answers for it and an end.
fn acknowledged(report: &mut Report<'_>, section: &Section<'_>) -> Option<CaptureTime> {
    let until = section.time(report, "until", true);
    let Some(code) = section.text(report, "acknowledge") else {
        if let Some(until) = until {
            let help = "give the lines of the conduit an until of their own";
            report.error(Code::P006, &until.span, "a conduit has an end only together with acknowledge", help);
        }
        return None;
    };
    if code.value != "P011" {
        let message = format!("\"{}\" cannot be acknowledged", clipped(&code.value));
        report.error(Code::P002, &code.span, message, "only \"P011\" can");
        return None;
    }
    section.need(report, "owner", "\"master\"");
    section.need(report, "until", "2027-06-01");
    until.map(|until| until.value)
}

/// Reads the fields that an `allow` and an exception share.
fn one_line(report: &mut Report<'_>, section: &Section<'_>, names: &Names, home: LineHome) -> (Line, LineSpans) {
    section.need(report, "app", "\"modbus\"");
    let app = section.text(report, "app").and_then(|text| app(report, &text));
    let table = section.word::<TableWord>(report, "table").and_then(|word| word.value.0);
    let until = section.time(report, "until", true);
    if matches!(home, LineHome::Conduit { .. }) {
        exception_fields(report, section);
    }
    let head = if section.has("app") { section.key_span("app") } else { section.span.clone() };
    let mut addr = addresses(report, section, table);
    addr.sort_unstable();
    let line = Line {
        home,
        from: ends(report, section, "from", names),
        to: ends(report, section, "to", names),
        app: app.unwrap_or(App::Ip(0)),
        ops: ops(report, section, app),
        unit: units(report, section),
        table,
        addr,
        value: value(report, section),
        object: objects(report, section),
        host: hosts(report, section),
        rate: section.text(report, "rate").and_then(|text| rate(report, &text)),
        when: when(report, section, names),
        until: until.as_ref().map(|until| until.value),
        owner: section.text_or_empty(report, "owner"),
        reason: section.text_or_empty(report, "reason"),
        line: report.line(&section.span),
    };
    if let Some(app) = app {
        fields_fit(report, section, app);
    }
    let place = |key: &str| section.value_span(key);
    let places = LineSpans { head, from: place("from"), to: place("to"), until: until.map(|until| until.span) };
    (line, places)
}

/// A line with an owner is an exception only when it also ends; a reason alone is a remark.
fn exception_fields(report: &mut Report<'_>, section: &Section<'_>) {
    if section.has("owner") && !section.has("until") {
        let help = "add until = 2027-06-01, or give the owner to the conduit";
        report.error(Code::P000, &section.key_span("owner"), "a line with an owner is an exception and must end", help);
    }
    if section.has("until") {
        section.need(report, "owner", "\"ETO\"");
        section.need(report, "reason", "\"…\"");
    }
}

fn app(report: &mut Report<'_>, text: &At<String>) -> Option<App> {
    match App::parse(&text.value) {
        Ok(app) => return Some(app),
        Err(AppProblem::Number(help)) => {
            report.error(Code::P005, &text.span, format!("app = \"{}\" cannot be", clipped(&text.value)), help);
        }
        Err(AppProblem::Backwards) => {
            report.error(
                Code::P005,
                &text.span,
                format!("app = \"{}\" runs backwards", clipped(&text.value)),
                "the lower port first",
            );
        }
        Err(AppProblem::Unknown) => {
            // People know protocols by the names that dissectors give them as well.
            let meant = AppName::of_protocol(&text.value).map(AppName::as_str);
            let help = match meant.or_else(|| nearest(&text.value, AppName::WORDS.iter().copied())) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("the words are {}, or tcp/NNN, udp/NNN-NNN, ip/NN", AppName::WORDS.join(", ")),
            };
            report.error(Code::P002, &text.span, format!("\"{}\" is no application", clipped(&text.value)), help);
        }
    }
    None
}

fn ops(report: &mut Report<'_>, section: &Section<'_>, app: Option<App>) -> Ops {
    let mut ops = Ops::default();
    for verb in section.word_list::<Verb>(report, "op") {
        ops = ops.with(verb.value);
        let Some(App::Named(name)) = app else { continue };
        if !name.ops().contains(verb.value) {
            let fitting: Vec<&str> = name.ops().iter().map(Verb::as_str).collect();
            let message = format!("op = [\"{}\"] has no meaning for app = \"{}\"", verb.value.as_str(), name.as_str());
            report.error(Code::P006, &verb.span, message, format!("its operations are: {}", fitting.join(", ")));
        }
    }
    if section.is_empty_list("op") {
        report.error(
            Code::P000,
            &section.value_span("op"),
            "op names no operation",
            "name one, or leave the field out to allow all",
        );
    }
    ops
}

/// Fields that mean something only for some applications.
fn fields_fit(report: &mut Report<'_>, section: &Section<'_>, app: App) {
    let name = match app {
        App::Named(name) => Some(name),
        App::Tcp(..) | App::Udp(..) | App::Ip(_) => None,
    };
    let named = |wanted: &[AppName]| name.is_some_and(|name| wanted.contains(&name));
    let modbus = named(&[AppName::Modbus]);
    let object = named(&[AppName::S7, AppName::Bacnet, AppName::Enip, AppName::Opcua, AppName::Iec104, AppName::Snmp]);
    let host = named(&[AppName::Tls, AppName::Dns, AppName::Http]);
    for (key, fits, owners) in [
        ("op", name.is_some(), "applications that are known by name"),
        ("unit", modbus, "modbus"),
        ("table", modbus, "modbus"),
        ("addr", modbus, "modbus"),
        ("value", modbus, "modbus"),
        ("object", object, "s7, bacnet, enip, opcua, iec104 and snmp"),
        ("host", host, "tls, dns and http"),
    ] {
        if section.has(key) && !fits {
            let message = format!("{key} has no meaning for app = \"{app}\"");
            report.error(Code::P006, &section.key_span(key), message, format!("{key} is for {owners}"));
        }
    }
}

fn units(report: &mut Report<'_>, section: &Section<'_>) -> Vec<u8> {
    let units = section.integers(report, "unit");
    let units = units.into_iter().filter(|unit| in_range(report, unit, "unit", &(0..=255)));
    units.collect::<Vec<_>>().into_iter().filter_map(|unit| u8::try_from(unit.value).ok()).collect()
}

fn addresses(
    report: &mut Report<'_>,
    section: &Section<'_>,
    table: Option<dogwatch_model::Table>,
) -> Vec<AddressRange> {
    use dogwatch_model::Table;
    let mut found = Vec::new();
    for text in section.texts(report, "addr") {
        let read = match AddressRange::parse(&text.value) {
            Ok(read) => read,
            Err(problem) => {
                report.error(Code::P005, &text.span, format!("addr {}", problem.message), problem.help);
                continue;
            }
        };
        found.push(read.range);
        // The old reference numbers: 1xxxx discrete inputs, 3xxxx input registers, 4xxxx holding registers, each counted from 1.
        let block = match table {
            Some(Table::Discrete) => 10_001..=19_999,
            Some(Table::Input) => 30_001..=39_999,
            Some(Table::Holding) | None => 40_001..=49_999,
            Some(Table::Coil) => continue,
        };
        let (first, last) = (read.range.first, read.range.last);
        if !read.one_based && block.contains(&first) && block.contains(&last) {
            let offset = *block.start();
            let meant = AddressRange { first: first - offset, last: last - offset };
            let message = format!("addr = [\"{}\"] looks 1-based (4x notation)", clipped(&text.value));
            report.warning(Code::P010, &text.span, message, format!("write \"{}\" or \"{meant}\"", meant.one_based()));
        }
    }
    found
}

fn value(report: &mut Report<'_>, section: &Section<'_>) -> Option<(i64, i64)> {
    let numbers = section.integers(report, "value");
    let span = section.value_span("value");
    let pair = match numbers.as_slice() {
        // A value of another kind was reported when it was read.
        [] if !section.is_empty_list("value") => return None,
        [low, high] => (low.value, high.value),
        _ => {
            report.error(Code::P000, &span, "value needs two whole numbers", "write value = [0, 1100]");
            return None;
        }
    };
    if pair.0 > pair.1 {
        report.error(
            Code::P005,
            &span,
            format!("value [{}, {}] runs backwards", pair.0, pair.1),
            format!("write [{}, {}]", pair.1, pair.0),
        );
        return None;
    }
    if pair.0 < -32_768 || pair.1 > 65_535 {
        report.error(
            Code::P005,
            &span,
            "a register holds 16 bits",
            "from -32768 to 65535; two registers are two values",
        );
        return None;
    }
    Some(pair)
}

fn objects(report: &mut Report<'_>, section: &Section<'_>) -> Vec<ObjectPattern> {
    let mut found = Vec::new();
    for text in section.texts(report, "object") {
        match ObjectPattern::parse(&text.value) {
            Some(pattern) => found.push(pattern),
            None => {
                let message = format!("object \"{}\" runs backwards or is empty", clipped(&text.value));
                report.error(Code::P005, &text.span, message, "such as \"db10.0-63\" or \"analog-value:1-40\"");
            }
        }
    }
    found
}

fn hosts(report: &mut Report<'_>, section: &Section<'_>) -> Vec<HostPattern> {
    let mut found = Vec::new();
    for text in section.texts(report, "host") {
        match HostPattern::parse(&text.value) {
            Some(pattern) => found.push(pattern),
            None => {
                let message = format!("\"{}\" is no server name", clipped(&text.value));
                report.error(Code::P012, &text.span, message, "exact, such as mail.example, or *.suffix");
            }
        }
    }
    found
}

/// Reads a rate.
pub(super) fn rate(report: &mut Report<'_>, text: &At<String>) -> Option<Rate> {
    let rate = Rate::parse(&text.value);
    if rate.is_none() {
        let message = format!("\"{}\" is no rate", clipped(&text.value));
        report.error(Code::P000, &text.span, message, "write \"2/s\", \"30/min\", \"60/h\" or \"5 MB/day\"");
    }
    rate
}

fn when(report: &mut Report<'_>, section: &Section<'_>, names: &Names) -> When {
    let mut when = When::default();
    if let Some((table, span)) = section.table(report, "when") {
        let inner = Section::open(report, table, "when", span, &["state", "window"]);
        for state in inner.word_list::<ShipState>(report, "state") {
            when = when.with_state(state.value);
        }
        when.window = inner.text(report, "window").and_then(|id| window(report, names, &id));
    }
    if let Some(id) = section.text(report, "window") {
        when.window = window(report, names, &id);
    }
    when
}

fn window(report: &mut Report<'_>, names: &Names, id: &At<String>) -> Option<WindowIx> {
    let found = names.windows.get(&id.value).map(|(window, _)| *window);
    if found.is_none() {
        let help = near(&id.value, names.windows.iter().map(|(id, (_, line))| (id.as_str(), *line)));
        report.error(Code::P002, &id.span, format!("no window has the id \"{}\"", clipped(&id.value)), help);
    }
    found
}

/// Reads all exceptions into `policy.lines`.
pub(super) fn exceptions(
    report: &mut Report<'_>,
    top: &Section<'_>,
    names: &Names,
    policy: &mut Policy,
    spans: &mut Spans,
) {
    let mut taken: HashMap<String, ((), u32)> = HashMap::new();
    for (table, span) in top.tables(report, "exception") {
        if !room(report, &span, policy.lines.len(), MOST_ENTRIES, "lines") {
            break;
        }
        let section = Section::open(report, table, "exception", span, EXCEPTION);
        let id = claim(report, &section, "exception", &taken);
        if let Some(id) = &id {
            taken.insert(id.value.clone(), ((), report.line(&id.span)));
        }
        for (key, example) in
            [("from", "[\"…\"]"), ("to", "[\"…\"]"), ("owner", "\"chief engineer\""), ("reason", "\"…\"")]
        {
            section.need(report, key, example);
        }
        if !section.has("window") && !section.has("until") {
            let help = "add window = \"…\" or until = 2027-06-01";
            report.error(Code::P000, &section.span, "an exception needs a window or an until", help);
        }
        let home = LineHome::Exception { id: id.as_ref().map(|id| id.value.clone()).unwrap_or_default() };
        let (line, mut places) = one_line(report, &section, names, home);
        places.head = id.map_or(places.head, |id| id.span);
        policy.lines.push(line);
        spans.lines.push(places);
    }
}

/// Reads all windows.
pub(super) fn windows(report: &mut Report<'_>, top: &Section<'_>, names: &mut Names, spans: &mut Spans) -> Vec<Window> {
    const KEYS: &[&str] = &["id", "kind", "from", "to", "zones", "hosts", "who", "approved_by"];
    let mut windows = Vec::new();
    for (table, span) in top.tables(report, "window") {
        if !room(report, &span, windows.len(), MOST_ENTRIES, "windows") {
            break;
        }
        let section = Section::open(report, table, "window", span.clone(), KEYS);
        let id = claim(report, &section, "window", &names.windows);
        let place = id.as_ref().map_or(span, |id| id.span.clone());
        let line = report.line(&place);
        if let Some(id) = &id {
            names.windows.insert(id.value.clone(), (WindowIx::at(windows.len()), line));
        }
        for (key, example) in [
            ("kind", "\"service\""),
            ("from", "2027-05-21T07:00:00Z"),
            ("to", "2027-05-21T15:00:00Z"),
            ("zones", "[\"…\"]"),
            ("who", "\"…\""),
            ("approved_by", "\"…\""),
        ] {
            section.need(report, key, example);
        }
        let from = section.time(report, "from", false).map(|at| at.value).unwrap_or_default();
        let to = section.time(report, "to", true);
        if let Some(to) = to.as_ref().filter(|to| to.value <= from && section.has("from")) {
            report.error(Code::P005, &to.span, "the window closes before it opens", "to must be later than from");
        }
        windows.push(Window {
            id: id.map(|id| id.value).unwrap_or_default(),
            kind: section.word(report, "kind").map_or(WindowKind::Service, |kind| kind.value),
            from,
            to: to.map(|at| at.value).unwrap_or_default(),
            zones: section.texts(report, "zones").iter().filter_map(|id| zone(report, names, id)).collect(),
            hosts: ends(report, &section, "hosts", names),
            who: section.text_or_empty(report, "who"),
            approved_by: section.text_or_empty(report, "approved_by"),
            line,
        });
        spans.windows.push(place);
    }
    windows
}

/// Reads all accepted findings.
pub(super) fn accepts(report: &mut Report<'_>, top: &Section<'_>, names: &Names, spans: &mut Spans) -> Vec<Accept> {
    const KEYS: &[&str] = &["detection", "asset", "cve", "owner", "until", "reason"];
    let mut accepts = Vec::new();
    for (table, span) in top.tables(report, "accept") {
        let section = Section::open(report, table, "accept", span, KEYS);
        for (key, example) in [
            ("detection", "\"DW-1008\""),
            ("asset", "[\"…\"]"),
            ("owner", "\"ETO\""),
            ("until", "2027-12-31"),
            ("reason", "\"…\""),
        ] {
            section.need(report, key, example);
        }
        let detection = section.text(report, "detection");
        if let Some(detection) = &detection {
            let digits = detection.value.strip_prefix("DW-").unwrap_or("");
            if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                let message = format!("\"{}\" is no detection", clipped(&detection.value));
                report.error(Code::P002, &detection.span, message, "such as DW-1008; `dogwatch rules list` shows all");
            }
        }
        let cve = section.texts(report, "cve");
        let is_advisory = detection.as_ref().is_some_and(|id| id.value == "DW-1007");
        if section.has("cve") && !is_advisory {
            let message = "cve says which vulnerabilities a device is not affected by, which only DW-1007 tells of";
            report.error(Code::P006, &section.key_span("cve"), message, "leave it out, or set detection = \"DW-1007\"");
        } else if section.is_empty_list("cve") {
            let message = "cve names nothing";
            report.error(Code::P006, &section.value_span("cve"), message, "name one, or leave it out to accept all");
        }
        accepts.push(Accept {
            cve: cve.into_iter().map(|cve| cve.value).collect(),
            detection: detection.map(|id| id.value).unwrap_or_default(),
            asset: ends(report, &section, "asset", names),
            owner: section.text_or_empty(report, "owner"),
            until: section.time(report, "until", true).map(|at| at.value).unwrap_or_default(),
            reason: section.text_or_empty(report, "reason"),
            line: report.line(&section.span),
        });
        spans.accepts.push(if section.has("until") { section.value_span("until") } else { section.span });
    }
    accepts
}
