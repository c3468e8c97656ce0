//! What the consoles aboard and ashore share: the page around a page, its themes, scripts and safety headers, the finding card, badges, times and
//! figures for people.
//!
//! Everything here turns plain data into text; a console brings the addresses and the answers. Nothing is fetched from outside the program that
//! serves it, and nothing in a page runs or is styled inline, so the strictest content policy holds ([`SAFETY_HEADERS`]). Text from the wire is
//! attacker-chosen: it goes through the templates' escaping only.

mod badge;
mod card;
mod files;
mod notice;
mod page;
mod safety;
mod theme;
mod words;

pub use badge::{Badge, Count};
pub use card::{CardLinks, FindingCard};
pub use files::{StaticFile, static_file, tag};
pub use notice::Notice;
pub use page::{Page, Place, Shell};
pub use safety::SAFETY_HEADERS;
pub use theme::{Theme, local_path};
pub use words::{ShortWhen, When, age, bytes, class_word, count, end_name, number_of, utc, word};
