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
    let [a, b, c, d, e, f] = mac.0;
    let digits = format!("{:012x}", u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    let digits = digits.get(..9)?;
    let (nearest, name) = at_or_before(digits)?;
    if digits.starts_with(nearest) {
        return Some(name);
    }
    // A shorter prefix of these digits sorts before them, and all lines between the two begin with it: so does the one found.
    let shorter = [7, 6].into_iter().filter_map(|length| digits.get(..length));
    shorter.filter(|prefix| nearest.starts_with(prefix)).find_map(|prefix| {
        let (found, name) = at_or_before(prefix)?;
        (found == prefix).then_some(name)
    })
}

/// The last line whose prefix is `wanted` or sorts before it. Binary search by byte position: half-way points are moved back to the start of
/// their line.
fn at_or_before(wanted: &str) -> Option<(&'static str, &'static str)> {
    let (mut low, mut high) = (0, TABLE.len());
    let mut best = None;
    while low < high {
        let middle = low.midpoint(high);
        let start = TABLE.as_bytes().get(..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = TABLE.get(start..)?.lines().next()?;
        let (key, vendor) = line.split_once('\t')?;
        if key <= wanted {
            best = Some((key, vendor));
            low = start + line.len() + 1;
        } else {
            high = start;
        }
    }
    best
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
    fn the_search_agrees_with_reading_the_whole_table() {
        let rows: std::collections::BTreeMap<&str, &str> =
            TABLE.lines().filter_map(|line| line.split_once('\t')).collect();
        // cards in every listed block and right beside it
        for key in rows.keys().step_by(53) {
            let base = u64::from_str_radix(&format!("{key:0<12}"), 16).unwrap();
            for number in [base, base + 1, base.wrapping_sub(1), base + (1 << 12), base + (1 << 24)] {
                let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
                let mac = Mac([a, b, c, d, e, f]);
                let digits = format!("{:012x}", number & 0xffff_ffff_ffff);
                let listed = [9, 7, 6].into_iter().find_map(|length| rows.get(&digits[..length]).copied());
                let want = listed.filter(|_| !mac.is_group() && !mac.is_local() && !mac.is_none());
                assert_eq!(vendor(mac), want, "{mac}");
            }
        }
    }

    #[test]
    fn table_is_sorted_and_every_row_is_found() {
        let keys: Vec<&str> = TABLE.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        assert!(keys.len() > 30_000, "{} rows", keys.len());
        assert!(keys.is_sorted());
        for key in keys.iter().step_by(97) {
            assert_eq!(at_or_before(key).map(|found| found.0), Some(*key));
        }
    }
}
