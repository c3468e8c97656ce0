//! AIS: payload bytes armoured and cut into sentences here, so that the fuzzer works on bits and not on checksums.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{HEADER, drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((header, payload)) = input.split_at_checked(HEADER) else { return };
    let mut datagram = Vec::new();
    for (index, message) in payload.chunks(160).enumerate() {
        let armour: String = message.iter().map(|byte| armoured(byte & 0x3f)).collect();
        let parts: Vec<&[u8]> = armour.as_bytes().chunks(60).collect();
        for (part, text) in parts.iter().enumerate() {
            let text = String::from_utf8_lossy(text);
            let (total, number, fill) = (parts.len(), part + 1, message.len() % 6);
            let own = if header.first().is_some_and(|flags| flags & 16 != 0) { "VDO" } else { "VDM" };
            let body = format!("AI{own},{total},{number},{},A,{text},{fill}", index % 10);
            let sum = body.bytes().fold(0_u8, |sum, byte| sum ^ byte);
            datagram.extend_from_slice(format!("!{body}*{sum:02X}\r\n").as_bytes());
        }
    }
    let mut records = header.to_vec();
    for record in datagram.chunks(u16::MAX.into()) {
        records.extend_from_slice(&u16::try_from(record.len()).unwrap_or(u16::MAX).to_be_bytes());
        records.extend_from_slice(record);
    }
    drive(protocol("nmea0183"), &[Carrier::Udp], &records);
});

/// Six bits as the character AIS writes for them.
fn armoured(six: u8) -> char {
    char::from(if six < 40 { six + 48 } else { six + 56 })
}
