//! Allowances a policy lacks for what sources say: sentences by source and function id, parameter groups by NAME.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::navigation::{MANAGEMENT, N2kVerdict, NmeaAsk, NmeaVerdict, STEERING};
use super::proposal::quoted;
use super::propose::{LinePlace, Proposal, Suspect, id_of, is_suspect, list};
use super::{End, Policy};
use crate::aggregates::{Learned, What};
use crate::seen::Identity;

/// Who says it: source, function id, whether the sentences are a maker's own, whether they steer.
type Source = (String, Option<String>, bool, bool);

/// A proposal for what a source says.
#[derive(Debug, Default)]
struct Said {
    talkers: BTreeSet<String>,
    sentences: BTreeSet<String>,
}

impl Policy {
    /// Allowances for sentences, one for each source and function id.
    pub(super) fn propose_sentences(
        &self,
        learned: &Learned,
        devices: &BTreeMap<String, (String, bool)>,
        suspects: &[Suspect],
    ) -> Vec<Proposal> {
        let mut sources: BTreeMap<Source, (Said, Evidence, bool, Option<String>)> = BTreeMap::new();
        for (key, _, row) in &learned.rows {
            let What::Says { sfi, talker, formatter } = key.what else { continue };
            let (from, _) = self.ends_of(learned, key, row);
            let (talker, formatter) = (talker.as_str(), formatter.as_str());
            let ask = NmeaAsk { from, to: End::default(), sfi, talker, formatter };
            let letters =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if matches!(self.nmea_allows(&ask), NmeaVerdict::Allowed(_)) || !letters(talker) || !letters(formatter) {
                continue;
            }
            let (source, needs, is_doubted) = match from.asset.and_then(|asset| self.asset(asset)) {
                Some(asset) => (asset.id.clone(), None, false),
                None => {
                    let address = from.ip.map(|ip| list(&[ip.to_string()])).unwrap_or_default();
                    let Some((id, is_question)) = devices.get(&address) else { continue };
                    (id.clone(), Some(id.clone()), *is_question)
                }
            };
            let steers = STEERING.contains(&formatter);
            let evidence = Evidence::of(row, is_suspect(suspects, key));
            let place = (source, sfi.map(|sfi| sfi.as_str().to_owned()), talker == "P", steers);
            let slot = sources.entry(place).or_insert_with(|| (Said::default(), evidence.clone(), is_doubted, needs));
            if !slot.0.sentences.is_empty() {
                slot.1.join(&evidence);
            }
            if talker == "P" {
                slot.0.sentences.insert(format!("P{formatter}"));
            } else {
                slot.0.talkers.insert(talker.to_owned());
                slot.0.sentences.insert(formatter.to_owned());
            }
        }
        sources
            .into_iter()
            .map(|((source, sfi, _, steers), (said, evidence, is_doubted, needs))| {
                let mut fields = vec![("source", quoted(&source))];
                if let Some(sfi) = &sfi {
                    fields.push(("sfi", list(&[sfi])));
                }
                if !said.talkers.is_empty() {
                    fields.push(("talkers", list(&said.talkers.iter().collect::<Vec<_>>())));
                }
                fields.push(("sentences", list(&said.sentences.iter().collect::<Vec<_>>())));
                let mut doubts = evidence.doubts();
                if steers {
                    fields.push(("role", quoted("steering-command")));
                    doubts.push("it steers the ship".to_owned());
                }
                if is_doubted {
                    doubts.push("its source is not declared yet".to_owned());
                }
                let sentences: Vec<_> = said.sentences.iter().map(String::as_str).collect();
                let what = format!(
                    "{source}{} SAYS {}",
                    sfi.map(|sfi| format!(" as {sfi}")).unwrap_or_default(),
                    sentences.join(", ")
                );
                let place = LinePlace::Table("nmea");
                let danger = if steers { 90 } else { 55 };
                Proposal {
                    id: id_of(&place, &fields),
                    danger,
                    what,
                    seen: evidence.words(),
                    doubts,
                    needs,
                    place,
                    fields,
                }
            })
            .collect()
    }

    /// Allowances for parameter groups, one for each NAME.
    pub(super) fn propose_groups(&self, learned: &Learned) -> Vec<Proposal> {
        let mut sources: BTreeMap<(String, u64), (BTreeSet<u32>, Evidence)> = BTreeMap::new();
        for (key, _, row) in &learned.rows {
            let (What::Sends { pgn }, Some(Identity::Name(name))) = (key.what, key.from.identity()) else { continue };
            let name = name.number();
            if row.bus.is_empty() || self.bus_zone(&row.bus).is_none() {
                continue;
            }
            if matches!(self.n2k_allows(&row.bus, name, pgn), N2kVerdict::Allowed(_) | N2kVerdict::Management)
                || MANAGEMENT.contains(&pgn)
            {
                continue;
            }
            let evidence = Evidence::of(row, false);
            let slot = sources.entry((row.bus.clone(), name)).or_insert_with(|| (BTreeSet::new(), evidence.clone()));
            if !slot.0.is_empty() {
                slot.1.join(&evidence);
            }
            slot.0.insert(pgn);
        }
        sources
            .into_iter()
            .map(|((bus, name), (pgns, evidence))| {
                let (source, pattern) = self.n2k_source_for(&bus, name);
                let numbers: Vec<String> = pgns.iter().map(u32::to_string).collect();
                let fields = vec![
                    ("source", quoted(&source)),
                    ("bus", quoted(&bus)),
                    ("name", pattern),
                    ("pgn", format!("[{}]", numbers.join(", "))),
                ];
                let place = LinePlace::Table("n2k");
                let what = format!("{source} on {bus} SENDS PGN {}", numbers.join(", "));
                let doubts = evidence.doubts();
                Proposal {
                    id: id_of(&place, &fields),
                    danger: 55,
                    what,
                    seen: evidence.words(),
                    doubts,
                    needs: None,
                    place,
                    fields,
                }
            })
            .collect()
    }
}
