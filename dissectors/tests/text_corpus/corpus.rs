//! Finds the corpus, reads its cases, counts how they compare.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The folder `maritime` of the corpus; says so when there is none.
pub(crate) fn maritime() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let root = std::env::var_os("DOGWATCH_CORPUS").map_or(beside, PathBuf::from);
    let folder = root.join("maritime");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no corpus folder `maritime` (set DOGWATCH_CORPUS)");
    None
}

/// Every file below `folder` whose name ends so, in order.
pub(crate) fn files(folder: &Path, ends: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ends) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A JSON object with its keys in the order of the file: position is what names are compared by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ordered(pub(crate) Vec<(String, Value)>);

impl Ordered {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Ordered;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::default())
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Ordered, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_any(Pairs)
    }
}

/// Reads a file of one case a line.
pub(crate) fn cases<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}

/// How values compared.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) files: usize,
    pub(crate) cases: usize,
    pub(crate) equal: usize,
    pub(crate) missing: usize,
    /// Differences a committed reason explains, by that reason.
    pub(crate) explained: std::collections::BTreeMap<&'static str, usize>,
    pub(crate) different: Vec<String>,
}

impl Tally {
    /// Values compared in all.
    pub(crate) fn total(&self) -> usize {
        self.equal + self.missing + self.different.len() + self.explained.values().sum::<usize>()
    }

    /// Prints one line of the table, and the differences below it.
    pub(crate) fn print(&self, family: &str) {
        let explained: usize = self.explained.values().sum();
        println!(
            "{family:<28} files {:>4}  cases {:>6}  values equal {:>7}  different {:>4}  explained {explained:>4}  not decoded {:>4}",
            self.files,
            self.cases,
            self.equal,
            self.different.len(),
            self.missing
        );
        for (reason, count) in &self.explained {
            println!("    explained {count:>5}  {reason}");
        }
        for line in self.different.iter().take(1_000) {
            println!("    {line}");
        }
    }
}
