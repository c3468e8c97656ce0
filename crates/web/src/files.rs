//! Style sheet, scripts and the icon, carried in the program. Their address holds their content's hash, so a browser on a slow line fetches each
//! once and never an old one.

use std::sync::LazyLock;

use dogwatch_model::fingerprint;

/// One file of the consoles.
#[derive(Debug, Clone, Copy)]
pub struct StaticFile {
    /// Its name under `/static/`.
    pub name: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its text.
    pub text: &'static str,
}

const FILES: [StaticFile; 4] = [
    StaticFile {
        name: "console.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("../static/console.css"),
    },
    StaticFile {
        name: "live.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("../static/live.js"),
    },
    StaticFile {
        name: "tables.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("../static/tables.js"),
    },
    StaticFile {
        name: "icon.svg",
        content_type: "image/svg+xml; charset=utf-8",
        text: include_str!("../static/icon.svg"),
    },
];

/// One tag over all files: they change together, with the program.
static VERSION: LazyLock<String> =
    LazyLock::new(|| tag(&FILES.iter().map(|file| file.text).collect::<Vec<_>>().concat()));

/// The file of that name.
#[must_use]
pub fn static_file(name: &str) -> Option<StaticFile> {
    FILES.into_iter().find(|file| file.name == name)
}

/// What the addresses of the files end in.
pub(crate) fn version() -> &'static str {
    VERSION.as_str()
}

/// A short tag of a text: the same text has the same tag. Not for security.
#[must_use]
pub fn tag(text: &str) -> String {
    format!("{:032x}", fingerprint(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_outside() {
        for file in FILES {
            for outside in ["http://", "https://", "url(//", "@import"] {
                let found =
                    file.text.lines().any(|line| line.contains(outside) && !line.contains("www.w3.org/2000/svg"));
                assert!(!found, "{} mentions {outside}", file.name);
            }
        }
    }

    #[test]
    fn nothing_builds_markup_from_text() {
        for file in FILES.iter().filter(|file| file.name.ends_with(".js")) {
            for risky in ["innerHTML", "outerHTML =", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!file.text.contains(risky), "{} uses {risky}", file.name);
            }
        }
    }
}
