//! Changes a policy file in place: lines are added, the mode is set, and everything a person wrote (comments, order, spacing) stays as it is.

use anyhow::Context;
use dogwatch_rules::policy::{LinePlace, Proposal};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// A policy file being changed.
#[derive(Debug, Clone)]
pub struct Editor {
    document: DocumentMut,
}

/// Who answers for a line that is added.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// His name or post.
    pub owner: &'a str,
    /// The day, `2027-03-21`.
    pub day: &'a str,
}

impl Editor {
    /// Opens a text.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn open(text: &str) -> anyhow::Result<Self> {
        Ok(Self { document: text.parse().context("the policy is no TOML")? })
    }

    /// The text as it is now.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Adds a line with its evidence as a comment.
    ///
    /// # Errors
    /// When the file has something else where the line belongs.
    pub fn add(&mut self, proposal: &Proposal, signature: Signature<'_>) -> anyhow::Result<()> {
        let comment = format!("{}, {}: {}", one_line(signature.owner), signature.day, one_line(&proposal.seen));
        match &proposal.place {
            LinePlace::Table(name) => {
                let fields = fields(&proposal.fields, "")?;
                push(self.document.as_table_mut(), name, fields, &format!("\n# {comment}\n"))
            }
            LinePlace::Conduit(id) => self.allow(id, proposal, &comment),
            LinePlace::NewConduit { id, from, to } => {
                if self.conduit(id).is_none() {
                    let head = [
                        ("id", Value::from(id.as_str()).to_string()),
                        ("from", Value::from(from.as_str()).to_string()),
                        ("to", Value::from(to.as_str()).to_string()),
                        ("reason", Value::from(format!("learned, reviewed {}", signature.day)).to_string()),
                        ("owner", Value::from(signature.owner).to_string()),
                    ];
                    push(self.document.as_table_mut(), "conduit", fields(&head, "")?, "\n")?;
                }
                self.allow(id, proposal, &comment)
            }
        }
    }

    fn allow(&mut self, conduit: &str, proposal: &Proposal, comment: &str) -> anyhow::Result<()> {
        let fields = fields(&proposal.fields, "  ")?;
        let conduit = self.conduit(conduit).with_context(|| format!("there is no conduit \"{conduit}\" any more"))?;
        push(conduit, "allow", fields, &format!("\n  # {comment}\n  "))
    }

    fn conduit(&mut self, id: &str) -> Option<&mut dyn toml_edit::TableLike> {
        named(self.document.as_table_mut(), "conduit", id)
    }

    /// Sets the mode of the vessel, or of one zone.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn set_mode(&mut self, zone: Option<&str>, mode: &str) -> anyhow::Result<()> {
        let table: &mut dyn toml_edit::TableLike = match zone {
            None => self.document.as_table_mut(),
            Some(id) => {
                named(self.document.as_table_mut(), "zone", id).with_context(|| format!("there is no zone \"{id}\""))?
            }
        };
        match table.get_mut("mode").and_then(Item::as_value_mut) {
            Some(value) => {
                let decor = value.decor().clone();
                *value = Value::from(mode);
                *value.decor_mut() = decor;
            }
            None => {
                table.insert("mode", Item::Value(Value::from(mode)));
            }
        }
        Ok(())
    }
}

/// The element of a list of tables that has this id.
fn named<'t>(table: &'t mut Table, list: &str, id: &str) -> Option<&'t mut dyn toml_edit::TableLike> {
    let is = |table: &dyn toml_edit::TableLike| table.get("id").and_then(Item::as_str) == Some(id);
    match table.get_mut(list)? {
        Item::ArrayOfTables(tables) => tables.iter_mut().find(|table| is(*table)).map(|table| table as _),
        Item::Value(Value::Array(array)) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).find(|table| is(*table)).map(|table| table as _)
        }
        _ => None,
    }
}

/// A table of fields whose values are written as TOML.
fn fields(fields: &[(&'static str, String)], indent: &str) -> anyhow::Result<Table> {
    let mut table = Table::new();
    for (key, value) in fields {
        let value: Value = value.parse().with_context(|| format!("{key} = {value}"))?;
        table.insert(key, Item::Value(value.decorated(" ", "")));
        if let Some(mut key) = table.key_mut(key) {
            key.leaf_decor_mut().set_prefix(indent);
        }
    }
    Ok(table)
}

/// Adds a table to a list of tables, in the form the list has.
fn push(table: &mut dyn toml_edit::TableLike, list: &str, mut fields: Table, before: &str) -> anyhow::Result<()> {
    let item = table.entry(list).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match item {
        Item::ArrayOfTables(tables) => {
            fields.decor_mut().set_prefix(before);
            tables.push(fields);
        }
        Item::Value(Value::Array(array)) => {
            let mut inline: InlineTable = fields.into_inline_table();
            for (mut key, _) in inline.iter_mut() {
                key.leaf_decor_mut().clear();
            }
            array.push(inline);
        }
        other => anyhow::bail!("\"{list}\" is {}, not a list of tables", other.type_name()),
    }
    Ok(())
}

/// Text for a comment: nothing in it may end the line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use dogwatch_model::CaptureTime;
    use dogwatch_rules::policy::check;
    use proptest::prelude::*;

    use super::*;

    const POLICY: &str = include_str!("../../pcaps/sim/ships/general-cargo.toml");
    const SIGNED: Signature<'static> = Signature { owner: "ETO", day: "2027-03-21" };

    fn proposal(place: LinePlace, fields: &[(&'static str, &str)]) -> Proposal {
        Proposal {
            id: String::new(),
            danger: 0,
            what: String::new(),
            seen: "every 2.0 s, 14 days\nat_sea".to_owned(),
            doubts: Vec::new(),
            needs: None,
            place,
            fields: fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
        }
    }

    fn kinds() -> Vec<Proposal> {
        let policy = check(POLICY, "p", CaptureTime(0)).policy.unwrap();
        let conduit = policy.conduits.first().unwrap();
        let (from, to) = (policy.zone_id(Some(conduit.from)).to_owned(), policy.zone_id(Some(conduit.to)).to_owned());
        let line = [
            ("app", "\"modbus\""),
            ("unit", "[1]"),
            ("op", "[\"read\"]"),
            ("table", "\"holding\""),
            ("addr", "[\"7-9\"]"),
        ];
        vec![
            proposal(LinePlace::Conduit(conduit.id.clone()), &line),
            proposal(LinePlace::NewConduit { id: "made".to_owned(), from, to }, &line),
            proposal(
                LinePlace::Table("asset"),
                &[("id", "\"new-one\""), ("zone", "\"machinery\""), ("ip", "[\"10.20.2.250\"]")],
            ),
            proposal(LinePlace::Table("window"), &[]),
        ]
    }

    /// Every line of `old` is in `new`, in the same order.
    fn survives(old: &str, new: &str) -> bool {
        let mut new = new.lines();
        old.lines().all(|line| new.any(|other| other == line))
    }

    #[test]
    fn a_line_stands_below_its_conduit_with_its_evidence() {
        let mut editor = Editor::open(POLICY).unwrap();
        editor.add(&kinds()[0], SIGNED).unwrap();
        let text = editor.text();
        let added = "  # ETO, 2027-03-21: every 2.0 s, 14 days at_sea\n  [[conduit.allow]]\n  app = \"modbus\"\n  unit = [1]\n  op = [\"read\"]\n  table = \"holding\"\n  addr = [\"7-9\"]\n";
        assert!(text.contains(added), "{text}");
        let (before, after) =
            (check(POLICY, "p", CaptureTime(0)).policy.unwrap(), check(&text, "p", CaptureTime(0)).policy.unwrap());
        assert_eq!(after.conduits[0].lines.len(), before.conduits[0].lines.len() + 1);
        assert!(survives(POLICY, &text));
    }

    #[test]
    fn a_new_conduit_is_made_once() {
        let mut editor = Editor::open(POLICY).unwrap();
        editor.add(&kinds()[1], SIGNED).unwrap();
        editor.add(&kinds()[1], SIGNED).unwrap();
        let policy = check(&editor.text(), "p", CaptureTime(0)).policy.unwrap();
        let made = policy.conduits.iter().find(|conduit| conduit.id == "made").unwrap();
        assert_eq!((made.lines.len(), made.owner.as_str()), (2, "ETO"));
    }

    #[test]
    fn the_mode_keeps_its_comment() {
        let mut editor = Editor::open("mode = \"learn\"  # until March\n[[zone]]\nid = \"a\" # x\n").unwrap();
        editor.set_mode(None, "enforce").unwrap();
        editor.set_mode(Some("a"), "watch").unwrap();
        assert_eq!(editor.text(), "mode = \"enforce\"  # until March\n[[zone]]\nid = \"a\" # x\nmode = \"watch\"\n");
        assert!(editor.set_mode(Some("b"), "watch").is_err());
    }

    #[test]
    fn lists_written_inline_stay_inline() {
        let mut editor = Editor::open("asset = [{ id = \"a\" }] # mine\n").unwrap();
        editor.add(&kinds()[2], SIGNED).unwrap();
        assert!(editor.text().starts_with("asset = [{ id = \"a\" }, { id = \"new-one\""), "{}", editor.text());
        assert!(editor.text().ends_with("# mine\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever comments and blank lines an owner has put anywhere, they are all there afterwards, in their order.
        #[test]
        fn comments_and_order_survive(
            notes in proptest::collection::vec((0_usize..400, "[ -~]{0,30}"), 0..40),
            which in proptest::collection::vec(0_usize..4, 1..12),
        ) {
            let mut lines: Vec<String> = POLICY.lines().map(str::to_owned).collect();
            let places: Vec<usize> = (0..lines.len()).filter(|at| {
                // not inside a list that runs over several lines
                let before = lines[..*at].concat();
                before.matches('[').count() == before.matches(']').count()
            }).collect();
            let mut notes: Vec<(usize, String)> = notes.into_iter().map(|(at, text)| (places[at % places.len()], text)).collect();
            notes.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            for (at, text) in notes {
                lines.insert(at, format!("# {text}"));
            }
            let old = lines.join("\n") + "\n";
            let mut editor = Editor::open(&old).unwrap();
            let kinds = kinds();
            for at in which {
                editor.add(&kinds[at], SIGNED).unwrap();
            }
            let new = editor.text();
            prop_assert!(survives(&old, &new), "{new}");
        }
    }
}
