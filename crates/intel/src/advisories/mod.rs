//! Published advisories, and which of them may be about a device: by maker, model and firmware version as the device tells them.
//!
//! An answer is what the index of a date holds, and never that a device is not vulnerable: what nobody published is not in it. Only ranges that can
//! be compared beyond doubt make a match certain; the rest is for a person to check.

mod csaf;
mod kev;
mod names;
mod version;

use dogwatch_model::{Asset, Attribute};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use crate::import::FileReport;
use version::{Range, Within};

/// Bounds of the index. All advisories of CISA for industrial systems since 2010 are 20 thousand entries.
const MOST_DOCUMENTS: usize = 50_000;
const MOST_ENTRIES: usize = 500_000;
const MOST_EXPLOITED: usize = 100_000;
/// Advisories told of one device.
const MOST_MATCHES: usize = 500;
/// From here on a match is told as one (catalogue: `min_confidence`).
const CERTAIN: u8 = 70;
/// At most this where the maker is only known by the network card.
const OF_CARD: u8 = 50;

/// What an advisory says of a product and a vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It has it.
    Affected,
    /// The maker is looking.
    UnderInvestigation,
    /// It had it.
    Fixed,
    /// It does not have it.
    NotAffected,
}

/// One advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id, e.g. `ICSA-24-165-18`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
    /// When it was changed last, as it says.
    pub date: String,
}

/// A product as an advisory describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Product {
    vendor: String,
    name: String,
    models: Vec<String>,
    range: Range,
}

/// One vulnerability of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    cve: String,
    score_tenths: Option<u8>,
    status: Status,
    remedy: Option<String>,
}

/// One product of one advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    product: Product,
    faults: Vec<Fault>,
    document: u32,
}

/// Advisories read so far.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    documents: Vec<Document>,
    entries: Vec<Vec<Entry>>,
    by_id: HashMap<String, usize>,
    held: usize,
    exploited: HashSet<String>,
}

impl Collected {
    /// Takes one CSAF document in.
    pub(crate) fn read(&mut self, text: &str, report: &mut FileReport) {
        csaf::read(text, self, report);
    }

    /// Takes a list of vulnerabilities known to be exploited in.
    pub(crate) fn read_exploited(&mut self, text: &str, report: &mut FileReport) {
        kev::read(text, &mut self.exploited, report);
    }

    /// Of two issues of one advisory the newer one stays.
    fn add(&mut self, document: Document, entries: Vec<Entry>) -> Result<(), &'static str> {
        let known = self.by_id.get(&document.id).copied();
        if let Some(at) = known {
            let (Some(old), Some(of_old)) = (self.documents.get_mut(at), self.entries.get_mut(at)) else {
                return Err("cannot be kept");
            };
            if old.date >= document.date {
                return Err("the same advisory was read before, of this date or a newer one");
            }
            self.held = self.held.saturating_sub(of_old.len()).saturating_add(entries.len());
            (*old, *of_old) = (document, entries);
            return Ok(());
        }
        if self.documents.len() >= MOST_DOCUMENTS || self.held.saturating_add(entries.len()) > MOST_ENTRIES {
            return Err("the index is full");
        }
        self.held = self.held.saturating_add(entries.len());
        self.by_id.insert(document.id.clone(), self.documents.len());
        self.documents.push(document);
        self.entries.push(entries);
        Ok(())
    }
}

/// What a device tells of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Device<'a> {
    /// Its maker.
    pub vendor: Option<&'a str>,
    /// Model and product code.
    pub models: &'a [&'a str],
    /// Version of its firmware.
    pub firmware: Option<&'a str>,
}

/// One advisory that may be about a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Its id.
    pub advisory: String,
    /// Its title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
    /// When it was changed last.
    pub date: String,
    /// The product as the advisory names it.
    pub product: String,
    /// What it is about, most severe first.
    pub faults: Vec<Known>,
    /// How sure the match is, 0..=100.
    pub confidence: u8,
    /// What makes it uncertain; empty for a certain one.
    pub to_check: String,
}

/// One vulnerability of a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// CVE, or what it is called where it has none.
    pub cve: String,
    /// CVSS base score in tenths.
    pub score_tenths: Option<u8>,
    /// Whether it is on a list of those known to be exploited.
    pub is_exploited: bool,
    /// What the publisher says to do.
    pub remedy: Option<String>,
}

impl Match {
    /// Whether it is told as a match, not as something to be checked.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        self.confidence >= CERTAIN
    }

    /// Whether one of its vulnerabilities is known to be exploited.
    #[must_use]
    pub fn is_exploited(&self) -> bool {
        self.faults.iter().any(|fault| fault.is_exploited)
    }
}

/// The index.
#[derive(Debug, Default)]
pub struct Advisories {
    documents: Vec<Document>,
    entries: Vec<Entry>,
    /// By the first word of a maker's name.
    by_vendor: HashMap<String, Vec<u32>>,
    exploited: HashSet<String>,
}

impl Advisories {
    pub(crate) fn new(from: Collected) -> Self {
        let Collected { documents, entries, exploited, .. } = from;
        let mut all = Vec::new();
        for (document, of_it) in entries.into_iter().enumerate() {
            let document = u32::try_from(document).unwrap_or(u32::MAX);
            all.extend(of_it.into_iter().map(|entry| Entry { document, ..entry }));
        }
        let mut by_vendor: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, entry) in all.iter().enumerate() {
            for word in first_words(&entry.product.vendor) {
                by_vendor.entry(word).or_default().push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        Self { documents, entries: all, by_vendor, exploited }
    }

    /// Advisories held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Products held, and how many of them have versions that can be compared.
    #[must_use]
    pub fn products(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.iter().filter(|entry| entry.product.range.is_certain()).count())
    }

    /// The day of the newest advisory: what was published later is not in the index.
    #[must_use]
    pub fn newest(&self) -> Option<&str> {
        self.documents.iter().map(|document| document.date.get(..10).unwrap_or(&document.date)).max()
    }

    /// What may be said of a device of which nothing was found.
    #[must_use]
    pub fn nothing(&self) -> String {
        format!("no published advisory in the index of {}", self.newest().unwrap_or("no date"))
    }

    /// The advisories that may be about a device of the inventory, by what it tells of itself, the surest first. Who made its network card is only a
    /// hint at who made the device: what is found by that is to be checked.
    #[must_use]
    pub fn of_asset(&self, asset: &Asset) -> Vec<Match> {
        let models: Vec<&str> =
            [Attribute::Model, Attribute::ProductCode].into_iter().filter_map(|which| asset.shown(which)).collect();
        let firmware = asset.shown(Attribute::FirmwareVersion);
        let (told, card) = (asset.shown(Attribute::Manufacturer), asset.shown(Attribute::OuiVendor));
        let mut found = self.of_device(&Device { vendor: told.or(card), models: &models, firmware });
        for one in found.iter_mut().filter(|one| told.is_none() && one.is_certain()) {
            one.confidence = OF_CARD;
            "the maker is that of the network card".clone_into(&mut one.to_check);
        }
        found
    }

    /// The advisories that may be about a device, the surest first.
    #[must_use]
    pub fn of_device(&self, device: &Device<'_>) -> Vec<Match> {
        let Some(vendor) = device.vendor.filter(|_| !device.models.is_empty()) else { return Vec::new() };
        let makers = names::makers(vendor);
        let mut rows: Vec<u32> =
            first_words(vendor).iter().filter_map(|word| self.by_vendor.get(word)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let mut by_document: HashMap<u32, Vec<(&Entry, Fit)>> = HashMap::new();
        for entry in rows.iter().filter_map(|row| self.entries.get(*row as usize)) {
            if let Some(fit) = Fit::of(&entry.product, &makers, device) {
                by_document.entry(entry.document).or_default().push((entry, fit));
            }
        }
        let mut all: Vec<Match> =
            by_document.into_iter().filter_map(|(document, found)| self.matched(document, &found)).collect();
        all.sort_by(|one, other| other.confidence.cmp(&one.confidence).then_with(|| one.advisory.cmp(&other.advisory)));
        all.truncate(MOST_MATCHES);
        all
    }

    /// Joins what one advisory says of a device by several of its products.
    fn matched(&self, document: u32, found: &[(&Entry, Fit)]) -> Option<Match> {
        let document = self.documents.get(document as usize)?;
        // the maker says that this very version is mended or never had it
        let cleared: HashSet<&str> = found
            .iter()
            .filter(|(_, fit)| fit.confidence >= CERTAIN)
            .flat_map(|(entry, _)| &entry.faults)
            .filter(|fault| matches!(fault.status, Status::Fixed | Status::NotAffected))
            .map(|fault| fault.cve.as_str())
            .collect();
        let mut best: Option<(&Entry, Fit)> = None;
        let mut faults: Vec<(u8, Known)> = Vec::new();
        for (entry, fit) in found {
            for fault in &entry.faults {
                let confidence = match fault.status {
                    Status::Affected => fit.confidence,
                    Status::UnderInvestigation => fit.confidence.min(50),
                    Status::Fixed | Status::NotAffected => continue,
                };
                if cleared.contains(fault.cve.as_str()) {
                    continue;
                }
                let why = if fault.status == Status::Affected { fit.why } else { "the maker is still looking into it" };
                if best.as_ref().is_none_or(|(_, best)| best.confidence < confidence) {
                    best = Some((entry, Fit { confidence, why }));
                }
                let known = Known {
                    cve: fault.cve.clone(),
                    score_tenths: fault.score_tenths,
                    is_exploited: self.exploited.contains(&fault.cve),
                    remedy: fault.remedy.clone(),
                };
                faults.push((confidence, known));
            }
        }
        let (entry, fit) = best?;
        // beside a certain match, what is only possible says nothing new
        faults.retain(|(confidence, _)| *confidence >= fit.confidence.min(CERTAIN));
        let mut faults: Vec<Known> = faults.into_iter().map(|(_, known)| known).collect();
        faults.sort_by(|one, other| {
            let of = |known: &Known| (known.is_exploited, known.score_tenths);
            of(other).cmp(&of(one)).then_with(|| one.cve.cmp(&other.cve))
        });
        let mut seen = HashSet::new();
        faults.retain(|known| seen.insert(known.cve.clone()));
        Some(Match {
            advisory: document.id.clone(),
            title: document.title.clone(),
            publisher: document.publisher.clone(),
            date: document.date.clone(),
            product: format!("{} {}", entry.product.vendor, entry.product.name),
            faults,
            confidence: fit.confidence,
            to_check: if fit.confidence >= CERTAIN { String::new() } else { fit.why.to_owned() },
        })
    }
}

/// The words a maker's name may be looked up by.
fn first_words(vendor: &str) -> Vec<String> {
    let mut all: Vec<String> =
        names::makers(vendor).iter().filter_map(|name| name.split(' ').next()).map(str::to_owned).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How well a product fits a device.
#[derive(Debug, Clone, Copy)]
struct Fit {
    confidence: u8,
    /// The weakest part of it.
    why: &'static str,
}

impl Fit {
    fn of(product: &Product, makers: &[String], device: &Device<'_>) -> Option<Self> {
        let parts = [of_maker(product, makers)?, of_model(product, makers, device)?, of_version(product, device)?];
        parts.into_iter().min_by_key(|part| part.confidence)
    }
}

fn of_maker(product: &Product, makers: &[String]) -> Option<Fit> {
    let theirs = names::makers(&product.vendor);
    if theirs.iter().any(|name| makers.contains(name)) {
        return Some(Fit { confidence: 95, why: "" });
    }
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with(' '));
    let is_near = theirs.iter().any(|name| makers.iter().any(|own| begins(own, name) || begins(name, own)));
    is_near.then_some(Fit { confidence: 75, why: "the maker's name differs" })
}

fn of_model(product: &Product, makers: &[String], device: &Device<'_>) -> Option<Fit> {
    let name = names::product(&product.name, &product.vendor);
    let compact = names::compact(&name);
    let mut best: Option<Fit> = None;
    for model in device.models {
        let own = makers.iter().map(|maker| names::product(model, maker)).min_by_key(String::len).unwrap_or_default();
        let own_compact = names::compact(&own);
        let fit = if product.models.iter().any(|pattern| names::fits(pattern, model)) {
            Fit { confidence: 95, why: "" }
        } else if own_compact.is_empty() {
            continue;
        } else if own_compact == compact {
            Fit { confidence: 90, why: "" }
        } else if is_named_in(&own, &name) || is_named_in(&name, &own) {
            Fit { confidence: 50, why: "the advisory names a product of a similar name" }
        } else if names::is_family_of(&names::words(&name), model) {
            Fit { confidence: 55, why: "the match is only by family: the advisory names no order number" }
        } else {
            continue;
        };
        if best.as_ref().is_none_or(|best| best.confidence < fit.confidence) {
            best = Some(fit);
        }
    }
    best
}

/// Whether the words of a name, which say enough by themselves, stand side by side in another.
fn is_named_in(short: &str, long: &str) -> bool {
    let (short, long) = (names::words(short), names::words(long));
    let is_telling = short.iter().any(|word| word.chars().any(|c| c.is_ascii_digit()))
        && short.iter().map(String::len).sum::<usize>() >= 4;
    is_telling && long.len() > short.len() && long.windows(short.len()).any(|window| window == short.as_slice())
}

fn of_version(product: &Product, device: &Device<'_>) -> Option<Fit> {
    let Some(firmware) = device.firmware else {
        let is_all = product.range == Range::All;
        let confidence = if is_all { 90 } else { 40 };
        return Some(Fit { confidence, why: "the device did not tell its firmware version" });
    };
    match product.range.holds(firmware) {
        Within::Yes => Some(Fit { confidence: 95, why: "" }),
        Within::No => None,
        Within::Unclear if product.range.is_certain() => {
            Some(Fit { confidence: 40, why: "the version cannot be compared with the advisory's" })
        }
        Within::Unclear => Some(Fit { confidence: 40, why: "the advisory gives the versions in words only" }),
    }
}

#[cfg(test)]
mod tests;
