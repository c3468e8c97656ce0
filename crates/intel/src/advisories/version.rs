//! Versions and ranges of versions as advisories write them: compared only where the order is beyond doubt.
//!
//! Certain are `vers:` ranges (package URL version range specifier), plain operator ranges (`>= 1.2 < 1.5`, also behind the words "All
//! versions"), "All versions" alone, and exact versions. Everything else is free text, which nobody but a person should judge.

use std::cmp::Ordering;

/// Bounds of one range; what has more is taken as free text.
const MOST_BOUNDS: usize = 64;
/// Pieces of one version.
const MOST_PIECES: usize = 16;

/// What a version is compared by.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Number(u64),
    Word(String),
}

/// Takes a version apart; `None` where it has no number or is a sentence.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let lower = text.trim().to_lowercase();
    let bare = ["firmware", "version", "ver.", "ver", "v."]
        .iter()
        .fold(lower.as_str(), |rest, word| rest.strip_prefix(word).map_or(rest, str::trim_start));
    let bare = bare.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(bare);
    let mut all = Vec::new();
    let mut rest = bare;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let is_of = |c: char| if is_digit { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
        let end = rest.find(|c: char| !is_of(c)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        if piece.is_empty() {
            // a stroke is no separator: 04/20/2023 is a date
            if !matches!(first, '.' | '-' | '_' | ' ' | '+') {
                return None;
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        all.push(if is_digit { Piece::Number(piece.parse().ok()?) } else { Piece::Word(piece.to_owned()) });
        rest = behind;
    }
    let has_number = all.iter().any(|piece| matches!(piece, Piece::Number(_)));
    (has_number && all.len() <= MOST_PIECES).then_some(all)
}

/// What words behind a version say of it: later than the bare one, earlier, or not known.
fn beyond(rest: &[Piece]) -> Option<Ordering> {
    let ahead = rest.iter().find(|piece| **piece != Piece::Number(0));
    match ahead {
        None => Some(Ordering::Equal),
        Some(Piece::Number(_)) => Some(Ordering::Greater),
        Some(Piece::Word(word)) => match word.as_str() {
            "upd" | "update" | "sp" | "hf" | "hotfix" | "patch" => Some(Ordering::Greater),
            "rc" | "alpha" | "beta" | "pre" | "preview" => Some(Ordering::Less),
            _ => None,
        },
    }
}

/// How two versions stand; `None` where that is not beyond doubt.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (pieces(left)?, pieces(right)?);
    for (one, other) in left.iter().zip(&right) {
        match (one, other) {
            (Piece::Number(one), Piece::Number(other)) if one != other => return Some(one.cmp(other)),
            (Piece::Word(one), Piece::Word(other)) if one != other => return None,
            (Piece::Number(_), Piece::Number(_)) | (Piece::Word(_), Piece::Word(_)) => {}
            _ => return None,
        }
    }
    let shared = left.len().min(right.len());
    match (left.get(shared..), right.get(shared..)) {
        (Some(rest), Some([])) => beyond(rest),
        (Some([]), Some(rest)) => beyond(rest).map(Ordering::reverse),
        _ => None,
    }
}

/// How a bound compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Less,
    AtMost,
    Equal,
    Not,
    AtLeast,
    More,
}

/// Which versions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Range {
    /// Every one.
    All,
    /// Bounds in the order written: lower and upper ones pair up.
    Bounds(Vec<(Op, Box<str>)>),
    /// Words; a person has to read them.
    Text(Box<str>),
}

/// Whether a version is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    Yes,
    No,
    Unclear,
}

impl Range {
    /// Reads a range, or a single version, as it stands in the product tree.
    pub(crate) fn parse(text: &str, is_range: bool) -> Self {
        let text = text.trim();
        let lower = text.to_lowercase();
        let read = if let Some(rest) = lower.strip_prefix("vers:") {
            vers(rest)
        } else if matches!(lower.as_str(), "all versions" | "all" | "*") {
            Some(Self::All)
        } else if lower.contains(['<', '>']) {
            operators(&lower).map(Self::Bounds)
        } else {
            // a lone version, also where a range was announced: that is what such a range means
            let is_exact = is_version(text) && !text.contains(' ') && !lower.ends_with(".x");
            let is_bare = !is_range && pieces(text).is_some_and(|all| words(&all) == 0);
            ((is_exact || is_bare) && !is_from_to(text)).then(|| Self::Bounds(vec![(Op::Equal, text.into())]))
        };
        read.unwrap_or_else(|| Self::Text(crate::import::bounded(text, 200).into()))
    }

    /// Whether it is more than free text.
    pub(crate) const fn is_certain(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// Whether a version is meant.
    pub(crate) fn holds(&self, version: &str) -> Within {
        let bounds = match self {
            Self::All => return Within::Yes,
            Self::Text(_) => return Within::Unclear,
            Self::Bounds(bounds) => bounds,
        };
        let mut orders = Vec::with_capacity(bounds.len());
        for (op, bound) in bounds {
            let Some(order) = compare(version, bound) else { return Within::Unclear };
            orders.push((*op, order));
        }
        if orders.contains(&(Op::Not, Ordering::Equal)) {
            return Within::No;
        }
        if orders.contains(&(Op::Equal, Ordering::Equal)) || is_between(&orders) {
            return Within::Yes;
        }
        let only_not = orders.iter().all(|(op, _)| *op == Op::Not);
        if only_not { Within::Yes } else { Within::No }
    }
}

/// Whether one of the intervals holds: a lower bound opens one, an upper bound closes it, and one may be missing at either end.
fn is_between(orders: &[(Op, Ordering)]) -> bool {
    let mut above: Option<bool> = None;
    for (op, order) in orders {
        let fits = match op {
            Op::Less => order.is_lt(),
            Op::AtMost => order.is_le(),
            Op::AtLeast => order.is_ge(),
            Op::More => order.is_gt(),
            Op::Equal | Op::Not => continue,
        };
        if matches!(op, Op::AtLeast | Op::More) {
            above = Some(fits);
        } else if fits && above.take().unwrap_or(true) {
            return true;
        } else {
            above = None;
        }
    }
    above == Some(true)
}

/// Whether a text is one version, not two of them or a sentence: `< 3.1 with module 7`, `<v36.011_v35.013`, `< 2.1 or 3.0`.
fn is_version(text: &str) -> bool {
    let is_known = |piece: &Piece| match piece {
        Piece::Number(_) => true,
        Piece::Word(word) => match word.as_str() {
            "v" | "or" | "to" | "in" | "on" | "of" | "by" | "up" => false,
            "upd" | "update" | "hotfix" | "patch" | "beta" | "alpha" => true,
            other => other.len() <= 2,
        },
    };
    pieces(text).is_some_and(|all| all.iter().all(is_known))
}

/// Whether a text may mean "from this one to that one": `13.2.1-13.2.4`, `28 - 33`. A build number looks the same.
fn is_from_to(text: &str) -> bool {
    text.split_once('-').is_some_and(|(from, to)| {
        from.trim_end().ends_with(|c: char| c.is_ascii_digit())
            && to.trim_start().starts_with(|c: char| c.is_ascii_digit())
    })
}

fn words(pieces: &[Piece]) -> usize {
    pieces.iter().filter(|piece| matches!(piece, Piece::Word(_))).count()
}

/// What follows `vers:`: a scheme, and bounds between bars.
fn vers(rest: &str) -> Option<Range> {
    let (scheme, bounds) = rest.split_once('/')?;
    if bounds.trim() == "*" {
        return Some(Range::All);
    }
    // "unknown" says of itself that nobody knows the order
    if scheme == "unknown" {
        return None;
    }
    let read = bounds.split('|').map(|bound| {
        let (op, version) = operator(bound.trim());
        let version = version.trim();
        is_version(version).then(|| (op.unwrap_or(Op::Equal), version.into()))
    });
    // some leave the bars out: `vers:all/>=V4.0<V4.2`
    let read = read.collect::<Option<Vec<_>>>().or_else(|| operators(bounds));
    read.filter(|all| all.len() <= MOST_BOUNDS).map(Range::Bounds)
}

/// The operator at the head.
fn operator(text: &str) -> (Option<Op>, &str) {
    let all = [
        ("<=", Op::AtMost),
        (">=", Op::AtLeast),
        ("!=", Op::Not),
        ("==", Op::Equal),
        ("<", Op::Less),
        (">", Op::More),
        ("=", Op::Equal),
    ];
    let found = all.iter().find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (Some(*op), rest)));
    found.unwrap_or((None, text))
}

/// `>= 1.2 < 1.5`, `< V3`, `All versions < V15.1 Upd 3`. `None` where anything else stands between.
fn operators(text: &str) -> Option<Vec<(Op, Box<str>)>> {
    let mut rest = text.trim();
    for word in ["all versions", "versions", "version", "all"] {
        if let Some(behind) = rest.strip_prefix(word) {
            rest = behind.trim_start();
            break;
        }
    }
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (op, behind) = operator(rest);
        let op = op?;
        let end = behind.find(['<', '>', '!', '=', ',', '|', '&']).unwrap_or(behind.len());
        // `<` and its `=` belong together, and were taken; another sign begins the next bound
        let (version, next) = behind.split_at(end);
        let version = version.trim();
        let version = version.strip_suffix(" and").unwrap_or(version);
        if !is_version(version) {
            return None;
        }
        all.push((op, version.into()));
        rest = next.trim_start_matches([',', '|', '&', ' ']);
    }
    (!all.is_empty() && all.len() <= MOST_BOUNDS).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        for (left, right, want) in [
            ("1.2", "1.10", Some(Ordering::Less)),
            ("V1.2", "1.2.0", Some(Ordering::Equal)),
            ("1.2.1", "1.2", Some(Ordering::Greater)),
            ("4.05", "4.5", Some(Ordering::Equal)),
            ("15.1 Upd 3", "V15.1", Some(Ordering::Greater)),
            ("15.1 Upd 2", "15.1 Upd 3", Some(Ordering::Less)),
            ("2.0-rc1", "2.0", Some(Ordering::Less)),
            ("12.3a", "12.3", None),
            ("12.3a", "12.3b", None),
            ("1.2", "B", None),
            ("firmware", "1", None),
            ("99999999999999999999", "1", None),
        ] {
            assert_eq!(compare(left, right), want, "{left} {right}");
        }
    }

    #[test]
    fn ranges() {
        use Within::{No, Unclear, Yes};
        for (range, version, want) in [
            ("vers:all/*", "1", Yes),
            ("vers:intdot/<4.8", "4.7.9", Yes),
            ("vers:intdot/<4.8", "4.8", No),
            ("vers:generic/>=1.0|<1.5|>=2.0|<2.3", "1.7", No),
            ("vers:generic/>=1.0|<1.5|>=2.0|<2.3", "2.2.9", Yes),
            ("vers:generic/>=1.0|<1.5|>=2.0|<2.3", "0.9", No),
            ("vers:generic/>=1.0|!=1.3|<1.5", "1.3", No),
            ("vers:generic/1.1|1.3", "1.3", Yes),
            ("vers:generic/1.1|1.3", "1.2", No),
            ("vers:unknown/<4.8", "4.7", Unclear),
            ("All versions", "1", Yes),
            ("All versions < V15.1 Upd 3", "V15.1 Upd 2", Yes),
            ("All versions < V15.1 Upd 3", "V15.1 Upd 3", No),
            (">= 1.2 and < 1.5", "1.4", Yes),
            (">=1.2|<1.5", "1.5", No),
            ("<= 7.3.0.0", "7.3", Yes),
            ("> 7.3", "7.4", Yes),
            ("1.3", "1.3", Yes),
            ("1.3", "1.4", No),
            ("2.4.x", "2.4.1", Unclear),
            ("2.4 and earlier", "2.3", Unclear),
            ("All versions with U-Boot < V2016.05", "1", Unclear),
            ("All versions < V8.1 with WinCC V7.3 Upd 19", "7", Unclear),
            ("< 3.1", "unknown", Unclear),
            ("vers:all/>=V4.0<V4.2", "4.1", Yes),
            ("vers:all/>=V4.0<V4.2", "4.2", No),
            ("<v36.011_v35.013_v34.014", "34.015", Unclear),
            ("< 2.1 or 3.0", "2.5", Unclear),
            ("< 04/20/2023", "3.1", Unclear),
            ("13.2.1-13.2.4", "13.2.2", Unclear),
            ("28 - 33", "30", Unclear),
            (">= 1.2 | <= 1.5", "1.4", Yes),
            (">= 1.2 | <= 1.5", "1.6", No),
            ("< 1.99 | 2.20 | 2.40", "2.20", Unclear),
            ("<=the_first_5_digits_of_serial_number_22081", "2", Unclear),
            ("< V3.X.17", "3.1.17", Unclear),
            ("< V3.X.17", "2.9", Yes),
            ("", "1", Unclear),
            ("<", "1", Unclear),
        ] {
            assert_eq!(Range::parse(range, true).holds(version), want, "{range} {version}");
        }
    }
}
