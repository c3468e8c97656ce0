//! What gateways and loggers make of NMEA 2000: text lines, BST records, cannelloni.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("nmea2000"), &[Carrier::Serial, Carrier::Tcp, Carrier::Udp], input);
});
