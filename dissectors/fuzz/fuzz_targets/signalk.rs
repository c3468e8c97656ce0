//! Signal K over lines, datagrams and WebSocket frames; GoFree announcements, which share its JSON reader.
#![no_main]

use dogwatch_dissectors::Carrier;
use dogwatch_fuzz::{drive, protocol};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    drive(protocol("signalk"), &[Carrier::Tcp, Carrier::Udp], input);
    drive(protocol("gofree"), &[Carrier::Udp], input);
});
