//! What published advisories say of one device: certain ones, those to be checked by a person apart, and what the policy marks as not affecting it.

use dogwatch_intel::{Advisories, Match};
use dogwatch_model::{Asset, Attribute};

use crate::service::board::{Mark, Picture};

/// The part of a device's page.
pub(super) struct Published {
    /// Why nothing could be looked up, or that nothing was found.
    pub(super) nothing: String,
    pub(super) advisories: Vec<Advisory>,
    pub(super) to_check: Vec<Advisory>,
    /// The day of the newest advisory.
    pub(super) day: String,
}

/// One advisory.
pub(super) struct Advisory {
    pub(super) found: Match,
    pub(super) faults: Vec<Fault>,
}

/// One vulnerability of it.
pub(super) struct Fault {
    pub(super) cve: String,
    pub(super) score: String,
    pub(super) is_exploited: bool,
    /// Why it does not matter here, when somebody said so.
    pub(super) mark: String,
}

impl Advisory {
    fn new(found: Match, marks: &[Mark]) -> Self {
        let faults = found.faults.iter().map(|fault| Fault {
            cve: fault.cve.clone(),
            score: fault.score_tenths.map(|tenths| format!("CVSS {}.{}", tenths / 10, tenths % 10)).unwrap_or_default(),
            is_exploited: fault.is_exploited,
            mark: marks
                .iter()
                .find(|mark| mark.cve.eq_ignore_ascii_case(&fault.cve))
                .map(|mark| mark.words.clone())
                .unwrap_or_default(),
        });
        Self { faults: faults.collect(), found }
    }

    pub(super) fn date(&self) -> &str {
        self.found.date.get(..10).unwrap_or(&self.found.date)
    }

    /// What the publisher says to do about the gravest.
    pub(super) fn remedy(&self) -> &str {
        self.found.faults.iter().find_map(|fault| fault.remedy.as_deref()).unwrap_or_default()
    }
}

/// What is known of a device; `None` where no advisories were imported.
pub(super) fn of(picture: &Picture, asset: &Asset) -> Option<Published> {
    let index = picture.intel.as_deref().map(|intel| &intel.advisories).filter(|index| !index.is_empty())?;
    let marks = picture.marks.get(&asset.asset_id).map(Vec::as_slice).unwrap_or_default();
    let (certain, unsure): (Vec<Match>, Vec<Match>) = index.of_asset(asset).into_iter().partition(Match::is_certain);
    let all = |found: Vec<Match>| found.into_iter().map(|found| Advisory::new(found, marks)).collect();
    Some(Published {
        nothing: if certain.is_empty() { nothing(index, asset) } else { String::new() },
        day: index.newest().unwrap_or_default().to_owned(),
        advisories: all(certain),
        to_check: all(unsure),
    })
}

fn nothing(index: &Advisories, asset: &Asset) -> String {
    let said = |attribute| asset.shown(attribute).is_some();
    if !(said(Attribute::Manufacturer) || said(Attribute::OuiVendor))
        || !(said(Attribute::Model) || said(Attribute::ProductCode))
    {
        return "It did not tell its maker and model, so no advisory can be looked up for it.".to_owned();
    }
    let words = index.nothing();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).chain(['.']).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::asset;
    use super::*;
    use dogwatch_intel::Import;
    use dogwatch_model::CaptureTime;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn device(firmware: &str) -> Asset {
        let mut device = asset("ast_1", "Tern Marine Controls");
        let values = device.attributes[&Attribute::Manufacturer].clone();
        for (attribute, text) in [(Attribute::Model, "TMC-750"), (Attribute::FirmwareVersion, firmware)] {
            let mut values = values.clone();
            values[0].value = text.to_owned();
            device.attributes.insert(attribute, values);
        }
        device
    }

    #[test]
    fn found_to_check_marked_and_nothing() {
        let mut import = Import::default();
        import.read_advisory("advisory", dogwatch_sim::ADVISORY.as_bytes());
        import.read_exploited("list", b"CVE-2026-00001\n");
        let mut picture = Picture::empty(CaptureTime::default());
        assert!(of(&picture, &device("V1.30")).is_none(), "nothing was brought aboard");
        picture.intel = Some(Arc::new(import.finish()));
        let found = of(&picture, &device("V1.30")).unwrap();
        let advisory = &found.advisories[0];
        assert_eq!((advisory.found.advisory.as_str(), advisory.date()), ("TMC-2026-001", "2026-11-02"));
        assert_eq!(advisory.remedy(), "vendor fix: Update to V2.00 or later.");
        let fault = &advisory.faults[0];
        assert_eq!((fault.score.as_str(), fault.is_exploited, fault.mark.as_str()), ("CVSS 9.8", true, ""));
        let unsure = of(&picture, &device("rev. B")).unwrap();
        assert!(unsure.advisories.is_empty() && unsure.to_check.len() == 1);
        let nothing = of(&picture, &device("V2.00")).unwrap();
        assert!(nothing.advisories.is_empty() && nothing.to_check.is_empty());
        assert_eq!(nothing.nothing, "No published advisory in the index of 2026-11-02.");
        let silent = of(&picture, &asset("ast_1", "Tern Marine Controls")).unwrap();
        assert!(silent.nothing.contains("did not tell its maker and model"));
        let mark = Mark { cve: "CVE-2026-00001".to_owned(), words: "the port is closed (ETO)".to_owned() };
        picture.marks = Arc::new(BTreeMap::from([("ast_1".to_owned(), vec![mark])]));
        assert_eq!(of(&picture, &device("V1.30")).unwrap().advisories[0].faults[0].mark, "the port is closed (ETO)");
    }
}
