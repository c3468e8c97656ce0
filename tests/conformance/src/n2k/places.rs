//! Where the fields of the public definitions lie (`canboat.json` of the corpus, when it has one): tells differences that the bytes themselves
//! explain from the others.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::values::{Comparison, snake};

/// Bits before a field, bits it takes, and the bits of one round when it repeats.
struct Place {
    start: u64,
    bits: u64,
    round: Option<u64>,
}

/// The public definitions by group number and description.
#[derive(Default)]
pub(crate) struct Places {
    /// Fields behind one of variable length have no place.
    fields: HashMap<(u64, String, String), Place>,
    /// The fields that count how often a set repeats.
    counts: HashMap<(u64, String), Vec<String>>,
}

impl Places {
    /// Reads them from a folder; a folder without them explains less.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("n2k/canboat.json");
        let mut places = Self::default();
        if !path.is_file() {
            return Ok(places);
        }
        let public: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        for group in public["PGNs"].as_array().into_iter().flatten() {
            places.add(group);
        }
        Ok(places)
    }

    fn add(&mut self, group: &Value) {
        let (Some(pgn), Some(description)) = (group["PGN"].as_u64(), group["Description"].as_str()) else { return };
        let none = Vec::new();
        let fields = group["Fields"].as_array().unwrap_or(&none);
        let at = |order: u64| usize::try_from(order.checked_sub(1)?).ok().and_then(|at| fields.get(at));
        let set = |n: u32, what: &str| group[format!("RepeatingFieldSet{n}{what}")].as_u64();
        let rounds = [1, 2].map(|n| set(n, "StartField").zip(set(n, "Size")));
        for field in fields {
            let (Some(order), Some(start), Some(bits)) =
                (field["Order"].as_u64(), field["BitOffset"].as_u64(), field["BitLength"].as_u64())
            else {
                continue;
            };
            let round = rounds.iter().flatten().find(|(first, size)| (*first..first + size).contains(&order));
            let round = round.and_then(|(first, size)| {
                (*first..first + size).map(|order| at(order)?["BitLength"].as_u64()).sum::<Option<u64>>()
            });
            let name = snake(field["Name"].as_str().unwrap_or_default());
            self.fields.insert((pgn, description.to_owned(), name), Place { start, bits, round });
        }
        let counts = [1, 2].iter().filter_map(|n| at(set(*n, "CountField")?)?["Name"].as_str().map(snake));
        self.counts.insert((pgn, description.to_owned()), counts.collect());
    }

    /// Whether the message says that its sets repeat zero times.
    pub(super) fn is_counted_none(&self, about: &Comparison<'_>, fields: &Map<String, Value>) -> bool {
        let counts = self.counts.get(&(about.pgn, about.description.to_owned()));
        counts.is_some_and(|counts| counts.iter().any(|name| fields.get(name).and_then(Value::as_u64) == Some(0)))
    }

    /// What the bytes say of a difference; the rules give each its reason.
    pub(super) fn flags(
        &self,
        about: &Comparison<'_>,
        field: &str,
        want: &Value,
        got: Option<&Value>,
    ) -> Vec<&'static str> {
        let Comparison { pgn, description, data, .. } = about;
        let bits = data.len() as u64 * 8;
        let mut flags = Vec::new();
        let is_trouble = *pgn == 65_226;
        if (want.is_null() && field == "spn") || (is_trouble && data.get(2..5) == Some(&[0; 3]) && field == "list") {
            flags.push("no-trouble-code");
        }
        if got.is_some() {
            return flags;
        }
        if is_trouble && data.get(2..6) == Some(&[0; 4]) {
            flags.push("no-trouble-code");
        }
        let place = self.fields.get(&(*pgn, (*description).to_owned(), field.to_owned()));
        let cut = place.is_some_and(|place| match place.round {
            None => place.start < bits && bits < place.start + place.bits,
            Some(round) if round > 0 && bits > place.start => {
                let into = (bits - place.start) % round;
                into > 0 && into < place.bits
            }
            Some(_) => false,
        });
        // behind a field of variable length the place is not known, but the number is made of the last bytes
        let number = want["value"].as_u64().or(want.as_u64());
        let tail = |len: usize| data.iter().rev().take(len).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        if cut || (data.len() > 3 && (1..=3).any(|len| number == Some(tail(len)))) {
            flags.push("cut-field");
        }
        if number == Some(0xffff_ffff) && field == "value" {
            flags.push("all-ones");
        }
        if field == "value" && matches!(pgn, 130_822 | 130_823) && want.is_string() {
            flags.push("length-wraps");
        }
        if (61_440..65_280).contains(pgn) && want.is_number() && data.contains(&0xff) {
            flags.push("j1939-all-ones");
        }
        if want.as_str().is_some_and(|text| text.starts_with('\u{fffd}')) && data.contains(&0xff) {
            flags.push("text-of-ones");
        }
        flags
    }
}
