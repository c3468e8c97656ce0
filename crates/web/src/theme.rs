//! How bright the page is: by the browser's wish, or chosen and remembered in a cookie. The server writes the choice into the page, so a dark bridge
//! never sees a white flash while a script loads.

/// Name of the cookie that remembers the choice.
const COOKIE: &str = "dogwatch_display";

/// A way to show the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the browser prefers.
    #[default]
    Auto,
    /// Light.
    Day,
    /// Dark.
    Dark,
    /// Dim red on black, for a bridge at night.
    Night,
}

impl Theme {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Day, Self::Dark, Self::Night];

    /// The word in cookie, address and style sheet.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Day => "day",
            Self::Dark => "dark",
            Self::Night => "night",
        }
    }

    /// The word in the menu.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "Automatic",
            Self::Day => "Day",
            Self::Dark => "Dark",
            Self::Night => "Night, red",
        }
    }

    /// Reads a word; anything else is [`Theme::Auto`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or_default()
    }

    /// Reads a `Cookie` header.
    #[must_use]
    pub fn from_cookies(header: &str) -> Self {
        let ours = header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
        ours.map_or(Self::Auto, |(_, word)| Self::from_word(word))
    }

    /// The `Set-Cookie` header that remembers it for a year.
    #[must_use]
    pub fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", self.as_str())
    }
}

/// The path to go back to after the choice: one of this console, or the front page. `//host` and `/\host` lead elsewhere.
#[must_use]
pub fn local_path(back: &str) -> &str {
    let is_local = back.starts_with('/')
        && !back.starts_with("//")
        && back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_comes_back() {
        for theme in Theme::ALL {
            let set = theme.cookie();
            let pair = set.split(';').next().unwrap();
            assert_eq!(Theme::from_cookies(&format!("other=1; {pair}; more=2")), theme);
        }
        for header in ["", "dogwatch_display", "dogwatch_display=<b>", "xdogwatch_display=night"] {
            assert_eq!(Theme::from_cookies(header), Theme::Auto, "{header}");
        }
    }

    #[test]
    fn back_leads_nowhere_else() {
        for (back, want) in [
            ("/findings?severity=high", "/findings?severity=high"),
            ("//example.org/", "/"),
            ("/\\example.org", "/"),
            ("https://example.org/", "/"),
            ("/a\r\nSet-Cookie: x=1", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(back), want, "{back}");
        }
    }
}
