//! Capture files and what can go wrong on the way into them.

pub(crate) mod degrade;
pub(crate) mod file;
pub(crate) mod select;
