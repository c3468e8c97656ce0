//! Makers of EtherCAT devices by the number the EtherCAT Technology Group gave them: those whose number stands in their own public device
//! descriptions or manuals. Deliberately short: an unknown number is shown as the number it is.
//!
//! Source: vendor ids as published by the makers and the ETG (ETG.9002).

/// The maker with this number.
pub(super) const fn maker(id: u32) -> Option<&'static str> {
    Some(match id {
        0x0000_0002 => "Beckhoff",
        0x0000_001b => "HMS Industrial Networks",
        0x0000_001d => "Festo",
        0x0000_0021 => "WAGO",
        0x0000_0024 => "Bosch Rexroth",
        0x0000_003b => "Lenze",
        0x0000_0044 => "Hilscher",
        0x0000_0059 => "SEW-EURODRIVE",
        0x0000_006a => "Kollmorgen",
        0x0000_0083 => "Omron",
        0x0000_0084 => "Phoenix Contact",
        0x0000_009a => "Elmo Motion Control",
        0x0000_009c => "Turck",
        0x0000_00ab => "Copley Controls",
        0x0000_00ad => "Pepperl+Fuchs",
        0x0000_00b7 => "ABB",
        0x0000_00fb => "maxon",
        0x0000_0114 => "SMC",
        0x0000_01dd => "Delta Electronics",
        0x0000_0286 => "Trinamic",
        0x0000_066f => "Panasonic",
        0x0800_005a => "Schneider Electric",
        _ => return None,
    })
}
