//! Rows of tshark, frame by frame: a frame is equal when both sides show the same values of the fields that `data/captures.toml` lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Place;
use super::labels::end;
use crate::corpus::cases;
use crate::program::Row;
use crate::verdict::{Case, Report};

/// Where a packet is missing, a message may show some frames later: the reassembler waits before it goes on.
const LATE: u64 = 40;
/// Frames of a conversation of which the capture holds no more than a trace.
const FEW: u64 = 2;
/// What a frame of a carrier should show.
const CARRIED: &str = "carried=1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mappings {
    protocol: Vec<Mapping>,
}

impl Mappings {
    pub(super) fn read() -> Result<Self> {
        toml::from_str(include_str!("../../data/captures.toml")).context("captures.toml")
    }

    /// The mapping of a protocol by the name it has in the truth.
    pub(super) fn of(&self, name: &str) -> Option<&Mapping> {
        self.protocol.iter().find(|mapping| mapping.name == name)
    }
}

/// How the rows of one protocol map onto its messages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    name: String,
    /// Our name of the protocol, when it is another.
    protocol: Option<String>,
    /// Protocols that it carries, where it is a carrier only: a frame is equal when a message of one of them stands in it.
    #[serde(default)]
    carries: Vec<String>,
    /// Rows without this field are not judged.
    needs: Option<String>,
    /// Every whole message has this field: a row without it is of a form that is not read, or of a damaged message.
    whole: Option<String>,
    /// A message of ours with this field is in a form that the independent decoder takes for another.
    other_form: Option<String>,
    /// Rows with such a field are not judged; `*` is any value.
    #[serde(default)]
    leave_out: BTreeMap<String, String>,
    field: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    truth: Vec<String>,
    ours: String,
    #[serde(default)]
    when: Vec<When>,
    /// Values of the row that are none.
    #[serde(default)]
    not: Vec<String>,
    /// Only rows in which these fields have one of these values: tshark repeats in later frames what an earlier one has said.
    #[serde(default)]
    only: BTreeMap<String, Vec<String>>,
    /// Entries of a list with these types are left out.
    #[serde(default)]
    unless_type: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    kind: String,
    #[serde(default)]
    function: Vec<u64>,
}

/// A value in one form for both sides: numbers in decimal, escapes of control characters undone.
pub(super) fn plain(value: &Value) -> String {
    let value = value.get("value").unwrap_or(value);
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => u8::from(*value).to_string(),
        other => other.to_string(),
    };
    let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match (hex, text.as_str()) {
        (Some(number), _) => number.to_string(),
        (None, "True") => "1".to_owned(),
        (None, "False") => "0".to_owned(),
        (None, "<Root>") => String::new(),
        (None, _) => text.replace("\\r", "\r").replace("\\n", "\n").trim().to_owned(),
    }
}

/// Every value of a field of a row, in order.
fn values(of: Option<&Value>) -> Vec<String> {
    match of {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(plain).collect(),
        Some(one) => vec![plain(one)],
    }
}

impl Field {
    fn wanted(&self, row: &Value) -> Vec<String> {
        let fits =
            |(name, wanted): (&String, &Vec<String>)| values(row.get(name)).iter().any(|value| wanted.contains(value));
        if !self.only.iter().all(fits) {
            return Vec::new();
        }
        let all = self.truth.iter().flat_map(|name| values(row.get(name)));
        let all = all.filter(|value| !self.not.contains(value));
        all.map(|value| format!("{}={value}", self.ours)).collect()
    }

    fn said(&self, row: &Row) -> Vec<String> {
        let number = |name: &str| row.field(name).and_then(|value| value.get("value").unwrap_or(value).as_u64());
        let applies = |when: &When| {
            when.kind == row.kind
                && (when.function.is_empty() || number("function").is_some_and(|of| when.function.contains(&of)))
        };
        if !self.when.is_empty() && !self.when.iter().any(applies) {
            return Vec::new();
        }
        let found = match self.ours.split_once('.') {
            None => values(row.field(&self.ours)),
            Some((list, name)) => {
                let entries = row.field(list).and_then(Value::as_array).into_iter().flatten();
                let of_type = |entry: &&Value| plain(&entry["type"]).parse().ok();
                let kept = entries.filter(|entry| of_type(entry).is_none_or(|of| !self.unless_type.contains(&of)));
                kept.flat_map(|entry| values(entry.get(name))).collect()
            }
        };
        found.into_iter().map(|value| format!("{}={value}", self.ours)).collect()
    }
}

impl Mapping {
    /// What a row asks for.
    fn wanted(&self, row: &Value) -> Vec<String> {
        if !self.carries.is_empty() {
            return vec![CARRIED.to_owned()];
        }
        self.field.iter().flat_map(|field| field.wanted(row)).collect()
    }
}

/// Two ends of a conversation as `decode` prints them.
type Ends = (String, String);

/// What frames should say, by the truth.
struct Wanted {
    /// The ends of what the frame holds.
    ends: BTreeMap<u64, Ends>,
    /// Frames that say what an earlier one says, between the same ends and at the very same time; and that one.
    repeated: BTreeMap<u64, u64>,
    /// Frames whose row lacks what makes a message.
    not_whole: BTreeSet<u64>,
    /// Frames that say what the same side said last, with nothing from the other in between.
    goes_on: BTreeSet<u64>,
    /// How many frames of a conversation say something, either way.
    lines: BTreeMap<Ends, u64>,
    by_frame: BTreeMap<u64, Vec<String>>,
    /// Frames of which nothing is asked.
    left_out: BTreeSet<u64>,
}

fn wanted(mapping: Option<&Mapping>, file: &Path) -> Result<Wanted> {
    let mut wanted = Wanted {
        ends: BTreeMap::new(),
        repeated: BTreeMap::new(),
        not_whole: BTreeSet::new(),
        goes_on: BTreeSet::new(),
        lines: BTreeMap::new(),
        by_frame: BTreeMap::new(),
        left_out: BTreeSet::new(),
    };
    let mut known: BTreeMap<(Ends, String), Vec<u64>> = BTreeMap::new();
    for row in cases::<Value>(file)? {
        let frame = row["frame"].as_u64().unwrap_or(0);
        let lacks = mapping.and_then(|mapping| mapping.needs.as_ref()).is_some_and(|needs| row.get(needs).is_none());
        let mut unjudged = mapping.iter().flat_map(|mapping| &mapping.leave_out);
        let is_left_out = |name: &String, value: &String| match value.as_str() {
            "*" => row.get(name).is_some(),
            _ => values(row.get(name)).contains(value),
        };
        if lacks || unjudged.any(|(name, value)| is_left_out(name, value)) {
            wanted.left_out.insert(frame);
            continue;
        }
        let side = |ip: &str, port: &str| row[ip].as_str().map(|ip| end(ip, row[port].as_u64().unwrap_or(0)));
        if let (Some(from), Some(to)) = (side("src", "sport"), side("dst", "dport")) {
            known.entry(((from.clone(), to.clone()), row["t"].to_string())).or_default().push(frame);
            wanted.ends.insert(frame, (from, to));
        }
        if mapping.and_then(|mapping| mapping.whole.as_ref()).is_some_and(|whole| row.get(whole).is_none()) {
            wanted.not_whole.insert(frame);
        }
        let list = wanted.by_frame.entry(frame).or_default();
        list.extend(mapping.iter().flat_map(|mapping| mapping.wanted(&row)));
        list.sort();
    }
    let mut latest: BTreeMap<Ends, (&Ends, &Vec<String>)> = BTreeMap::new();
    for (frame, want) in wanted.by_frame.iter().filter(|(_, want)| !want.is_empty()) {
        let Some(ends) = wanted.ends.get(frame) else { continue };
        let conversation = either_way(ends);
        *wanted.lines.entry(conversation.clone()).or_default() += 1;
        if latest.insert(conversation, (ends, want)) == Some((ends, want)) {
            wanted.goes_on.insert(*frame);
        }
    }
    for frames in known.values() {
        for (at, frame) in frames.iter().enumerate() {
            let says = |frame: &u64| wanted.by_frame.get(frame).filter(|want| !want.is_empty());
            let is_same = |earlier: &u64| earlier != frame && says(earlier).is_some() && says(earlier) == says(frame);
            if let Some(earlier) = frames.iter().take(at).find(|earlier| is_same(earlier)) {
                wanted.repeated.insert(*frame, *earlier);
            }
        }
    }
    Ok(wanted)
}

/// The two ends in an order of their own.
fn either_way((one, other): &Ends) -> Ends {
    if one <= other { (one.clone(), other.clone()) } else { (other.clone(), one.clone()) }
}

/// Whether ours are the values wanted, with texts cut at what is kept of one.
fn is_cut(want: &[String], have: &[String]) -> bool {
    const KEPT: usize = 500;
    let is_same = |(want, have): (&String, &String)| want == have || (have.len() >= KEPT && want.starts_with(have));
    want.len() == have.len() && want != have && want.iter().zip(have).all(is_same)
}

/// Compares frame by frame.
pub(super) fn compare(
    mapping: Option<&Mapping>,
    protocol: &str,
    file: &Path,
    place: &Place<'_>,
    rows: &[Row],
    report: &mut Report,
) -> Result<()> {
    let name = place.name;
    let family = format!("captures/{protocol}");
    report.family(&family).files += 1;
    let protocol = mapping.and_then(|mapping| mapping.protocol.as_deref()).unwrap_or(protocol);
    let Wanted { by_frame, left_out, ends, repeated, not_whole, goes_on, lines } = wanted(mapping, file)?;
    let mut said: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut others: BTreeMap<u64, &str> = BTreeMap::new();
    let mut spoken: BTreeMap<Ends, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut other_form: BTreeSet<u64> = BTreeSet::new();
    let mut carried: BTreeMap<Ends, BTreeMap<u64, u64>> = BTreeMap::new();
    for row in rows {
        let side = |name: &str| row.value[name].as_str().unwrap_or_default().to_owned();
        for ends in [(side("src"), side("dst")), (side("dst"), side("src"))] {
            spoken.entry(ends).or_default().entry(&row.protocol).or_insert(row.frame);
        }
        if mapping.is_some_and(|mapping| mapping.carries.contains(&row.protocol)) {
            said.insert(row.frame, vec![CARRIED.to_owned()]);
            *carried.entry((side("src"), side("dst"))).or_default().entry(row.frame).or_default() += 1;
        } else if row.protocol == protocol {
            if mapping.and_then(|mapping| mapping.other_form.as_ref()).is_some_and(|name| row.field(name).is_some()) {
                other_form.insert(row.frame);
            }
            let list = said.entry(row.frame).or_default();
            list.extend(mapping.iter().flat_map(|mapping| &mapping.field).flat_map(|field| field.said(row)));
            list.sort();
        } else {
            others.insert(row.frame, &row.protocol);
        }
    }
    // frames that are equal as they stand are settled first, so that a late one does not take their message
    let (settled, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
        by_frame.into_iter().partition(|(frame, want)| said.get(frame) == Some(want));
    let read: BTreeSet<u64> = settled.keys().copied().collect();
    for (frame, want) in settled {
        said.remove(&frame);
        let mut case = Case::new(&family, format!("{name} frame {frame}"), "");
        // frames in which neither side has any of the compared fields prove nothing
        if !want.is_empty() {
            case.equal();
        }
        report.close(case)?;
    }
    for (frame, want) in open {
        let mut case = Case::new(&family, format!("{name} frame {frame}"), &want.join(" "));
        let late =
            said.range(frame.saturating_sub(LATE)..=frame + LATE).find(|(_, have)| **have == want).map(|(at, _)| *at);
        match late.filter(|_| !want.is_empty()) {
            Some(at) => {
                said.remove(&at);
                case.equal();
            }
            // a flow that is recognised late tells all its messages at that frame
            None if !said.contains_key(&frame) && take_within(&mut said, frame, &want) => case.equal(),
            None if ends.get(&frame).is_some_and(|of| take_carried(&mut carried, &ends, frame, of)) => case.equal(),
            // a long message is told where it begins, and is shown by the reference where it ends
            None if said.contains_key(&frame) && take_begun(&mut said, frame, &want) => case.equal(),
            None => match said.remove(&frame) {
                Some(have) => differ(&mut case, &want, &have, other_form.contains(&frame).then_some("other-form")),
                // of a frame with none of the compared fields (what is encrypted, say) nothing can be asked
                None if mapping.is_some() && want.is_empty() => {}
                None => {
                    let read_as = others.get(&frame).map(|name| match *name {
                        // what tshark shows of the packet that an ICMP error quotes
                        name if name.starts_with("icmp") => "in-icmp",
                        "carp" => "read-as-carp",
                        _ => "other-protocol",
                    });
                    let since = |name: &str| ends.get(&frame).and_then(|ends| spoken.get(ends)?.get(name)).copied();
                    let speaks = |name: &str| since(name).is_some();
                    let is_few =
                        ends.get(&frame).and_then(|ends| lines.get(&either_way(ends))).is_some_and(|few| *few <= FEW);
                    let few = (is_few && !speaks(protocol)).then_some("few");
                    let unread = (!speaks(protocol)).then_some("unread-flow");
                    let early = since(protocol).is_some_and(|first| first > frame).then_some("before-recognised");
                    let goes_on = goes_on.contains(&frame).then_some("goes-on");
                    let around =
                        said.range(frame.saturating_sub(LATE)..=frame + LATE).find(|(_, have)| is_cut(&want, have));
                    let cut = around.map(|_| "cut-text");
                    let earlier = said.range(..frame).any(|(_, have)| *have == want).then_some("told-earlier");
                    let again = repeated.get(&frame).filter(|earlier| read.contains(earlier)).map(|_| "repeated");
                    let desktop = speaks("rdp").then_some("in-rdp");
                    let tunnel = speaks("openvpn").then_some("in-openvpn");
                    let part = not_whole.contains(&frame).then_some("not-whole");
                    let link = place.unread_link.then_some("unread-link");
                    let kind = if mapping.is_some() { "mapped" } else { "unmapped" };
                    let flags = [
                        Some(kind),
                        read_as,
                        link,
                        again,
                        desktop,
                        tunnel,
                        part,
                        few,
                        unread,
                        early,
                        goes_on,
                        cut,
                        earlier,
                    ];
                    case.missing(flags.into_iter().flatten().collect());
                }
            },
        }
        report.close(case)?;
    }
    let extra = said.iter().filter(|(frame, have)| !left_out.contains(frame) && !have.is_empty()).count();
    if extra > 0 {
        report.extra(&family, "frames", extra as u64);
        report.remark(
            &family,
            name,
            &format!("{extra} frames hold messages that tshark's default ports do not show"),
        )?;
    }
    Ok(())
}

/// Takes the values of a frame out of those of one that follows soon, if they all stand there.
fn take_within(said: &mut BTreeMap<u64, Vec<String>>, frame: u64, want: &[String]) -> bool {
    let holds = |have: &Vec<String>| have.len() > want.len() && only_in(want, have).is_empty();
    let Some((_, have)) = said.range_mut(frame..=frame + LATE).find(|(_, have)| holds(have)) else { return false };
    for value in want {
        if let Some(at) = have.iter().position(|known| known == value) {
            have.remove(at);
        }
    }
    !want.is_empty()
}

/// Takes a message of what is carried that was told when its conversation was recognised, a few frames later: more of them stand there, sent by the
/// same side, than that frame can hold of its own.
fn take_carried(
    carried: &mut BTreeMap<Ends, BTreeMap<u64, u64>>,
    ends: &BTreeMap<u64, Ends>,
    frame: u64,
    of: &Ends,
) -> bool {
    let turned = (of.1.clone(), of.0.clone());
    let first = |of: &Ends| carried.get(of).and_then(|by_frame| by_frame.keys().next()).copied();
    let Some(at) = first(of).into_iter().chain(first(&turned)).min().filter(|at| (frame..=frame + LATE).contains(at))
    else {
        return false;
    };
    let own = u64::from(ends.get(&at) == Some(of));
    match carried.get_mut(of).and_then(|by_frame| by_frame.get_mut(&at)) {
        Some(count) if *count > own => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Takes the values of a frame together with those of one shortly before, if the two are just what is wanted.
fn take_begun(said: &mut BTreeMap<u64, Vec<String>>, frame: u64, want: &[String]) -> bool {
    let Some(have) = said.get(&frame).filter(|have| only_in(have, want).is_empty()) else { return false };
    let rest = only_in(want, have);
    let begun = said.range(frame.saturating_sub(LATE)..frame).find(|(_, earlier)| **earlier == rest);
    let Some(at) = begun.map(|(at, _)| *at).filter(|_| !rest.is_empty()) else { return false };
    said.remove(&at);
    said.remove(&frame);
    true
}

/// Notes, field by field, what one side says and the other does not.
fn differ(case: &mut Case, want: &[String], have: &[String], form: Option<&'static str>) {
    let (missing, extra) = (only_in(want, have), only_in(have, want));
    let field = |text: &String| text.split_once('=').map_or(text.as_str(), |(field, _)| field).to_owned();
    let fields: BTreeSet<String> = missing.iter().chain(&extra).map(field).collect();
    for name in fields {
        let of = |list: &[String]| -> Vec<String> {
            let own = list.iter().filter(|text| field(text) == name);
            own.map(|text| text.split_once('=').map_or("", |(_, value)| value).to_owned()).collect()
        };
        let (want, got) = (of(&missing), of(&extra));
        let is_tag = !want.is_empty() && want.iter().all(|value| value.ends_with(':'));
        let flags = is_tag.then_some("ends-in-colon").into_iter().chain(form).collect();
        case.differs(&name, &json!(want), Some(&json!(got)).filter(|_| !got.is_empty()), flags);
    }
}

/// What stands more often in one list than in the other.
fn only_in(one: &[String], other: &[String]) -> Vec<String> {
    let count = |list: &[String], key: &String| list.iter().filter(|item| *item == key).count();
    one.iter().filter(|key| count(one, key) > count(other, key)).cloned().collect()
}
