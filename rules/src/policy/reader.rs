//! Reads one table of the file field by field: right type, known key, known word. Whatever is wrong goes into the report with its place, and
//! reading goes on, so that one run shows all problems.

use dogwatch_model::CaptureTime;
use toml_edit::{Item, TableLike, Value};

use super::diagnostic::{Code, Report, Span, nearest};
use super::words::Word;

/// A value with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// One table being read.
pub(super) struct Section<'a> {
    table: &'a dyn TableLike,
    /// What the table is called in messages: `zone`, `allow`.
    what: &'static str,
    /// The table's header, or the inline table.
    pub(super) span: Span,
}

impl<'a> Section<'a> {
    /// Opens a table and reports every key that does not belong there.
    pub(super) fn open(
        report: &mut Report<'_>,
        table: &'a dyn TableLike,
        what: &'static str,
        span: Span,
        keys: &[&'static str],
    ) -> Self {
        for (key, item) in table.iter() {
            if keys.contains(&key) {
                continue;
            }
            let place =
                table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or_else(|| span.clone());
            let help = match nearest(key, keys.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("the fields are: {}", keys.join(", ")),
            };
            report.error(Code::P001, &place, format!("\"{}\" is not a field of {what}", clipped(key)), help);
        }
        Self { table, what, span }
    }

    /// Whether the key is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the value is a list with nothing in it.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.table.get(key).and_then(Item::as_array).is_some_and(toml_edit::Array::is_empty)
    }

    /// Where the key stands, or else the header.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.table.key(key).and_then(toml_edit::Key::span).unwrap_or_else(|| self.span.clone())
    }

    /// Where the value of a key stands, or else the header.
    pub(super) fn value_span(&self, key: &str) -> Span {
        self.table.get(key).and_then(Item::span).unwrap_or_else(|| self.span.clone())
    }

    /// Reports that `key` must be given.
    pub(super) fn need(&self, report: &mut Report<'_>, key: &str, example: &str) {
        if !self.has(key) {
            let help = format!("add {key} = {example}");
            report.error(Code::P000, &self.span, format!("{} has no \"{key}\"", self.what), help);
        }
    }

    fn value(&self, report: &mut Report<'_>, key: &str, wanted: &str) -> Option<(&'a Value, Span)> {
        let item = self.table.get(key)?;
        let span = item.span().unwrap_or_else(|| self.span.clone());
        if let Some(value) = item.as_value() {
            return Some((value, span));
        }
        wrong_type(report, &span, key, wanted, item.type_name());
        None
    }

    pub(super) fn text(&self, report: &mut Report<'_>, key: &str) -> Option<At<String>> {
        let (value, span) = self.value(report, key, "a text in quotes")?;
        let text = value.as_str();
        if text.is_none() {
            wrong_type(report, &span, key, "a text in quotes", value.type_name());
        }
        text.map(|text| At { value: text.to_owned(), span })
    }

    /// The text, or an empty one.
    pub(super) fn text_or_empty(&self, report: &mut Report<'_>, key: &str) -> String {
        self.text(report, key).map(|text| text.value).unwrap_or_default()
    }

    /// A list of texts; a single text is not a list.
    pub(super) fn texts(&self, report: &mut Report<'_>, key: &str) -> Vec<At<String>> {
        let read = |value: &Value| value.as_str().map(str::to_owned);
        self.list(report, key, "a list of texts, such as [\"a\", \"b\"]", read)
    }

    pub(super) fn integers(&self, report: &mut Report<'_>, key: &str) -> Vec<At<i64>> {
        self.list(report, key, "a list of whole numbers, such as [1, 2]", Value::as_integer)
    }

    fn list<T>(&self, report: &mut Report<'_>, key: &str, wanted: &str, read: fn(&Value) -> Option<T>) -> Vec<At<T>> {
        let Some((value, span)) = self.value(report, key, wanted) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            wrong_type(report, &span, key, wanted, value.type_name());
            return Vec::new();
        };
        let mut found = Vec::new();
        for element in array {
            let place = element.span().unwrap_or_else(|| span.clone());
            match read(element) {
                Some(value) => found.push(At { value, span: place }),
                None => wrong_type(report, &place, key, wanted, element.type_name()),
            }
        }
        found
    }

    /// A whole number within `range`.
    pub(super) fn integer(
        &self,
        report: &mut Report<'_>,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<At<i64>> {
        let (value, span) = self.value(report, key, "a whole number")?;
        let Some(number) = value.as_integer() else {
            wrong_type(report, &span, key, "a whole number", value.type_name());
            return None;
        };
        let at = At { value: number, span };
        in_range(report, &at, key, &range).then_some(at)
    }

    /// A finite number of at least `least`.
    pub(super) fn number(&self, report: &mut Report<'_>, key: &str, least: f64) -> Option<At<f64>> {
        let (value, span) = self.value(report, key, "a number")?;
        #[expect(clippy::cast_precision_loss, reason = "lengths and speeds of ships are far below 2^53")]
        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        let Some(number) = number else {
            wrong_type(report, &span, key, "a number", value.type_name());
            return None;
        };
        if !number.is_finite() || number < least {
            report.error(
                Code::P005,
                &span,
                format!("{key} = {number} cannot be"),
                format!("a number of at least {least}"),
            );
            return None;
        }
        Some(At { value: number, span })
    }

    /// One word of a closed list.
    pub(super) fn word<W: Word>(&self, report: &mut Report<'_>, key: &str) -> Option<At<W>> {
        let text = self.text(report, key)?;
        let value = as_word(report, key, &text)?;
        Some(At { value, span: text.span })
    }

    /// Words of a closed list.
    pub(super) fn word_list<W: Word>(&self, report: &mut Report<'_>, key: &str) -> Vec<At<W>> {
        let texts = self.texts(report, key);
        let found =
            texts.into_iter().filter_map(|text| as_word(report, key, &text).map(|value| At { value, span: text.span }));
        found.collect()
    }

    /// A date or a date with time. A date alone means the end of that day in UTC when `end_of_day` is set, else its beginning.
    pub(super) fn time(&self, report: &mut Report<'_>, key: &str, end_of_day: bool) -> Option<At<CaptureTime>> {
        const WANTED: &str = "a date such as 2027-06-01 or a time such as 2027-06-01T07:00:00Z, without quotes";
        let (value, span) = self.value(report, key, WANTED)?;
        let time = value.as_datetime().and_then(|when| capture_time(when, end_of_day));
        if time.is_none() {
            wrong_type(report, &span, key, WANTED, value.type_name());
        }
        time.map(|value| At { value, span })
    }

    /// Tables below `key`: `[[key]]` or a list of inline tables.
    pub(super) fn tables(&self, report: &mut Report<'_>, key: &str) -> Vec<(&'a dyn TableLike, Span)> {
        let Some(item) = self.table.get(key) else { return Vec::new() };
        let span = item.span().unwrap_or_else(|| self.span.clone());
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|t| (t as &dyn TableLike, t.span().unwrap_or_else(|| span.clone()))).collect();
        }
        if let Some(array) = item.as_array() {
            let mut found: Vec<(&dyn TableLike, Span)> = Vec::new();
            for element in array {
                let place = element.span().unwrap_or_else(|| span.clone());
                match element.as_inline_table() {
                    Some(table) => found.push((table, place)),
                    None => wrong_type(report, &place, key, "a table", element.type_name()),
                }
            }
            return found;
        }
        let place = self.key_span(key);
        wrong_type(report, &place, key, &format!("a list of tables, [[{key}]]"), item.type_name());
        Vec::new()
    }

    /// The one table below `key`: `[key]` or an inline table.
    pub(super) fn table(&self, report: &mut Report<'_>, key: &str) -> Option<(&'a dyn TableLike, Span)> {
        let item = self.table.get(key)?;
        let span = item.span().unwrap_or_else(|| self.span.clone());
        if let Some(table) = item.as_table_like() {
            return Some((table, span));
        }
        let place = if item.is_array_of_tables() { self.key_span(key) } else { span };
        wrong_type(report, &place, key, "one table", item.type_name());
        None
    }

    /// Every key of the table with the place of its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Span, Option<&'a str>)> + use<'a> {
        let fallback = self.span.clone();
        self.table.iter().map(move |(key, item)| {
            (key, item.span().unwrap_or_else(|| fallback.clone()), item.as_value().and_then(Value::as_str))
        })
    }
}

/// Whether a number lies in `range`; reports it when not.
pub(super) fn in_range(
    report: &mut Report<'_>,
    number: &At<i64>,
    key: &str,
    range: &std::ops::RangeInclusive<i64>,
) -> bool {
    let fits = range.contains(&number.value);
    if !fits {
        let help = format!("a whole number from {} to {}", range.start(), range.end());
        report.error(Code::P005, &number.span, format!("{key} {} cannot be", number.value), help);
    }
    fits
}

/// Text from the file, short enough for a message.
pub(super) fn clipped(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(60).map(printable).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

fn as_word<W: Word>(report: &mut Report<'_>, key: &str, text: &At<String>) -> Option<W> {
    let found = W::from_word(&text.value);
    if found.is_none() {
        let list = W::ALL.join(", ");
        let help = match nearest(&text.value, W::ALL.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"? The words are: {list}"),
            None => format!("the words are: {list}"),
        };
        report.error(Code::P002, &text.span, format!("\"{}\" is no {key}", clipped(&text.value)), help);
    }
    found
}

fn wrong_type(report: &mut Report<'_>, span: &Span, key: &str, wanted: &str, is: &str) {
    report.error(
        Code::P000,
        span,
        format!("\"{key}\" holds a value of the wrong kind ({is})"),
        format!("write {wanted}"),
    );
}

/// A TOML date-time as capture time. One without an offset counts as UTC; a time without a date is none.
fn capture_time(when: &toml_edit::Datetime, end_of_day: bool) -> Option<CaptureTime> {
    let date = when.date?;
    let (hour, minute, second, nanos) = match when.time {
        Some(time) => (time.hour, time.minute, time.second.unwrap_or(0), time.nanosecond.unwrap_or(0)),
        None if end_of_day => (23, 59, 59, 999_999_999),
        None => (0, 0, 0, 0),
    };
    let offset_minutes = match when.offset {
        Some(toml_edit::Offset::Custom { minutes }) => i64::from(minutes),
        _ => 0,
    };
    let (year, month, day) = (date.year, date.month, date.day);
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    let utc = CaptureTime::parse_rfc3339(&text)?;
    let shifted = utc.0.checked_sub(offset_minutes.checked_mul(60_000_000_000)?)?;
    Some(CaptureTime(shifted.checked_add(i64::from(nanos))?))
}
