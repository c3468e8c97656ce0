//! NMEA 0183 against Signal K deltas (nmea0183-signalk): a second opinion in SI units, by paths instead of fields. What a path is made of stands in
//! `data/signalk.toml`.
//!
//! The oracle refuses a sentence with a letter missing, and gives null where a part is; what it does not speak of is not judged. Times of day
//! are not compared: it adds the date on which it was run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::corpus::cases;
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

/// Name of the family.
const FAMILY: &str = "nmea0183/signalk";
/// A sound sentence before the others, as in the other families.
const FIRST: &str = "$GPTXT,01,01,02,conformance*30\n";
/// The oracle's factors are rounded (a knot has 0.514444574…).
const ROOM: f64 = 1e-6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    skipped: BTreeMap<String, String>,
    value: Vec<Made>,
}

/// What one path is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    #[serde(default)]
    sentences: Vec<String>,
    path: String,
    #[serde(default)]
    kind: Kind,
    of: Vec<String>,
    #[serde(default)]
    words: BTreeMap<String, String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Number,
    Angle,
    Text,
    Datetime,
}

/// SI value of one unit, by definition.
fn unit(name: &str) -> Option<f64> {
    let degree = std::f64::consts::PI / 180.0;
    Some(match name {
        "deg" => degree,
        "degmin" => degree / 60.0,
        "kn" => 1_852.0 / 3_600.0,
        "nm" => 1_852.0,
        "km" => 1_000.0,
        "kmh" => 1.0 / 3.6,
        "ft" => 0.3048,
        "fa" => 1.8288,
        "bar" => 100_000.0,
        "inhg" => 3_386.389,
        "pct" => 0.01,
        "minus" => -1.0,
        _ => return None,
    })
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The value of an expression; `None` when a field is absent or a condition does not hold.
fn evaluate(expression: &str, fields: &Map<String, Value>) -> Option<f64> {
    let (conditions, sum) = expression.split_once(": ").unwrap_or(("", expression));
    let holds = |condition: &str| {
        let (field, letter) = condition.split_once('=')?;
        Some(fields.get(field)?.as_str()? == letter)
    };
    if conditions.split('&').filter(|one| !one.is_empty()).any(|one| holds(one) != Some(true)) {
        return None;
    }
    sum.split(" + ")
        .map(|term| {
            if let Ok(literal) = term.parse::<f64>() {
                return Some(literal);
            }
            let (product, sign) = term.split_once('~').unwrap_or((term, ""));
            let (field, factor) =
                product.split_once('*').map_or((product, Some(1.0)), |(field, name)| (field, unit(name)));
            let value = fields.get(field)?;
            // what did not convert is shown as its text, and is no number; fields without a name are all text
            let value = if field.starts_with("field_") { number(value) } else { value.as_f64() }? * factor?;
            Some(if holds(sign) == Some(true) { -value } else { value })
        })
        .sum()
}

impl Made {
    fn is_about(&self, sentence: &str, path: &str) -> bool {
        self.path == path && (self.sentences.is_empty() || self.sentences.iter().any(|one| one == sentence))
    }

    /// What ours says, in the oracle's form.
    fn ours(&self, fields: &Map<String, Value>) -> Option<Value> {
        match self.kind {
            Kind::Number | Kind::Angle => {
                self.of.iter().find_map(|expression| evaluate(expression, fields)).map(Value::from)
            }
            Kind::Text => {
                let value = self.of.iter().find_map(|field| fields.get(field))?;
                let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
                Some(Value::from(self.words.get(&text).cloned().unwrap_or(text)))
            }
            Kind::Datetime => {
                let part = |name: &str| fields.get(name).and_then(Value::as_u64);
                let clock = self.of.iter().find_map(|field| fields.get(field)?.as_str())?;
                Some(Value::from(format!("{:04}-{:02}-{:02}T{clock}Z", part("year")?, part("month")?, part("day")?)))
            }
        }
    }

    fn is_met(&self, want: &Value, ours: Option<&Value>) -> bool {
        let Some(ours) = ours else { return want.is_null() };
        match self.kind {
            Kind::Text => want == ours,
            Kind::Datetime => {
                let time = |value: &Value| dogwatch_model::CaptureTime::parse_rfc3339(value.as_str()?);
                time(want).zip(time(ours)).is_some_and(|(want, ours)| want.0.abs_diff(ours.0) < 1_000_000)
            }
            Kind::Number | Kind::Angle => number(want).zip(ours.as_f64()).is_some_and(|(want, ours)| {
                let difference = (want - ours).abs();
                let turn = std::f64::consts::TAU;
                let difference = match self.kind {
                    Kind::Angle => (difference % turn).min(turn - difference % turn),
                    _ => difference,
                };
                difference <= ROOM * want.abs().max(1.0)
            }),
        }
    }
}

/// Takes objects apart: `{"path": "navigation.position", "value": {"latitude": …}}` becomes `navigation.position.latitude`.
fn flat(path: &str, value: &Value, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flat(&format!("{path}.{key}"), value, into)),
        _ => into.push((path.to_owned(), value.clone())),
    }
}

/// Compares one file of cases.
pub(crate) fn file(program: &Program, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let mapping: Mapping = toml::from_str(include_str!("../data/signalk.toml")).context("signalk.toml")?;
    let entries: Vec<Value> = cases(path)?;
    let mut log = FIRST.to_owned();
    for entry in &entries {
        log.push_str(&entry["input"].as_str().unwrap_or_default().replace('\n', " "));
        log.push('\n');
    }
    let input = program.input("sentences.log", log.as_bytes())?;
    let (rows, ran) = program.decode("auto", &input)?;
    report.family(FAMILY).files += 1;
    report.crash(FAMILY, name, ran.crash.as_deref())?;
    for (at, entry) in entries.iter().enumerate() {
        let mut case = Case::new(FAMILY, format!("{name}:{}", at + 1), entry["input"].as_str().unwrap_or_default());
        let of_line: Vec<&Row> = rows.iter().filter(|row| row.frame == at as u64 + 2).collect();
        let updates = entry["expect"]["updates"].as_array().cloned().unwrap_or_default();
        if of_line.is_empty() && !updates.is_empty() {
            case.missing(Vec::new());
        }
        // a sentence and what it carries are one to the oracle
        let mut fields = Map::new();
        for row in &of_line {
            for (key, value) in row.value["fields"].as_object().into_iter().flatten() {
                fields.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        for update in updates.iter().filter(|_| !of_line.is_empty()) {
            case.kind = update["source"]["sentence"].as_str().unwrap_or_default().to_owned();
            let mut wanted = Vec::new();
            for value in update["values"].as_array().into_iter().flatten() {
                flat(value["path"].as_str().unwrap_or_default(), &value["value"], &mut wanted);
            }
            for (path, want) in wanted {
                judge(&mapping, &mut case, &path, &want, &fields, report)?;
            }
        }
        report.close(case)?;
    }
    Ok(())
}

fn judge(
    mapping: &Mapping,
    case: &mut Case,
    path: &str,
    want: &Value,
    fields: &Map<String, Value>,
    report: &mut Report,
) -> Result<()> {
    let is_skipped =
        |known: &String| path == known || path.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.'));
    if mapping.skipped.keys().any(is_skipped) {
        return Ok(());
    }
    if let Some(made) = mapping.value.iter().find(|made| made.is_about(&case.kind, path)) {
        let ours = made.ours(fields);
        let good = made.is_met(want, ours.as_ref());
        case.judge(good, path, want, ours.as_ref());
        return Ok(());
    }
    // null for a whole object: a part of it is not there
    let parts: Vec<&Made> = mapping.value.iter().filter(|made| made.path.starts_with(&format!("{path}."))).collect();
    if want.is_null() && !parts.is_empty() {
        let is_whole = ["latitude", "longitude"].iter().all(|end| {
            let part = format!("{path}.{end}");
            parts.iter().any(|made| made.is_about(&case.kind, &part) && made.ours(fields).is_some())
        });
        case.judge(!is_whole, path, want, None);
        return Ok(());
    }
    report.remark(FAMILY, path, &format!("no field of ours is known for this path of {}", case.kind))?;
    case.judge(want.is_null(), path, want, None);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let fields = serde_json::json!({"kn": 2.0, "n": "N", "heading": 90, "var": 10, "ew": "W", "field_9": "3.5", "text": "3.5"});
        let fields = fields.as_object().unwrap();
        let near = |expression: &str, want: Option<f64>| match (evaluate(expression, fields), want) {
            (Some(ours), Some(want)) => assert!((ours - want).abs() < 1e-9, "{expression}: {ours}"),
            (ours, want) => assert_eq!(ours, want, "{expression}"),
        };
        near("kn*kn", Some(2.0 * 1_852.0 / 3_600.0));
        near("n=N: kn", Some(2.0));
        near("n=M: kn", None);
        near("n=N&ew=W: field_9 + 1.5", Some(5.0));
        near("text", None);
        near("heading + var~ew=W", Some(80.0));
        near("heading + var~ew=E", Some(100.0));
        near("absent", None);
        near("heading + absent", None);
        near("kn*furlong", None);
    }

    #[test]
    fn angles_are_equal_modulo_a_turn() {
        let made =
            Made { sentences: vec![], path: String::new(), kind: Kind::Angle, of: vec![], words: BTreeMap::new() };
        assert!(made.is_met(&Value::from(-0.1), Some(&Value::from(std::f64::consts::TAU - 0.1))));
        assert!(!made.is_met(&Value::from(0.1), Some(&Value::from(-0.1))));
        assert!(made.is_met(&Value::Null, None) && !made.is_met(&Value::Null, Some(&Value::from(1.0))));
    }
}
