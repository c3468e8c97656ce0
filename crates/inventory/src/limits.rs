//! How much the inventory may hold, and what it had to refuse.

use dogwatch_model::Attribute;

/// Bounds of the inventory. Everything counted here is chosen by whoever sends the frames.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Devices. When full, new ones are refused and counted; known ones go on.
    pub assets: usize,
    /// Addresses of one device (a router would otherwise collect them all).
    pub addresses_per_asset: usize,
    /// Values kept of one attribute; the least sure goes first.
    pub values_per_attribute: usize,
    /// Of what a device publishes: a protection relay sends some ten control blocks with a data set and an id each.
    pub publications: usize,
    /// Protocols kept for one device.
    pub protocols_per_asset: usize,
    /// Characters kept of one value.
    pub value_chars: usize,
    /// Bytes that the values of all devices may take. When full, new values are refused and counted.
    pub value_bytes: usize,
    /// Changes kept until somebody takes them.
    pub pending_changes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            assets: 16_384,
            addresses_per_asset: 16,
            values_per_attribute: 8,
            publications: 32,
            protocols_per_asset: 64,
            value_chars: 512,
            value_bytes: 64 * 1024 * 1024,
            pending_changes: 65_536,
        }
    }
}

impl Limits {
    /// Values kept of one attribute.
    pub(crate) const fn values_of(&self, attribute: Attribute) -> usize {
        match attribute {
            Attribute::Publication => self.publications,
            _ => self.values_per_attribute,
        }
    }
}

/// What the inventory refused, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Devices not taken because the table was full.
    pub assets_refused: u64,
    /// Addresses not taken because a device had too many.
    pub addresses_refused: u64,
    /// Attribute values let go.
    pub values_dropped: u64,
    /// Change notices let go because nobody took them.
    pub changes_dropped: u64,
}
