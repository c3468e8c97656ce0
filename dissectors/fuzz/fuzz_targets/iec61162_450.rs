//! IEC 61162-450: sentences with TAG blocks and binary transfer.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("iec61162-450"), &[Carrier::Udp], input);
});
