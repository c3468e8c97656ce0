//! In which wave each detection of the catalogue was planned. Reads the two words it needs from the text of the catalogue.

use std::collections::BTreeMap;

/// Detection and wave.
pub(crate) fn waves() -> BTreeMap<String, u8> {
    let text = include_str!("../../../rules/catalogue.yaml");
    let (mut out, mut id) = (BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.trim_start().strip_prefix("- id: ") {
            id = name.trim().to_owned();
        } else if let Some(wave) = line.trim_start().strip_prefix("wave: ")
            && let Ok(wave) = wave.trim().parse()
        {
            out.entry(id.clone()).or_insert(wave);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_catalogue_has_86_of_the_first_two_waves() {
        let waves = super::waves();
        assert_eq!(waves.values().filter(|wave| **wave <= 2).count(), 86);
        assert_eq!(waves.get("DW-5008"), Some(&3));
    }
}
