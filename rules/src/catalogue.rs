//! The detection catalogue: what each detection is called, how bad it is, what to do. Data, compiled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use dogwatch_model::{Category, Severity};
use serde::Deserialize;

/// One row of the catalogue.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// `DW-nnnn`, never reused.
    pub id: String,
    /// Short title.
    pub title: String,
    /// Category.
    pub category: Category,
    /// 1 first wave, 2 next, 3 later.
    pub wave: u8,
    /// How it works, in words.
    pub logic: String,
    /// Base severity.
    pub severity: Severity,
    /// When severity moves.
    #[serde(default)]
    pub severity_note: String,
    /// MITRE ATT&CK for ICS techniques.
    #[serde(default)]
    pub attack_ics: Vec<String>,
    /// Functional elements of MSC-FAL.1/Circ.3.
    #[serde(default)]
    pub imo: Vec<String>,
    /// What to do.
    #[serde(default)]
    pub action: String,
    /// What may look like it and is not, with what is done about it.
    #[serde(default)]
    pub false_positives: Vec<FalsePositive>,
    /// How it is tested.
    #[serde(default)]
    pub test: String,
}

/// Something harmless that looks like the detection.
#[derive(Debug, Clone, Deserialize)]
pub struct FalsePositive {
    /// What it is.
    pub source: String,
    /// What is done about it.
    pub mitigation: String,
}

#[derive(Deserialize)]
struct Document {
    detections: Vec<Row>,
}

/// `catalogue.yaml` as the build script writes it.
static TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));

static ROWS: LazyLock<Result<BTreeMap<String, Row>, String>> = LazyLock::new(|| {
    let document: Document = serde_json::from_str(TEXT).map_err(|error| format!("catalogue.yaml: {error}"))?;
    Ok(document.detections.into_iter().map(|row| (row.id.clone(), row)).collect())
});

/// Every row, by id.
///
/// # Errors
/// When the catalogue compiled in is not valid; a test keeps that from happening.
pub fn rows() -> Result<&'static BTreeMap<String, Row>, &'static str> {
    ROWS.as_ref().map_err(String::as_str)
}

/// One row.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    rows().ok()?.get(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_and_every_row_says_what_to_do() {
        let rows = rows().unwrap();
        assert!(rows.len() > 80, "{}", rows.len());
        for row in rows.values() {
            assert!(row.id.len() == 7 && row.id.starts_with("DW-"), "{}", row.id);
            assert!(!row.title.is_empty() && !row.imo.is_empty(), "{}", row.id);
        }
    }
}
