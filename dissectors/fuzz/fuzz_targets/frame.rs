//! The flow engine over frames of any link type, with every protocol of the build behind it.
#![no_main]

use dogwatch_dissectors::PROTOCOLS;
use dogwatch_flow::{Engine, FlowId, Frame, Limits, LinkType, Observer};
use dogwatch_fuzz::{LINK_TYPES, Look, records};
use dogwatch_model::{CaptureTime, Event, SourceId};
use libfuzzer_sys::fuzz_target;

struct Watch(Look);

impl Observer for Watch {
    fn event(&mut self, _id: FlowId, event: &Event<'_>) {
        self.0.at(event.message);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&kind, rest)) = input.split_first() else { return };
    let link = LinkType(LINK_TYPES[usize::from(kind) % LINK_TYPES.len()]);
    let limits = Limits {
        flows: 16,
        dissectors: 8,
        fragmented_datagrams: 4,
        fragment_bytes: 64 * 1_024,
        all_stream_bytes: 64 * 1_024,
        ..Limits::default()
    };
    let mut engine = Engine::new(limits, PROTOCOLS);
    let mut watch = Watch(Look::default());
    for (number, bytes) in (1_u64..).zip(records(rest)) {
        let at = CaptureTime::from_millis(i64::try_from(number).unwrap_or(0) * 250);
        let original_length = u32::try_from(bytes.len()).unwrap_or(0);
        engine.frame(&Frame { at, source: SourceId(0), number, link, original_length, bytes }, &mut watch);
    }
    engine.finish(&mut watch);
});
