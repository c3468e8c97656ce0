//! Counts how cases compare, and knows the differences that are explained.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// Differences one case may show in the details.
const SHOWN: usize = 40;

/// How the cases of one family compare.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) cases: u64,
    pub(crate) equal: u64,
    /// Cases all of whose differences are explained.
    pub(crate) explained: u64,
    pub(crate) different: u64,
    pub(crate) not_decoded: u64,
    /// Cases in which the oracle says nothing that could be compared.
    pub(crate) unjudged: u64,
    pub(crate) panics: u64,
    pub(crate) equal_values: u64,
    pub(crate) explained_values: u64,
    pub(crate) different_values: u64,
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Differences that count against us, by what differs and by the reason that `remaining.toml` gives, if any.
    pub(crate) remaining: BTreeMap<(String, Option<String>), u64>,
    /// The same by kind of case, and by field that differs.
    pub(crate) parts: BTreeMap<String, Part>,
    /// The largest of what was measured, and where.
    pub(crate) most: BTreeMap<&'static str, (f64, String)>,
}

/// How one kind of case, or one field, of a family compares.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) equal: u64,
    pub(crate) explained: u64,
    /// Another value stands in its place.
    pub(crate) wrong: u64,
    /// Nothing stands there.
    pub(crate) missing: u64,
    /// Ours, and the truth does not speak of it.
    pub(crate) extra: u64,
}

impl Tally {
    /// Cases that could be judged.
    pub(crate) fn judged(&self) -> u64 {
        self.equal + self.explained + self.different + self.not_decoded
    }

    /// Share of the judged cases in which something else than expected was said, in percent.
    pub(crate) fn wrong_percent(&self) -> Option<f64> {
        let judged = self.judged();
        (judged > 0).then(|| 100.0 * self.different as f64 / judged as f64)
    }

    /// Share of the judged cases that are equal or differ for a known reason, in percent; `None` when none could be judged.
    pub(crate) fn percent(&self) -> Option<f64> {
        let judged = self.judged();
        (judged > 0).then(|| 100.0 * (self.equal + self.explained) as f64 / judged as f64)
    }
}

/// One difference of a case.
#[derive(Debug)]
struct Difference {
    field: String,
    want: Value,
    got: Option<Value>,
    /// What the family's comparison knows about it; rules ask for these.
    flags: Vec<&'static str>,
}

/// One case being compared.
#[derive(Debug)]
pub(crate) struct Case {
    family: String,
    place: String,
    input: String,
    /// Kind of message: AIS type, formatter, parameter group.
    pub(crate) kind: String,
    equal: u64,
    differences: Vec<Difference>,
    missing: Option<Vec<&'static str>>,
    /// The single value that is asked for, where the case is one value.
    pub(crate) want: Value,
}

impl Case {
    pub(crate) fn new(family: &str, place: String, input: &str) -> Self {
        let input = input.chars().take(300).collect();
        let family = family.to_owned();
        Self {
            family,
            place,
            input,
            kind: String::new(),
            equal: 0,
            differences: Vec::new(),
            missing: None,
            want: Value::Null,
        }
    }

    pub(crate) fn equal(&mut self) {
        self.equal += 1;
    }

    pub(crate) fn differs(&mut self, field: &str, want: &Value, got: Option<&Value>, flags: Vec<&'static str>) {
        self.differences.push(Difference { field: field.to_owned(), want: want.clone(), got: got.cloned(), flags });
    }

    /// Counts a value whose comparison the caller has made.
    pub(crate) fn judge(&mut self, good: bool, field: &str, want: &Value, got: Option<&Value>) {
        if good { self.equal() } else { self.differs(field, want, got, Vec::new()) }
    }

    /// Nothing was decoded from the input.
    pub(crate) fn missing(&mut self, flags: Vec<&'static str>) {
        self.missing = Some(flags);
    }

    /// How many values differ so far.
    pub(crate) fn badness(&self) -> usize {
        if self.missing.is_some() { usize::MAX } else { self.differences.len() }
    }
}

/// A difference that is not ours to mend, by what kind of case shows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    family: String,
    /// Kinds of message; any when empty.
    #[serde(default)]
    kinds: Vec<String>,
    /// Fields; any when empty. `*` at either end stands for anything.
    #[serde(default)]
    fields: Vec<String>,
    /// Whether it is about a case of which nothing was decoded.
    #[serde(default)]
    missing: bool,
    /// Only where we show no such field.
    #[serde(default)]
    absent: bool,
    /// Only where the numbers are this close.
    within: Option<f64>,
    /// Only where the oracle's number is ours times this.
    times: Option<f64>,
    /// Only where the oracle says this.
    want: Option<toml::Value>,
    /// Only where the oracle's text begins with ours.
    #[serde(default)]
    want_begins_with_ours: bool,
    /// Only where the family's comparison found this.
    flag: Option<String>,
    /// Only where all these stand in what the case shows of its input.
    #[serde(default)]
    holds: Vec<String>,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rule: Vec<Rule>,
}

fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        _ => pattern == text,
    }
}

impl Rule {
    fn is_about(&self, case: &Case, flags: &[&'static str]) -> bool {
        (self.family == "*" || matches(&self.family, &case.family))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| matches(kind, &case.kind)))
            && self.flag.as_deref().is_none_or(|flag| flags.contains(&flag))
            && self.holds.iter().all(|text| case.input.contains(text.as_str()))
    }

    /// Whether it is about a case of which nothing was decoded.
    fn excuses(&self, case: &Case, flags: &[&'static str]) -> bool {
        self.missing && self.wants(&case.want) && self.is_about(case, flags)
    }

    /// Whether the oracle says what the rule asks for.
    fn wants(&self, want: &Value) -> bool {
        self.want.as_ref().is_none_or(|value| serde_json::to_value(value).is_ok_and(|value| value == *want))
    }

    fn explains(&self, case: &Case, difference: &Difference) -> bool {
        let Difference { field, want, got, flags } = difference;
        let numbers = want.as_f64().zip(got.as_ref().and_then(Value::as_f64));
        let texts = want.as_str().zip(got.as_ref().and_then(Value::as_str));
        !self.missing
            && self.is_about(case, flags)
            && (self.fields.is_empty() || self.fields.iter().any(|pattern| matches(pattern, field)))
            && (!self.absent || got.is_none())
            && self.within.is_none_or(|room| numbers.is_some_and(|(want, got)| (want - got).abs() <= room))
            && self.times.is_none_or(|factor| numbers.is_some_and(|(want, got)| (want - got * factor).abs() < 1e-6))
            && self.wants(want)
            && (!self.want_begins_with_ours || texts.is_some_and(|(want, got)| want.starts_with(got)))
    }
}

/// All that was compared.
pub(crate) struct Report {
    pub(crate) families: BTreeMap<String, Tally>,
    rules: Vec<Rule>,
    /// Why what is left differs: these excuse nothing.
    remaining: Vec<Rule>,
    details: Box<dyn Write>,
}

impl Report {
    pub(crate) fn new(details: Box<dyn Write>) -> Result<Self> {
        let rules: Rules = toml::from_str(include_str!("../data/explained.toml")).context("explained.toml")?;
        let remaining: Rules = toml::from_str(include_str!("../data/remaining.toml")).context("remaining.toml")?;
        Ok(Self { families: BTreeMap::new(), rules: rules.rule, remaining: remaining.rule, details })
    }

    pub(crate) fn family(&mut self, family: &str) -> &mut Tally {
        self.families.entry(family.to_owned()).or_default()
    }

    /// Notes a crash or hang of the program under test.
    pub(crate) fn crash(&mut self, family: &str, place: &str, how: Option<&str>) -> Result<()> {
        if let Some(how) = how {
            self.family(family).panics += 1;
            writeln!(self.details, "{family}\tPANIC\t{place}\t{how}")?;
        }
        Ok(())
    }

    /// Writes a remark into the details.
    pub(crate) fn remark(&mut self, family: &str, place: &str, text: &str) -> Result<()> {
        Ok(writeln!(self.details, "{family}\tremark\t{place}\t{text}")?)
    }

    /// Counts what is ours and of which the truth does not speak.
    pub(crate) fn extra(&mut self, family: &str, kind: &str, count: u64) {
        self.family(family).parts.entry(kind.to_owned()).or_default().extra += count;
    }

    /// Keeps the largest of a measured quantity.
    pub(crate) fn most(&mut self, family: &str, what: &'static str, value: f64, place: &str) {
        let most = self.family(family).most.entry(what).or_default();
        if value > most.0 {
            *most = (value, place.to_owned());
        }
    }

    /// Counts a finished case.
    pub(crate) fn close(&mut self, case: Case) -> Result<()> {
        let mut reasons: Vec<&str> = Vec::new();
        let mut left = Vec::new();
        for difference in &case.differences {
            match self.rules.iter().find(|rule| rule.explains(&case, difference)) {
                Some(rule) => reasons.push(&rule.reason),
                None => left.push(difference),
            }
        }
        let excused = case.missing.as_ref().map(|flags| {
            let rule = self.rules.iter().find(|rule| rule.excuses(&case, flags));
            rule.map(|rule| rule.reason.as_str())
        });
        let unmended = self.unmended(&case, &left, excused == Some(None));
        let tally = self.families.entry(case.family.clone()).or_default();
        tally.cases += 1;
        tally.equal_values += case.equal;
        tally.explained_values += reasons.len() as u64;
        tally.different_values += left.len() as u64;
        for what in unmended {
            *tally.remaining.entry(what).or_default() += 1;
        }
        reasons.extend(excused.flatten());
        for reason in &reasons {
            *tally.reasons.entry((*reason).to_owned()).or_default() += 1;
        }
        let Case { family, place, kind, input, .. } = &case;
        if !kind.is_empty() {
            let part = tally.parts.entry(kind.clone()).or_default();
            match excused {
                Some(None) => part.missing += 1,
                Some(Some(_)) => part.explained += 1,
                None if !left.is_empty() => part.wrong += 1,
                None if !reasons.is_empty() => part.explained += 1,
                None => part.equal += u64::from(case.equal > 0),
            }
        }
        for difference in &left {
            let part = tally.parts.entry(format!("{kind} .{}", difference.field)).or_default();
            match difference.got {
                Some(_) => part.wrong += 1,
                None => part.missing += 1,
            }
        }
        match excused {
            Some(None) => {
                tally.not_decoded += 1;
                writeln!(self.details, "{family}\tnot decoded\t{place}\t{kind}\t{input}")?;
            }
            Some(Some(_)) => tally.explained += 1,
            None if !left.is_empty() => tally.different += 1,
            None if !reasons.is_empty() => tally.explained += 1,
            None if case.equal == 0 => tally.unjudged += 1,
            None => tally.equal += 1,
        }
        for Difference { field, want, got, .. } in left.iter().take(SHOWN) {
            let got = got.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            writeln!(self.details, "{family}\tdifferent\t{place}\t{kind} {field}: want {want} got {got}\t{input}")?;
        }
        Ok(())
    }

    /// What of a case counts against us, each with the reason that is known for it.
    fn unmended(&self, case: &Case, left: &[&Difference], is_missing: bool) -> Vec<(String, Option<String>)> {
        let reason = |rule: Option<&Rule>| rule.map(|rule| rule.reason.clone());
        let kind = if case.kind.is_empty() { String::new() } else { format!("{} ", case.kind) };
        if is_missing {
            let flags = case.missing.as_deref().unwrap_or_default();
            let rule = self.remaining.iter().find(|rule| rule.excuses(case, flags));
            return vec![(format!("{kind}not decoded"), reason(rule))];
        }
        let of = |difference: &&Difference| {
            let rule = self.remaining.iter().find(|rule| rule.explains(case, difference));
            (format!("{kind}.{}", difference.field), reason(rule))
        };
        left.iter().map(of).collect()
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        Ok(self.details.flush()?)
    }
}
