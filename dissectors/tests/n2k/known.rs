//! Differences we keep, each with its reason. A reason is looked for in the case itself and in the public definition, not in our output.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::compare::snake;
use super::corpus::root;

/// Where a field is: bits before it, bits it takes, and the bits of one round when it repeats.
struct Place {
    start: u64,
    bits: u64,
    round: Option<u64>,
}

/// The places of the public definition by group number, description and field name. Fields behind one of variable length have none.
static PLACES: LazyLock<HashMap<(u64, String, String), Place>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("maritime/n2k/canboat.json")).unwrap();
    let public: Value = serde_json::from_str(&text).unwrap();
    let mut places = HashMap::new();
    for group in public["PGNs"].as_array().unwrap() {
        let fields = group["Fields"].as_array().unwrap();
        let set = |n: u32, what: &str| group[format!("RepeatingFieldSet{n}{what}")].as_u64();
        let rounds = [1, 2].map(|n| set(n, "StartField").zip(set(n, "Size")));
        for field in fields {
            let order = field["Order"].as_u64().unwrap();
            let (Some(start), Some(bits)) = (field["BitOffset"].as_u64(), field["BitLength"].as_u64()) else {
                continue;
            };
            let round = rounds.iter().flatten().find(|(first, size)| (*first..first + size).contains(&order));
            let round = round.and_then(|(first, size)| {
                let members = &fields[*first as usize - 1..(first + size) as usize - 1];
                members.iter().map(|field| field["BitLength"].as_u64()).sum::<Option<u64>>()
            });
            let key = (group["PGN"].as_u64().unwrap(), group["Description"].as_str().unwrap().to_owned());
            places.insert((key.0, key.1, snake(field["Name"].as_str().unwrap())), Place { start, bits, round });
        }
    }
    places
});

/// The fields that count how often a set repeats.
static COUNTS: LazyLock<HashMap<(u64, String), Vec<String>>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("maritime/n2k/canboat.json")).unwrap();
    let public: Value = serde_json::from_str(&text).unwrap();
    let mut counts = HashMap::new();
    for group in public["PGNs"].as_array().unwrap() {
        let fields = ["RepeatingFieldSet1CountField", "RepeatingFieldSet2CountField"].iter();
        let names =
            fields.filter_map(|key| group[*key].as_u64().map(|order| &group["Fields"][order as usize - 1]["Name"]));
        let key = (group["PGN"].as_u64().unwrap(), group["Description"].as_str().unwrap().to_owned());
        counts.insert(key, names.map(|name| snake(name.as_str().unwrap())).collect());
    }
    counts
});

/// Whether the message says that its sets repeat zero times.
pub(super) fn is_counted_none(pgn: u64, description: &str, fields: &serde_json::Map<String, Value>) -> bool {
    let counts = COUNTS.get(&(pgn, description.to_owned()));
    counts.is_some_and(|counts| counts.iter().any(|name| fields.get(name).and_then(Value::as_u64) == Some(0)))
}

/// What is known of a value that differs.
pub(super) struct Difference<'a> {
    pub(super) pgn: u64,
    pub(super) description: &'a str,
    /// Name of the field, without the list it is in.
    pub(super) field: &'a str,
    pub(super) want: &'a Value,
    /// `None` when it is absent.
    pub(super) got: Option<&'a Value>,
    /// The data bytes of the message.
    pub(super) data: &'a [u8],
}

const CUT: &str = "the data ends within the field: the reference shows a number made of the bytes that are there";

/// Why a difference is as it should be.
pub(super) fn reason(difference: &Difference<'_>) -> Option<&'static str> {
    let Difference { pgn, description, field, want, got, data } = difference;
    let bits = data.len() as u64 * 8;
    if want.is_null() && *field == "spn" || *pgn == 65_226 && data.get(2..5) == Some(&[0; 3]) && *field == "list" {
        return Some("SPN 0 with FMI 0 says that there is no trouble code (SAE J1939-73)");
    }
    if got.is_none() {
        let place = PLACES.get(&(*pgn, (*description).to_owned(), (*field).to_owned()));
        let cut = place.is_some_and(|place| match place.round {
            None => place.start < bits && bits < place.start + place.bits,
            Some(round) if round > 0 && bits > place.start => {
                let into = (bits - place.start) % round;
                into > 0 && into < place.bits
            }
            Some(_) => false,
        });
        if cut {
            return Some(
                "the data ends within the field: the reference shows a number made of the bytes that are there",
            );
        }
        if want["value"].as_u64() == Some(0xffff_ffff) && *field == "value" {
            return Some("all ones is `not available` for a value behind a key, too");
        }
        // Behind a field of variable length the place is not known, but the number is made of the last bytes.
        let number = want["value"].as_u64().or(want.as_u64());
        let tail = |len: usize| data.iter().rev().take(len).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        if data.len() > 3 && (1..=3).any(|len| number == Some(tail(len))) {
            return Some(CUT);
        }
        if *field == "value" && matches!(pgn, 130_822 | 130_823) && want.is_string() {
            return Some(
                "a record shorter than what its length counts: the reference's length wraps to the rest of the message",
            );
        }
        if (61_440..65_280).contains(pgn) && want.is_number() && data.contains(&0xff) {
            return Some("all ones is `not available` in SAE J1939-71; the reference shows it as a number");
        }
        if *pgn == 65_226 && matches!(*field, "spn" | "fmi" | "oc" | "cm") && data.get(2..6) == Some(&[0; 4]) {
            return Some("SPN 0 with FMI 0 says that there is no trouble code (SAE J1939-73)");
        }
        if want.as_str().is_some_and(|text| text.starts_with('\u{fffd}')) && data.contains(&0xff) {
            return Some("a text ends at the first 0xFF; the reference shows the ones as characters");
        }
    }
    None
}
