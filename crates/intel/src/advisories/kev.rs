//! Vulnerabilities known to be exploited: the catalogue of CISA as JSON (`vulnerabilities[].cveID`) or CSV (column `cveID`), or one CVE a line.

use hashbrown::HashSet;

use super::MOST_EXPLOITED;
use crate::import::FileReport;

/// Reads one list.
pub(super) fn read(text: &str, out: &mut HashSet<String>, report: &mut FileReport) {
    if text.trim_start().starts_with('{') {
        let file: serde_json::Value = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => return report.error = Some(format!("not JSON: {error}")),
        };
        let Some(all) = file.get("vulnerabilities").and_then(|all| all.as_array()) else {
            return report.error =
                Some("no list of known exploited vulnerabilities: `vulnerabilities` is missing".to_owned());
        };
        for (number, one) in (1..).zip(all) {
            take(number, one.get("cveID").and_then(|id| id.as_str()).unwrap_or_default(), out, report);
        }
        return;
    }
    // quoted fields may hold line breaks: lines that do not begin with a CVE are the rest of such a field
    let is_table = text.lines().next().is_some_and(|line| line.contains("cveID"));
    for (number, line) in (1..).zip(text.lines()) {
        let id = line.split(',').next().unwrap_or_default().trim().trim_matches('"');
        let is_empty = id.is_empty() || id.starts_with('#') || is_table && !id.starts_with("CVE-");
        if !is_empty {
            take(number, id, out, report);
        }
    }
}

fn take(number: u64, id: &str, out: &mut HashSet<String>, report: &mut FileReport) {
    let mut parts = id.split('-');
    let is_number =
        |part: Option<&str>| part.is_some_and(|part| part.len() >= 4 && part.bytes().all(|b| b.is_ascii_digit()));
    let is_cve =
        parts.next() == Some("CVE") && is_number(parts.next()) && is_number(parts.next()) && parts.next().is_none();
    if !is_cve {
        report.skip(number, id, "not a CVE number");
    } else if out.len() >= MOST_EXPLOITED {
        report.skip(number, id, "the list is full");
    } else {
        out.insert(id.to_owned());
        report.loaded = report.loaded.saturating_add(1);
    }
}
