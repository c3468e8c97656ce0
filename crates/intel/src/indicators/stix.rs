//! STIX 2.1 bundles (OASIS standard, 10 June 2021): the objects of type `indicator`, one at a time so that a large bundle takes little room.
//!
//! Read: `pattern` of type `stix`, `valid_from`, `valid_until`, `confidence`, `revoked`, `name`. Everything else of a bundle tells people about
//! the indicators; it is counted by its type.

use std::collections::BTreeMap;
use std::fmt;

use dogwatch_model::CaptureTime;
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{About, Collected, pattern};
use crate::import::FileReport;

/// Reads a bundle; what was read before an error stays.
pub(super) fn read(text: &str, collected: &mut Collected, report: &mut FileReport) {
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    let mut has_objects = false;
    let mut take = |object: &Value| {
        has_objects = true;
        match object.get("type").and_then(Value::as_str) {
            Some("indicator") => indicator(object, collected, report),
            Some(other) if others.len() < 100 => {
                *others.entry(crate::import::bounded(other, 60)).or_default() += 1;
            }
            _ => report.skip(0, "object without a type", "not a STIX object"),
        }
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_any(Bundle(&mut take)).and_then(|()| reader.end());
    for (kind, count) in others {
        report.skipped_count = report.skipped_count.saturating_add(count);
        let why = format!("{count} object(s) that tell about indicators and have nothing to compare");
        report.skipped.push(crate::Skipped { line: 0, what: kind, why });
    }
    match read {
        Err(error) => {
            report.error = Some(format!("line {}, column {}: {error}", error.line(), error.column()));
        }
        Ok(()) if !has_objects => report.notes.push("the bundle has no objects".to_owned()),
        Ok(()) => {}
    }
}

fn indicator(object: &Value, collected: &mut Collected, report: &mut FileReport) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let id = text("id").unwrap_or("indicator without an id");
    if object.get("revoked").and_then(Value::as_bool) == Some(true) {
        return report.skip(0, id, "revoked by its author");
    }
    match text("pattern_type") {
        None | Some("stix") => {}
        Some(other) => {
            return report.skip(0, id, format!("its pattern is of type `{}`", crate::import::bounded(other, 30)));
        }
    }
    let Some(pattern) = text("pattern") else { return report.skip(0, id, "no pattern") };
    let mut about = About { name: text("name").unwrap_or_default(), ..About::default() };
    about.confidence =
        object.get("confidence").and_then(Value::as_u64).and_then(|value| u8::try_from(value.min(100)).ok());
    for (key, place) in [("valid_from", &mut about.from), ("valid_until", &mut about.until)] {
        let Some(written) = text(key) else { continue };
        match CaptureTime::parse_rfc3339(written) {
            Some(time) => *place = Some(time),
            None => return report.skip(0, id, format!("{key} is no time")),
        }
    }
    let found = match pattern::parse(pattern) {
        Ok(found) => found,
        Err(why) => return report.skip(0, id, why),
    };
    for (kind, value) in found {
        match collected.add(kind, &value, about) {
            Ok(()) => report.loaded = report.loaded.saturating_add(1),
            Err(why) => report.skip(0, id, format!("`{}`: {why}", crate::import::bounded(&value, 60))),
        }
    }
}

/// The outer object, or a bare list of objects.
struct Bundle<'a, F>(&'a mut F);

impl<'de, F: FnMut(&Value)> Visitor<'de> for Bundle<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "objects" {
                map.next_value_seed(Objects(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Objects(self.0).visit_seq(seq)
    }
}

struct Objects<'a, F>(&'a mut F);

impl<'de, F: FnMut(&Value)> DeserializeSeed<'de> for Objects<'_, F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&Value)> Visitor<'de> for Objects<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(object) = seq.next_element::<Value>()? {
            (self.0)(&object);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Import;

    #[test]
    fn every_object_left_out_is_named() {
        let text = r#"{"type":"bundle","id":"bundle--1","objects":[
            {"type":"identity","id":"identity--1","name":"x"},
            {"type":"indicator","id":"indicator--1","pattern_type":"stix","pattern":"[domain-name:value = 'a.example']"},
            {"type":"indicator","id":"indicator--2","pattern_type":"stix","pattern":"[domain-name:value = 'b.example']","revoked":true},
            {"type":"indicator","id":"indicator--3","pattern_type":"yara","pattern":"rule x {}"},
            {"type":"indicator","id":"indicator--4","pattern_type":"stix","pattern":"[mutex:name = 'm']"},
            {"type":"indicator","id":"indicator--5","pattern_type":"stix","pattern":"[ipv4-addr:value = '300.1.1.1']"},
            {"type":"indicator","id":"indicator--6"},
            {"type":"relationship","id":"relationship--1"},
            {"type":"relationship","id":"relationship--2"}]}"#;
        let mut import = Import::default();
        import.read("bundle.json", text.as_bytes());
        let intel = import.finish();
        let report = &intel.files[0];
        assert_eq!((report.loaded, report.skipped_count, &report.error), (1, 8, &None));
        for (what, why) in [
            ("indicator--2", "revoked"),
            ("indicator--3", "yara"),
            ("indicator--4", "mutex:name"),
            ("indicator--5", "not an IP address"),
            ("indicator--6", "no pattern"),
            ("identity", "nothing to compare"),
            ("relationship", "2 object(s)"),
        ] {
            assert!(
                report.skipped.iter().any(|s| s.what == what && s.why.contains(why)),
                "{what}: {:?}",
                report.skipped
            );
        }
    }

    #[test]
    fn a_broken_bundle_is_told_with_its_line_and_keeps_what_came_before() {
        let text = "{\"objects\":[\n{\"type\":\"indicator\",\"id\":\"indicator--1\",\"pattern\":\"[domain-name:value = 'a.example']\"},\n{,";
        let mut import = Import::default();
        import.read("bundle.json", text.as_bytes());
        let intel = import.finish();
        assert_eq!(intel.files[0].loaded, 1);
        assert!(intel.files[0].error.as_ref().unwrap().starts_with("line 3, column 2"), "{:?}", intel.files[0].error);
    }
}
