//! ASTERIX blocks.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("asterix"), &[Carrier::Udp], input);
});
