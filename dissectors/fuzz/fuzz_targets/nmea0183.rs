//! NMEA 0183 over datagrams, streams and serial lines; wrapped parameter groups come with it.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("nmea0183"), &[Carrier::Udp, Carrier::Tcp, Carrier::Serial], input);
});
