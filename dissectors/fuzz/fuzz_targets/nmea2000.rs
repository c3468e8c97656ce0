//! NMEA 2000 and J1939 as CAN frames.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("nmea2000"), &[Carrier::Can], input);
});
