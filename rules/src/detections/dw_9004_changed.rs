//! DW-9004: the policy of the monitor was changed by other means than its own command, or a changed policy could not be used.
//!
//! A change with `dogwatch policy enforce` or `rollback` has an author and a date and is no finding: it stands in the versions. A policy that has
//! errors is not put in force; the old one stays.

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::seen::{Party, PolicySeen};
use crate::text::bounded;

const CARD: Card = Card {
    id: "DW-9004",
    why: "Whoever changes the rules of the monitor decides what it keeps quiet about. A change nobody signed for should be looked at, and a rule that \
          could not be read protects nothing.",
    e26: &["4.2.4", "4.3.1"],
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct Changed;

impl Detector for Changed {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, cx: &mut Context<'_>) {
        let summary = match (seen.refused, seen.author) {
            (Some(problem), _) => {
                format!("The changed policy was refused, the old one stays in force: {}", bounded(problem, 90))
            }
            (None, Some(_)) => return,
            (None, None) => "The policy was changed by hand; nobody signed for it".to_owned(),
        };
        let kind = if seen.refused.is_some() { "refused" } else { "unsigned" };
        let key = format!("{kind}|{}", seen.hash);
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            confidence: 0.95,
            summary: summary.clone(),
            fields: vec![("file".to_owned(), bounded(seen.file, 200)), ("sha256".to_owned(), seen.hash.to_owned())],
            expected: "changes with `dogwatch policy enforce`, by somebody with a name".to_owned(),
            ..Raise::bare(&CARD, (seen.at, 0), Party::nobody(None), String::new())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};

    #[test]
    fn refused_by_hand_and_by_command() {
        let told = |author, refused| {
            let mut bench = Bench::new(Some(SHIP), Box::<Changed>::default());
            bench.policy_seen(author, refused);
            bench.policy_seen(author, refused);
            bench.findings().into_iter().map(|finding| (finding.rule_id, finding.count)).collect::<Vec<_>>()
        };
        assert_eq!(told(None, Some("line 3: no such zone")), [("DW-9004".to_owned(), 2)]);
        assert_eq!(told(None, None), [("DW-9004".to_owned(), 2)]);
        assert!(told(Some("J. Doe"), None).is_empty());
    }
}
