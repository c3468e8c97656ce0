//! Names of makers and products, made comparable: case, punctuation and legal forms do not count.

/// Legal forms and words that say nothing.
const FORMS: &[&str] = &[
    "inc",
    "incorporated",
    "ltd",
    "limited",
    "llc",
    "gmbh",
    "ag",
    "co",
    "corp",
    "corporation",
    "company",
    "sa",
    "sas",
    "bv",
    "nv",
    "oy",
    "oyj",
    "ab",
    "as",
    "asa",
    "plc",
    "kk",
    "spa",
    "srl",
    "kg",
    "se",
    "mbh",
    "pte",
    "pty",
    "the",
    "and",
    // controllers of Siemens call their maker "Original Siemens Equipment"
    "original",
    "equipment",
];

/// The words of a name, small and without signs.
pub(crate) fn words(name: &str) -> Vec<String> {
    name.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The words of a maker's name, without its legal form. `S.A.` and `A/S` come apart into letters, and a letter at the end is one of those.
pub(crate) fn maker(name: &str) -> String {
    let all = words(name);
    let kept =
        all.iter().enumerate().filter(|(at, word)| !(FORMS.contains(&word.as_str()) || *at > 0 && word.len() == 1));
    kept.map(|(_, word)| word.as_str()).collect::<Vec<_>>().join(" ")
}

/// The makers in a field that may name several.
pub(crate) fn makers(name: &str) -> Vec<String> {
    let apart = name.split([',', ';', '/']).flat_map(|part| part.split(" and "));
    let mut all: Vec<String> = apart.map(maker).filter(|name| name.len() > 1).collect();
    all.dedup();
    all
}

/// A model or product without signs: `6ES7 315-2EH14` and `6ES7315-2EH14` are one.
pub(crate) fn compact(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A product's name without its maker in front, who is often called by the first of several words, and without the word "firmware" behind.
pub(crate) fn product(name: &str, maker: &str) -> String {
    let all = words(name);
    let mut rest = all.as_slice();
    let shared = all.iter().zip(words(maker)).take_while(|(word, of_maker)| *word == of_maker).count();
    if let Some(behind) = rest.get(shared..).filter(|behind| !behind.is_empty()) {
        rest = behind;
    }
    while let [before @ .., last] = rest
        && !before.is_empty()
        && matches!(last.as_str(), "firmware" | "software")
    {
        rest = before;
    }
    rest.join(" ")
}

/// Order numbers by what advisories call their families: pattern of the order number, words of the name. From the order data in the maker's catalogue
/// (ST 70, ST 400); S7-200 controllers share the first digits of the S7-1200 and are told from them by the generation behind.
const FAMILIES: &[(&str, [&str; 2])] = &[
    ("6ES721?-1??3?-*", ["s7", "1200"]),
    ("6ES721?-1??4?-*", ["s7", "1200"]),
    ("6ES731?-*", ["s7", "300"]),
    ("6ES741?-*", ["s7", "400"]),
    ("6ES751?-*", ["s7", "1500"]),
];

/// Whether a product's name means a whole family to which an order number belongs: it says so, and names no single model.
pub(crate) fn is_family_of(name: &[String], model: &str) -> bool {
    let is_family = name.iter().any(|word| matches!(word.as_str(), "family" | "families" | "series" | "cpus"));
    let fits = |(pattern, words): &&(&str, [&str; 2])| {
        fits(pattern, model) && name.windows(2).any(|two| two == words.as_slice())
    };
    is_family && FAMILIES.iter().any(|family| fits(&family))
}

/// Whether a pattern of CSAF's `model_numbers` fits: `*` is any number of characters, `?` a single one (clause 3.1.3.3.3).
pub(crate) fn fits(pattern: &str, model: &str) -> bool {
    let keep = |text: &str| -> Vec<char> {
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '*' | '?')).flat_map(char::to_lowercase).collect()
    };
    let (pattern, model) = (keep(pattern), compact(model).chars().collect::<Vec<_>>());
    if pattern.iter().filter(|c| c.is_alphanumeric()).count() < 3 {
        return false;
    }
    // which beginnings of the pattern the model so far can end at
    let mut at = vec![false; pattern.len().saturating_add(1)];
    let open = |at: &mut [bool]| {
        for (index, sign) in pattern.iter().enumerate() {
            if at.get(index) == Some(&true)
                && *sign == '*'
                && let Some(next) = at.get_mut(index.saturating_add(1))
            {
                *next = true;
            }
        }
    };
    if let Some(first) = at.first_mut() {
        *first = true;
    }
    open(&mut at);
    for c in model {
        let mut next = vec![false; at.len()];
        for (index, sign) in pattern.iter().enumerate() {
            if at.get(index) != Some(&true) || !(matches!(sign, '*' | '?') || *sign == c) {
                continue;
            }
            let to = if *sign == '*' { index } else { index.saturating_add(1) };
            if let Some(place) = next.get_mut(to) {
                *place = true;
            }
        }
        open(&mut next);
        at = next;
    }
    at.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_without_their_legal_form() {
        for (name, want) in [
            ("Siemens AG", vec!["siemens"]),
            ("Mitsubishi Electric Corporation", vec!["mitsubishi electric"]),
            ("Original Siemens Equipment", vec!["siemens"]),
            ("Subnet Solutions, Inc.", vec!["subnet solutions"]),
            ("Kongsberg Maritime A/S", vec!["kongsberg maritime"]),
            ("Rockwell Automation/Allen-Bradley", vec!["rockwell automation", "allen bradley"]),
            ("Red Lion, AutomationDirect", vec!["red lion", "automationdirect"]),
        ] {
            assert_eq!(makers(name), want, "{name}");
        }
    }

    #[test]
    fn model_numbers_with_signs() {
        for (pattern, model, want) in [
            ("6ES7315-2EH14-0AB0", "6ES7 315-2EH14-0AB0", true),
            ("6ES7315-2EH1?-0AB0", "6ES7 315-2EH14-0AB0", true),
            ("6ES7315-*", "6ES7 315-2EH14-0AB0", true),
            ("6ES7316-*", "6ES7 315-2EH14-0AB0", false),
            ("6RA801?-??V62-0AA0", "6RA8013-6DV62-0AA0", true),
            ("6RA801?-??V62-0AA0", "6RA8013-DV62-0AA0", false),
            ("TM221?", "TM221", false),
            ("TM221", "TM221CE40R", false),
            ("*", "TM221", false),
        ] {
            assert_eq!(fits(pattern, model), want, "{pattern} {model}");
        }
    }

    #[test]
    fn families_of_order_numbers() {
        for (name, model, want) in [
            ("SIMATIC S7-1500 CPU family (incl. related ET200 CPUs and SIPLUS variants)", "6ES7 515-2AM02-0AB0", true),
            ("SIMATIC S7-1500 CPU family", "6ES7 315-2EH14-0AB0", false),
            ("SIMATIC S7-300 CPU family", "6ES7 315-2EH14-0AB0", true),
            ("SIMATIC S7-1200 CPU family (incl. SIPLUS variants)", "6ES7 212-1BE40-0XB0", true),
            // an S7-200
            ("SIMATIC S7-1200 CPU family", "6ES7 212-1AB23-0XB0", false),
            // one model, and software
            ("SIMATIC S7-1500 CPU 1518-4 PN/DP MFP", "6ES7 515-2AM02-0AB0", false),
            ("SIMATIC S7-1500 Software Controller", "6ES7 515-2AM02-0AB0", false),
        ] {
            assert_eq!(is_family_of(&words(name), model), want, "{name} {model}");
        }
    }

    #[test]
    fn products() {
        assert_eq!(product("Siemens SIMATIC S7-300 firmware", "Siemens"), "simatic s7 300");
        assert_eq!(product("Siemens", "Siemens"), "siemens");
        assert_eq!(product("Mitsubishi FX5U software", "Mitsubishi Electric Corporation"), "fx5u");
    }
}
