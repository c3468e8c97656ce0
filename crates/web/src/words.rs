//! Times, figures and words for people. Times are UTC, always with how long ago that is: nobody on a bridge subtracts in his head.

use std::fmt;

use askama::filters::HtmlSafe;
use dogwatch_model::{CaptureTime, DeviceClass, FindingEnd};

/// A time and its age, as HTML.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The time.
    pub at: CaptureTime,
    /// What it is told against.
    pub now: CaptureTime,
}

impl When {
    /// Seconds since the epoch, for sorting.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        self.at.seconds()
    }

    /// The same for a narrow column: without the date when that is today.
    #[must_use]
    pub fn short(&self) -> ShortWhen {
        ShortWhen(*self)
    }
}

/// A time and its age in few characters, as HTML; the whole time stands in its title.
#[derive(Debug, Clone, Copy)]
pub struct ShortWhen(When);

impl fmt::Display for ShortWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let When { at, now } = self.0;
        let text = utc(at);
        let (date, time) = text.split_once(' ').unwrap_or((&text, ""));
        let shown = if utc(now).starts_with(date) { time } else { date };
        write!(
            f,
            "<span class=\"when\"><time datetime=\"{date}T{time}Z\" title=\"{date} {time} UTC\">{shown}</time> <span class=\"age\">{}</span></span>",
            age(at, now)
        )
    }
}

/// Made of digits and fixed words only.
impl HtmlSafe for ShortWhen {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = utc(self.at);
        let (date, time) = text.split_once(' ').unwrap_or((&text, ""));
        write!(
            f,
            "<span class=\"when\"><time datetime=\"{date}T{time}Z\">{date} {time}</time> <span class=\"age\">{}</span></span>",
            age(self.at, self.now)
        )
    }
}

/// Made of digits and fixed words only.
impl HtmlSafe for When {}

/// A time for people: `2026-11-22 10:11:12`, UTC.
#[must_use]
pub fn utc(time: CaptureTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// How long ago, in one unit. The steps are coarse on purpose: a page that says the same need not be sent again.
#[must_use]
pub fn age(then: CaptureTime, now: CaptureTime) -> String {
    if then.seconds() > now.seconds().saturating_add(60) {
        return "ahead of this clock".to_owned();
    }
    let seconds = now.since(then).as_secs();
    match seconds {
        0..=59 => "just now".to_owned(),
        60..=5_399 => format!("{} min ago", seconds / 60),
        5_400..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A number with its thousands set apart: `12 345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 device`, `12 devices`.
#[must_use]
pub fn number_of(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Bytes in a unit that is quick to read (decimal, as link providers count).
#[must_use]
pub fn bytes(number: u64) -> String {
    let (unit, divisor) = match number {
        0..=9_999 => return format!("{} B", count(number)),
        10_000..=999_999 => ("kB", 1_000.0),
        1_000_000..=999_999_999 => ("MB", 1_000_000.0),
        _ => ("GB", 1_000_000_000.0),
    };
    let value = number as f64 / divisor;
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// The word a closed word list has in JSON, readable: `at_sea` becomes `at sea`.
#[must_use]
pub fn word<T: serde::Serialize>(value: T) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    word.replace(['_', '-'], " ")
}

/// A class of device, spelled as the trade does.
#[must_use]
pub fn class_word(class: DeviceClass) -> String {
    match class {
        DeviceClass::Unknown => String::new(),
        DeviceClass::Plc
        | DeviceClass::Hmi
        | DeviceClass::Ecdis
        | DeviceClass::Ais
        | DeviceClass::Gnss
        | DeviceClass::Vdr => word(class).to_uppercase(),
        DeviceClass::Iopanel => "I/O panel".to_owned(),
        DeviceClass::RemovableNic => "removable network card".to_owned(),
        _ => word(class),
    }
}

/// What an end of a finding is called in a list: its name, or the best address there is.
#[must_use]
pub fn end_name(end: &FindingEnd) -> String {
    let named = Some(end.name.clone()).filter(|name| !name.is_empty());
    named
        .or_else(|| end.ip.map(|ip| ip.to_string()))
        .or_else(|| end.mac.map(|mac| mac.to_string()))
        .or_else(|| end.n2k_name.map(|name| format!("NAME {name:016x}")))
        .or_else(|| end.asset.clone())
        .unwrap_or_else(|| "–".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        // 951 825 600 is 2000-02-29T12:00:00Z (a leap day in a century year).
        let at = CaptureTime::from_parts(951_825_600, 0);
        assert_eq!(utc(at), "2000-02-29 12:00:00");
        for (seconds, want) in [
            (0, "just now"),
            (59, "just now"),
            (90, "1 min ago"),
            (5_400, "1 h ago"),
            (172_800, "2 days ago"),
            (-30, "just now"),
            (-90, "ahead of this clock"),
        ] {
            assert_eq!(age(at, CaptureTime::from_parts(951_825_600 + seconds, 0)), want, "{seconds}");
        }
        let html = When { at, now: at }.to_string();
        assert!(html.contains("datetime=\"2000-02-29T12:00:00Z\""), "{html}");
        let today = When { at, now: at }.short().to_string();
        assert!(today.contains(">12:00:00<"), "{today}");
        let later = When { at, now: CaptureTime::from_parts(951_825_600 + 86_400, 0) }.short().to_string();
        assert!(later.contains(">2000-02-29<"), "{later}");
    }

    #[test]
    fn figures_for_people() {
        for (number, want) in
            [(0, "0"), (999, "999"), (1_000, "1\u{202f}000"), (12_345_678, "12\u{202f}345\u{202f}678")]
        {
            assert_eq!(count(number), want);
        }
        for (number, want) in [(512, "512 B"), (10_000, "10 kB"), (1_234_567, "1.2 MB"), (98_000_000, "98 MB")] {
            assert_eq!(bytes(number), want);
        }
        assert_eq!(number_of(1, "device", "devices"), "1 device");
        assert_eq!(number_of(2, "device", "devices"), "2 devices");
    }

    #[test]
    fn an_end_is_called_by_the_best_that_is_known() {
        let mut end = FindingEnd::default();
        assert_eq!(end_name(&end), "–");
        end.ip = "10.0.0.1".parse().ok();
        assert_eq!(end_name(&end), "10.0.0.1");
        end.name = "conning".to_owned();
        assert_eq!(end_name(&end), "conning");
    }
}
