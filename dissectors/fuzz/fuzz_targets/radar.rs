//! The radar networks of four makers.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for name in ["radar-navico", "radar-furuno", "radar-garmin", "radar-raymarine"] {
        drive(protocol(name), &[Carrier::Udp], input);
    }
});
