//! What the tests of this room share: frames built byte by byte, an observer that writes down every call, and protocols that record.

pub(crate) mod build;
pub(crate) mod record;
