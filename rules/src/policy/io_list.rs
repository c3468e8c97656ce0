//! An I/O list, as makers hand it over in a spreadsheet, to `[[point]]` text for the plan.
//!
//! CSV after RFC 4180 with what spreadsheets make of it: `;` or `,` between cells, a decimal comma in `;` files, a byte order mark, cells in quotes
//! (on one line). The first row names the columns, in any order; columns that are not known are left out and named. One wrong cell refuses the whole
//! list: half a list in the plan would be taken for all of it. Deliberately absent: other encodings than UTF-8, and guessing what a number means.

use std::fmt::{self, Write as _};

use super::diagnostic::nearest;
use super::points::{PointTag, PointType};
use super::words::Word;

/// Rows that are read, and errors that are told.
const MOST_ROWS: usize = 20_000;
const MOST_ERRORS: usize = 50;

/// What the columns are called; others stand for the one they lead to.
const COLUMNS: [&str; 12] =
    ["name", "host", "unit", "table", "object", "address", "type", "words", "scale", "low", "high", "tag"];
const OTHER_NAMES: [(&str, &str); 4] =
    [("asset", "host"), ("addr", "address"), ("register", "address"), ("point", "name")];
/// What programming tools call the types.
const OTHER_TYPES: [(&str, &str); 14] = [
    ("uint16", "u16"),
    ("uint", "u16"),
    ("word", "u16"),
    ("int16", "i16"),
    ("int", "i16"),
    ("uint32", "u32"),
    ("udint", "u32"),
    ("dword", "u32"),
    ("int32", "i32"),
    ("dint", "i32"),
    ("float32", "f32"),
    ("float", "f32"),
    ("real", "f32"),
    ("single", "f32"),
];

/// A cell that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListError {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; expected {}", self.line, self.column, self.message, self.expected)
    }
}

/// What came of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IoList {
    /// The `[[point]]` text; empty when there are errors.
    pub text: String,
    /// Points in it.
    pub points: usize,
    /// Columns that were left out.
    pub unused: Vec<String>,
    /// Addresses that look 1-based, by line.
    pub one_based: Vec<usize>,
    /// What is wrong, at most fifty of it.
    pub errors: Vec<ListError>,
}

/// A cell: the column in characters where it begins, and its text without quotes and blanks around it.
type Cell = (usize, String);

/// Reads a list. `host` gives the id of the asset that a cell names, `None` when there is none.
#[must_use]
pub fn io_list(text: &str, host: &dyn Fn(&str) -> Option<String>) -> IoList {
    let mut list = IoList::default();
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines()).filter(|(_, line)| !line.trim().is_empty());
    let Some((line, header)) = lines.next() else {
        list.error(1, 1, "the file is empty", "a first row with the names of the columns");
        return list;
    };
    let separator = if header.matches(';').count() >= header.matches(',').count() { ';' } else { ',' };
    let Some(columns) = list.columns(line, header, separator) else { return list };
    for (row, (line, text)) in lines.enumerate() {
        if row >= MOST_ROWS {
            list.error(line, 1, "the list is too long", "at most 20000 rows; divide it");
        }
        if list.errors.len() >= MOST_ERRORS {
            break;
        }
        let Some(cells) = list.cells(line, text, separator) else { continue };
        let row = Row { line, cells: &cells, columns: &columns, decimal: if separator == ';' { ',' } else { '.' } };
        let before = list.errors.len();
        let point = row.point(&mut list, host);
        if list.errors.len() == before {
            list.text.push_str(&point);
            list.points += 1;
        }
    }
    if list.points == 0 && list.errors.is_empty() {
        list.error(line, 1, "there is no row below the names of the columns", "one row for each point");
    }
    if !list.errors.is_empty() {
        (list.text, list.points) = (String::new(), 0);
    }
    list
}

impl IoList {
    fn error(&mut self, line: usize, column: usize, message: impl Into<String>, expected: impl Into<String>) {
        self.errors.push(ListError { line, column, message: message.into(), expected: expected.into() });
    }

    /// The columns by position; those that are not known are noted.
    fn columns(&mut self, line: usize, header: &str, separator: char) -> Option<Vec<Option<&'static str>>> {
        let cells = self.cells(line, header, separator)?;
        let mut columns: Vec<Option<&'static str>> = Vec::new();
        for (column, name) in cells {
            let lower = name.to_lowercase();
            let meant = OTHER_NAMES.iter().find(|(other, _)| *other == lower).map_or(lower.as_str(), |(_, name)| name);
            let known = COLUMNS.into_iter().find(|known| *known == meant);
            if known.is_some() && columns.contains(&known) {
                self.error(line, column, format!("column \"{name}\" stands twice"), "each column once");
            }
            if known.is_none() && !name.is_empty() {
                self.unused.push(name);
            }
            columns.push(known);
        }
        let has = |wanted: &str| columns.contains(&COLUMNS.into_iter().find(|known| *known == wanted));
        let missing = [("name", has("name")), ("host", has("host")), ("address", has("address") || has("object"))];
        for (wanted, _) in missing.into_iter().filter(|(_, is_there)| !is_there) {
            let near = self.unused.iter().find(|unused| nearest(&unused.to_lowercase(), [wanted]).is_some());
            let expected = match near {
                Some(near) => format!("\"{wanted}\"; is it \"{near}\"?"),
                None => format!("the columns name, host and address or object; there may be: {}", COLUMNS.join(", ")),
            };
            self.error(line, 1, format!("there is no column \"{wanted}\""), expected);
        }
        self.errors.is_empty().then_some(columns)
    }

    /// The cells of a line.
    fn cells(&mut self, line: usize, text: &str, separator: char) -> Option<Vec<Cell>> {
        let mut cells = Vec::new();
        let (mut cell, mut begin, mut is_quoted) = (String::new(), 1, false);
        let mut each = (1..).zip(text.chars()).peekable();
        while let Some((column, c)) = each.next() {
            match c {
                '"' if is_quoted && each.next_if(|(_, next)| *next == '"').is_some() => cell.push('"'),
                '"' if is_quoted => is_quoted = false,
                '"' if cell.trim().is_empty() => {
                    cell.clear();
                    is_quoted = true;
                }
                c if c == separator && !is_quoted => {
                    cells.push((begin, cell.trim().to_owned()));
                    cell.clear();
                    begin = column + 1;
                }
                c => cell.push(c),
            }
        }
        if is_quoted {
            self.error(
                line,
                begin,
                "the quote is not closed on this line",
                "\"…\" on one line, \"\" for a quote inside",
            );
            return None;
        }
        cells.push((begin, cell.trim().to_owned()));
        Some(cells)
    }
}

/// One row.
struct Row<'r> {
    line: usize,
    cells: &'r [Cell],
    columns: &'r [Option<&'static str>],
    decimal: char,
}

impl Row<'_> {
    /// A cell that is not empty.
    fn cell(&self, name: &str) -> Option<(usize, &str)> {
        let at = self.columns.iter().position(|column| *column == Some(name))?;
        self.cells.get(at).map(|(column, text)| (*column, text.as_str())).filter(|(_, text)| !text.is_empty())
    }

    /// The `[[point]]` of the row; whatever is wrong is noted in `list`.
    fn point(&self, list: &mut IoList, host: &dyn Fn(&str) -> Option<String>) -> String {
        let mut text = String::from("[[point]]\n");
        let mut put = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {value}");
        };
        match self.cell("name") {
            Some((_, name)) => put("name", &quoted(name)),
            None => list.error(self.line, 1, "the point has no name", "what people call it, in column \"name\""),
        }
        match self.cell("host").map(|(column, name)| (column, name, host(name))) {
            Some((_, _, Some(id))) => put("asset", &quoted(&id)),
            Some((column, name, None)) => {
                list.error(
                    self.line,
                    column,
                    format!("\"{name}\" is no asset"),
                    "the id of an asset of the plan, or its address with --policy",
                );
            }
            None => list.error(self.line, 1, "the point has no host", "the id of an asset, in column \"host\""),
        }
        let place = match self.cell("object") {
            Some((_, object)) => vec![("object", quoted(object))],
            None => self.register(list),
        };
        place.iter().for_each(|(key, value)| put(key, value));
        if let Some((column, given)) = self.cell("type") {
            let lower = given.to_lowercase();
            let meant = OTHER_TYPES.iter().find(|(other, _)| *other == lower).map_or(lower.as_str(), |(_, name)| name);
            match PointType::from_word(meant) {
                Some(_) => put("type", &quoted(meant)),
                None => list.error(self.line, column, format!("\"{given}\" is no type"), PointType::ALL.join(", ")),
            }
        }
        if let Some((column, given)) = self.cell("words") {
            match given {
                "high-first" | "low-first" => put("words", &quoted(given)),
                _ => list.error(
                    self.line,
                    column,
                    format!("\"{given}\" is no order of words"),
                    "high-first or low-first",
                ),
            }
        }
        for key in ["scale", "low", "high"] {
            if let Some(number) = self.number(key, list) {
                put(key, &number.to_string());
            }
        }
        if let Some((column, given)) = self.cell("tag") {
            match PointTag::from_word(given) {
                Some(_) => put("tag", &quoted(given)),
                None => list.error(
                    self.line,
                    column,
                    format!("\"{given}\" is no tag"),
                    format!("{} or nothing", PointTag::ALL.join(", ")),
                ),
            }
        }
        text.push('\n');
        text
    }

    /// Unit, table and address.
    fn register(&self, list: &mut IoList) -> Vec<(&'static str, String)> {
        let mut place = Vec::new();
        if let Some((column, unit)) = self.cell("unit") {
            match unit.parse::<u8>() {
                Ok(unit) => place.push(("unit", unit.to_string())),
                Err(_) => {
                    list.error(self.line, column, format!("unit \"{unit}\" cannot be"), "the Modbus unit id, 0 to 255")
                }
            }
        }
        let mut table = None;
        if let Some((column, word)) = self.cell("table") {
            table = match word.to_lowercase().as_str() {
                "holding" | "4x" | "holding register" => Some("holding"),
                "input" | "3x" | "input register" => Some("input"),
                _ => {
                    list.error(self.line, column, format!("\"{word}\" is no table of points"), "holding or input");
                    None
                }
            };
        }
        let Some((column, address)) = self.cell("address") else {
            list.error(
                self.line,
                1,
                "the point has no place",
                "a number in column \"address\", or a name in column \"object\"",
            );
            return place;
        };
        // the 1-based notation that names its table
        let lower = address.to_lowercase();
        let noted = [("4x", "holding"), ("3x", "input")]
            .into_iter()
            .find_map(|(prefix, of)| Some((lower.strip_prefix(prefix)?, of)));
        let (address, of) = match noted {
            Some((number, of)) => (number.parse::<u32>().ok().and_then(|number| number.checked_sub(1)), Some(of)),
            None => (lower.parse::<u32>().ok(), None),
        };
        let Some(address) = address.and_then(|address| u16::try_from(address).ok()) else {
            let expected = "a zero-based number from 0 to 65535, or 1-based as 4x00001 or 3x00001";
            list.error(self.line, column, format!("address \"{lower}\" cannot be"), expected);
            return place;
        };
        if of.is_some_and(|of| table.is_some_and(|table| table != of)) {
            list.error(self.line, column, "address and table contradict each other", "4x for holding, 3x for input");
        }
        if of.is_none() && matches!(address, 30_001..=39_999 | 40_001..=49_999) {
            list.one_based.push(self.line);
        }
        if let Some(table) = of.or(table) {
            place.push(("table", quoted(table)));
        }
        place.push(("addr", address.to_string()));
        place
    }

    fn number(&self, name: &str, list: &mut IoList) -> Option<f64> {
        let (column, text) = self.cell(name)?;
        let is_plain = text.chars().all(|c| c.is_ascii_digit() || "+-.,eE".contains(c));
        let has_point = text.contains('.');
        let plain = if self.decimal == ',' && !has_point { text.replace(',', ".") } else { text.to_owned() };
        let number = plain.parse::<f64>().ok().filter(|number| number.is_finite() && is_plain);
        if number.is_none() {
            let expected = match self.decimal {
                ',' => "a number such as 0,1 or 0.1, without thousands marks and unit",
                _ => "a number such as 0.1, without thousands marks and unit",
            };
            list.error(self.line, column, format!("{name} \"{text}\" is no number"), expected);
        }
        number
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::check;
    use dogwatch_model::CaptureTime;

    const PLAN: &str = "format = 1\nmode = \"enforce\"\n[vessel]\nname = \"T\"\n[[zone]]\nid = \"machinery\"\nlabel = \"M\"\n\
        function = \"propulsion\"\nclass = \"ot\"\ncriticality = \"high\"\ndevices = \"fixed\"\nsubnet = [\"10.0.2.0/24\"]\n\
        [[asset]]\nid = \"plc\"\nzone = \"machinery\"\nip = [\"10.0.2.21\"]\n";

    fn read(text: &str) -> IoList {
        io_list(text, &|host| matches!(host, "plc" | "10.0.2.21").then(|| "plc".to_owned()))
    }

    #[test]
    fn a_list_becomes_points_of_the_plan() {
        let european = "\u{feff}Tag;Address;Host;Name;Unit;Table;Type;Scale;Low;High;Remark\r\n\
            ;4x00006;plc;\"Exhaust; cylinder \"\"3\"\"\";1;;int;0,1;20;450,5;port side\r\n\r\n\
            trip;110;10.0.2.21;Overspeed;2;holding;;;;;\r\n";
        let english = "host,name,object,type,low\nplc,Tank,DB10.DBD4,REAL,\"-1.5\"\nplc,Bus,ioa:1201,,400\n";
        for (list, points, first) in [
            (european, 2, ("Exhaust; cylinder \"3\"", Some(20.0), Some(450.5), "holding 5 unit 1")),
            (english, 2, ("Tank", Some(-1.5), None, "DB10.DBD4")),
        ] {
            let read = read(list);
            assert!(read.errors.is_empty() && read.points == points, "{read:?}");
            let checked = check(&format!("{PLAN}{}", read.text), "t.toml", CaptureTime::from_parts(1_800_000_000, 0));
            let policy = checked.policy.unwrap_or_else(|| panic!("{:?}\n{}", checked.diagnostics, read.text));
            let (name, low, high, place) = first;
            let all: Vec<_> = policy.every_point().collect();
            let point = all.iter().find(|point| point.name == name).unwrap_or_else(|| panic!("{all:?}"));
            assert_eq!((point.low, point.high, point.place.to_string().as_str()), (low, high, place));
            assert_eq!(all.len(), points);
        }
        assert_eq!(read(european).unused, ["Remark"]);
    }

    #[test]
    fn errors_name_the_cell_and_what_is_expected() {
        for (list, line, column, message, expected) in [
            ("", 1, 1, "empty", "first row"),
            ("name;host;adress\na;plc;1\n", 1, 1, "no column \"address\"", "is it \"adress\"?"),
            ("name;host;address\na;plc;70000\n", 2, 7, "address \"70000\"", "0 to 65535"),
            ("name;host;address\na;plc;4x00000\n", 2, 7, "address \"4x00000\"", "1-based as 4x00001"),
            ("name;host;address\nb;plc;1\n\na;plk;1\n", 4, 3, "\"plk\" is no asset", "id of an asset"),
            ("name;host;address;scale\na;plc;1;1.000,5\n", 2, 9, "scale \"1.000,5\"", "0,1 or 0.1"),
            ("name,host,address,scale\na,plc,1,\"0,1\"\n", 2, 9, "scale \"0,1\"", "such as 0.1"),
            ("name;host;address;high\na;plc;1;450 °C\n", 2, 9, "high \"450 °C\"", "without thousands marks and unit"),
            ("name;host;address;type\na;plc;1;string\n", 2, 9, "\"string\" is no type", "u16, i16"),
            ("name;host;address;tag\na;plc;1;alarm\n", 2, 9, "\"alarm\" is no tag", "alarm_limit, trip"),
            ("name;host;address;unit\na;plc;1;°C\n", 2, 9, "unit \"°C\"", "0 to 255"),
            ("name;host;address\n\"a;plc;1\n", 2, 1, "not closed", "on one line"),
            ("name;host;address\nä\u{f6};plc;x\n", 2, 8, "address \"x\"", "zero-based"),
            ("name;host;table;address\na;plc;input;4x00001\n", 2, 13, "contradict", "3x for input"),
            ("name;host;address\n;plc;1\n", 2, 1, "no name", "\"name\""),
            ("name;host;address\n", 1, 1, "no row", "one row"),
        ] {
            let list = read(list);
            let error = list.errors.first().unwrap_or_else(|| panic!("{message}: {list:?}"));
            assert_eq!((error.line, error.column), (line, column), "{error}");
            assert!(error.message.contains(message) && error.expected.contains(expected), "{error}");
            assert!(list.text.is_empty(), "nothing of a list with errors");
        }
        assert_eq!(read("name;host;address\na;plc;40001\n").one_based, [2]);
    }
}
