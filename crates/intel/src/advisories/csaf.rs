//! One advisory: CSAF 2.0 (OASIS Standard, 18 November 2022), JSON. Branches, full product names, relationships, product groups and the groups of
//! `product_status` are resolved; what cannot be is left out and told.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::Deserialize;

use super::version::Range;
use super::{Collected, Document, Entry, Fault, Product, Status};
use crate::import::{FileReport, bounded};

/// Levels of branches followed (the standard itself has no limit, real files have four).
const DEEPEST: usize = 16;
/// Products of one document, and model numbers of one product.
const MOST_PRODUCTS: usize = 100_000;
const MOST_MODELS: usize = 256;

#[derive(Deserialize)]
struct File {
    document: Head,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    csaf_version: String,
    title: String,
    publisher: Publisher,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Publisher {
    name: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    current_release_date: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tree {
    branches: Vec<Branch>,
    full_product_names: Vec<FullName>,
    relationships: Vec<Relationship>,
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    category: String,
    name: String,
    #[serde(default)]
    branches: Vec<Branch>,
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    name: String,
    product_id: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Helper {
    model_numbers: Vec<String>,
    skus: Vec<String>,
}

#[derive(Deserialize)]
struct Relationship {
    category: String,
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Vulnerability {
    cve: Option<String>,
    title: Option<String>,
    ids: Vec<Id>,
    product_status: BTreeMap<String, Vec<String>>,
    scores: Vec<Score>,
    remediations: Vec<Remediation>,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Score {
    products: Vec<String>,
    cvss_v3: Option<Cvss>,
    cvss_v2: Option<Cvss>,
}

#[derive(Deserialize)]
struct Cvss {
    #[serde(rename = "baseScore")]
    base_score: f64,
}

#[derive(Deserialize)]
struct Remediation {
    category: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

/// What the branches above a product say of it.
#[derive(Clone, Default)]
struct Path<'a> {
    vendor: Option<&'a str>,
    name: Option<&'a str>,
    version: Option<(&'a str, bool)>,
}

/// Reads one document into `out`.
pub(super) fn read(text: &str, out: &mut Collected, report: &mut FileReport) {
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => return report.error = Some(format!("not a CSAF document: {error}")),
    };
    let head = &file.document;
    if head.csaf_version != "2.0" {
        return report.error = Some(format!("CSAF {}: only 2.0 is read", bounded(&head.csaf_version, 20)));
    }
    if head.tracking.status == "draft" {
        return report.skip(0, &head.tracking.id, "a draft, not published yet");
    }
    let products = products(&file.product_tree, report);
    let document = Document {
        id: bounded(&head.tracking.id, 100),
        title: bounded(&head.title, 160),
        publisher: bounded(&head.publisher.name, 80),
        date: bounded(&head.tracking.current_release_date, 40),
    };
    let entries = entries(&file, &products, report);
    if entries.is_empty() {
        report.skip(0, &document.id, "names no vulnerability of a product that could be matched");
    } else if let Err(why) = out.add(document, entries) {
        report.skip(0, &head.tracking.id, why);
    } else {
        report.loaded = report.loaded.saturating_add(1);
    }
}

/// Every product of the tree by its id.
fn products(tree: &Tree, report: &mut FileReport) -> HashMap<String, Product> {
    let mut all = HashMap::new();
    for branch in &tree.branches {
        walk(branch, &Path::default(), DEEPEST, &mut all, report);
    }
    for name in &tree.full_product_names {
        report.skip(0, &name.name, "stands outside the branches, which alone tell maker and version");
    }
    for relation in &tree.relationships {
        let what = &relation.full_product_name;
        let found = all.get(&relation.product_reference).zip(all.get(&relation.relates_to_product_reference));
        let Some((part, whole)) = found else {
            report.skip(0, &what.name, "a relationship with a product that is not in the branches");
            continue;
        };
        let product = related(relation, part, whole);
        all.insert(what.product_id.clone(), product);
    }
    all
}

/// What is meant by "`part` on `whole`": the device is the whole, and the part is its firmware or something in it whose version is not seen.
fn related(relation: &Relationship, part: &Product, whole: &Product) -> Product {
    let is_installed = matches!(relation.category.as_str(), "installed_on" | "installed_with");
    let is_firmware = part.name.to_lowercase().contains("firmware");
    let mut product = whole.clone();
    if is_installed && is_firmware {
        product.range = part.range.clone();
    } else if part.range != Range::All || !is_installed {
        product.range = Range::Text(bounded(&relation.full_product_name.name, 200).into());
    }
    product
}

fn walk<'a>(
    branch: &'a Branch,
    path: &Path<'a>,
    left: usize,
    all: &mut HashMap<String, Product>,
    report: &mut FileReport,
) {
    let Some(left) = left.checked_sub(1) else {
        return report.skip(0, &branch.name, "branches nested too deep");
    };
    let mut path = path.clone();
    match branch.category.as_str() {
        "vendor" => path.vendor = Some(&branch.name),
        "product_name" => path.name = Some(&branch.name),
        // a family stands in where no product is named
        "product_family" if path.name.is_none() => path.name = Some(&branch.name),
        "product_version" => path.version = Some((&branch.name, false)),
        "product_version_range" => path.version = Some((&branch.name, true)),
        _ => {}
    }
    if let Some(full) = &branch.product {
        match (path.vendor, path.name) {
            _ if all.len() >= MOST_PRODUCTS => report.skip(0, &full.name, "too many products in one document"),
            (Some(vendor), Some(name)) => {
                let helper = &full.product_identification_helper;
                let models = helper.model_numbers.iter().chain(&helper.skus).take(MOST_MODELS);
                let range = path.version.map_or(Range::All, |(text, is_range)| Range::parse(text, is_range));
                let product = Product {
                    vendor: bounded(vendor, 100),
                    name: bounded(name, 200),
                    models: models.map(|model| bounded(model, 100)).collect(),
                    range,
                };
                all.insert(full.product_id.clone(), product);
            }
            _ => report.skip(0, &full.name, "no maker or no product above it in the branches"),
        }
    }
    for below in &branch.branches {
        walk(below, &path, left, all, report);
    }
}

/// The group of a status as the standard's clause 3.2.3.9 names it.
fn status(group: &str) -> Option<Status> {
    Some(match group {
        "known_affected" | "first_affected" | "last_affected" => Status::Affected,
        "under_investigation" => Status::UnderInvestigation,
        "fixed" | "first_fixed" => Status::Fixed,
        "known_not_affected" => Status::NotAffected,
        // what to change to says nothing of what is wrong
        _ => return None,
    })
}

fn entries(file: &File, products: &HashMap<String, Product>, report: &mut FileReport) -> Vec<Entry> {
    let groups: HashMap<&str, &[String]> =
        file.product_tree.product_groups.iter().map(|g| (g.group_id.as_str(), g.product_ids.as_slice())).collect();
    let mut by_product: HashMap<&str, Vec<Fault>> = HashMap::new();
    for (number, vulnerability) in file.vulnerabilities.iter().enumerate() {
        let name = vulnerability.cve.as_deref().or(vulnerability.ids.first().map(|id| id.text.as_str()));
        let name = name.or(vulnerability.title.as_deref());
        let Some(name) = name else {
            report.skip(0, &format!("vulnerability {}", number.saturating_add(1)), "has neither CVE nor another name");
            continue;
        };
        for (group, ids) in &vulnerability.product_status {
            let Some(status) = status(group) else { continue };
            for id in ids {
                if !products.contains_key(id) {
                    report.skip(0, id, format!("{}: no such product could be read", bounded(name, 40)));
                    continue;
                }
                by_product.entry(id).or_default().push(Fault {
                    cve: bounded(name, 60),
                    score_tenths: score(vulnerability, id),
                    status,
                    remedy: remedy(vulnerability, id, &groups),
                });
            }
        }
    }
    let mut entries: Vec<(&str, Entry)> = by_product
        .into_iter()
        .filter_map(|(id, mut faults)| {
            faults.sort_by(|one, other| (&one.cve, one.status).cmp(&(&other.cve, other.status)));
            Some((id, Entry { product: products.get(id)?.clone(), faults, document: 0 }))
        })
        .collect();
    entries.sort_by(|one, other| one.0.cmp(other.0));
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The base score in tenths: version 3 before version 2.
fn score(vulnerability: &Vulnerability, id: &str) -> Option<u8> {
    let of_it = || vulnerability.scores.iter().filter(|score| score.products.iter().any(|product| product == id));
    let highest = |of: &dyn Fn(&Score) -> Option<f64>| {
        of_it().filter_map(of).fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))))
    };
    let base = highest(&|score| score.cvss_v3.as_ref().map(|cvss| cvss.base_score))
        .or_else(|| highest(&|score| score.cvss_v2.as_ref().map(|cvss| cvss.base_score)))?;
    (0..=100_u8).find(|tenths| (f64::from(*tenths) / 10.0 - base).abs() < 0.05)
}

/// What the maker says to do, the best of it: an update before anything else.
fn remedy(vulnerability: &Vulnerability, id: &str, groups: &HashMap<&str, &[String]>) -> Option<String> {
    let is_meant = |remedy: &&Remediation| {
        let of_group = remedy.group_ids.iter().filter_map(|group| groups.get(group.as_str()));
        remedy.product_ids.iter().chain(of_group.flat_map(|ids| ids.iter())).any(|product| product == id)
    };
    let rank = |remedy: &&Remediation| match remedy.category.as_str() {
        "vendor_fix" => 0,
        "workaround" => 1,
        "mitigation" => 2,
        _ => 3,
    };
    let best = vulnerability.remediations.iter().filter(is_meant).min_by_key(rank)?;
    let text = best.details.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(bounded(&format!("{}: {text}", best.category.replace('_', " ")), 240))
}
