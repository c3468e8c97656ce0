//! The vendor a MAC prefix is assigned to, by the IEEE public listing (MA-L 24, MA-M 28, MA-S and IAB 36 bits), longest prefix first.
//!
//! This names the maker of the network chip or board, never the brand of the equipment.

use dogwatch_model::Mac;

/// Sorted lines `prefix<TAB>vendor`; made by `data/make-oui.py`.
static TABLE: &str = include_str!("../data/oui.tsv");

/// The vendor of `mac`; `None` for group, locally administered and unassigned addresses.
#[must_use]
pub fn vendor(mac: Mac) -> Option<&'static str> {
    if mac.is_group() || mac.is_local() || mac.is_none() {
        return None;
    }
    let digits = mac.to_string().replace(':', "");
    [9, 7, 6].into_iter().find_map(|length| exact(digits.get(..length)?))
}

/// Binary search by byte position: half-way points are moved back to the start of their line.
fn exact(prefix: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low.midpoint(high);
        let start = TABLE.as_bytes().get(..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = TABLE.get(start..)?.lines().next()?;
        let (key, vendor) = line.split_once('\t')?;
        match key.cmp(prefix) {
            std::cmp::Ordering::Equal => return Some(vendor),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_prefix_wins() {
        for (mac, want) in [
            ("00:90:e8:01:02:03", Some("MOXA TECHNOLOGIES CORP., LTD.")),
            ("00:50:c2:88:61:23", Some("Wartsila Voyage Limited")),
            ("02:90:e8:01:02:03", None),
            ("01:00:5e:00:00:01", None),
            ("00:00:00:00:00:00", None),
        ] {
            assert_eq!(vendor(mac.parse().unwrap()), want, "{mac}");
        }
    }

    #[test]
    fn table_is_sorted_and_every_row_is_found() {
        let keys: Vec<&str> = TABLE.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        assert!(keys.len() > 30_000, "{} rows", keys.len());
        assert!(keys.is_sorted());
        for key in keys.iter().step_by(97) {
            assert!(exact(key).is_some(), "{key}");
        }
    }
}
