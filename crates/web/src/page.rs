//! What stands around every page: the bar with its places, the mark that says whether the page is live, the footer.

use askama::Template;

use crate::files;
use crate::theme::Theme;

/// One entry of the bar.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its address.
    pub href: &'static str,
    /// Its name.
    pub label: &'static str,
}

/// What is around a page.
#[derive(Debug, Clone, Copy)]
pub struct Shell<'a> {
    /// What the page is about; the window's title begins with it.
    pub title: &'a str,
    /// Which console: `aboard`, `shore`.
    pub console: &'a str,
    /// Whose: the ship, the company; may be empty.
    pub owner: &'a str,
    /// The entries of the bar.
    pub places: &'a [Place],
    /// The address of the entry this page belongs to.
    pub here: &'a str,
    /// Path and query of this page, to come back to.
    pub path: &'a str,
    /// Where changes are told (server-sent events); empty when the page never changes.
    pub events: &'a str,
    /// How bright.
    pub theme: Theme,
}

impl Shell<'_> {
    fn version(&self) -> &'static str {
        files::version()
    }

    fn is_here(&self, place: &Place) -> bool {
        place.href == self.here
    }
}

/// A whole page: a body with its surroundings. The body's own template escapes what is in it.
#[derive(Debug, Template)]
#[template(path = "page.html")]
pub struct Page<'a> {
    /// What is around it.
    pub shell: Shell<'a>,
    /// The rendered body: HTML.
    pub body: &'a str,
    /// Tag of the body ([`crate::tag`]): the page asks for its fragment with it and is told when there is nothing new.
    pub tag: &'a str,
}
