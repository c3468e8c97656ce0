//! What the rules may ask of the inventory.

use std::net::IpAddr;

use dogwatch_inventory::{AssetIx, Inventory};
use dogwatch_model::{Asset, Mac};
use dogwatch_rules::Directory;

/// The inventory as the rules see it: rows by number.
pub(super) struct Rows<'a>(pub(super) &'a Inventory);

impl Directory for Rows<'_> {
    fn asset(&self, row: u32) -> Option<&Asset> {
        self.0.get(AssetIx(row))
    }

    fn row_of_ip(&self, ip: IpAddr) -> Option<u32> {
        self.0.by_ip(ip).map(|ix| ix.0)
    }

    fn row_of_mac(&self, mac: Mac) -> Option<u32> {
        self.0.by_mac(mac).map(|ix| ix.0)
    }
}
