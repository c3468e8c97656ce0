//! An observer that writes down every call, and protocols that say what they were given.

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};
use dogwatch_flow::{Carried, FlowId, FlowSummary, Observer, Payload};
use dogwatch_model::{CaptureTime, Direction, Event, Flow, Initiator, Irregularity, Message, NoFields, Speaker};

/// One call, in a form that is easy to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Started(FlowId),
    Established(Initiator),
    Recognised(Option<&'static str>),
    Progress(u64),
    Ended(String),
    Error(&'static str),
    /// What a recording protocol said: protocol and text.
    Said(&'static str, String),
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) calls: Vec<Call>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) ended: Vec<FlowSummary>,
    pub(crate) frames: Vec<u64>,
    /// Frame, what is wrong with it, port it goes to.
    pub(crate) irregular: Vec<(u64, Irregularity, u16)>,
    /// Whether payload is wanted, and what came: how, to whom, whether the connection was open, the bytes.
    pub(crate) wants_payload: bool,
    pub(crate) payload: Vec<(Carried, char, bool, String)>,
}

impl Log {
    /// All that was said, in order.
    pub(crate) fn said(&self) -> Vec<&str> {
        self.calls
            .iter()
            .filter_map(|call| match call {
                Call::Said(_, text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn recognised(&self) -> Vec<Option<&'static str>> {
        self.calls
            .iter()
            .filter_map(|call| match call {
                Call::Recognised(name) => Some(*name),
                _ => None,
            })
            .collect()
    }
}

impl Observer for Log {
    fn event(&mut self, _: FlowId, event: &Event<'_>) {
        self.frames.push(event.frame);
        self.calls.push(Call::Said(event.message.protocol, event.message.kind.to_owned()));
    }

    fn flow_started(&mut self, id: FlowId, _: CaptureTime, _: u64, flow: &Flow) {
        self.flows.push(*flow);
        self.calls.push(Call::Started(id));
    }

    fn flow_established(&mut self, _: FlowId, _: CaptureTime, _: u64, flow: &Flow) {
        self.calls.push(Call::Established(flow.initiator));
    }

    fn recognised(&mut self, _: FlowId, _: CaptureTime, _: u64, flow: &Flow, protocol: Option<&'static str>) {
        self.flows.push(*flow);
        self.calls.push(Call::Recognised(protocol));
    }

    fn flow_progress(&mut self, _: FlowId, summary: &FlowSummary) {
        self.calls.push(Call::Progress(summary.forward.packets + summary.backward.packets));
    }

    fn flow_ended(&mut self, _: FlowId, summary: &FlowSummary) {
        self.calls.push(Call::Ended(format!("{:?}", summary.ending.unwrap())));
        self.ended.push(*summary);
    }

    fn parse_error(&mut self, _: FlowId, _: CaptureTime, _: u64, _: &Flow, protocol: &'static str, _: ParseError) {
        self.calls.push(Call::Error(protocol));
    }

    fn wants_payload(&self) -> bool {
        self.wants_payload
    }

    fn payload(&mut self, _: FlowId, payload: &Payload<'_>) {
        let text = String::from_utf8_lossy(payload.bytes).into_owned();
        self.payload.push((payload.carried, arrow(payload.direction), payload.is_established, text));
    }

    fn payload_lost(&mut self, _: FlowId, _: &Flow) {
        self.payload.push((Carried::Stream, '!', true, String::new()));
    }

    fn irregular(&mut self, _: Option<FlowId>, _: CaptureTime, frame: u64, flow: &Flow, what: Irregularity) {
        self.irregular.push((frame, what, flow.dst_port));
    }
}

fn say(out: &mut dyn Sink, protocol: &'static str, text: &str) {
    out.message(&Message { protocol, kind: text, function: 0, speaker: Speaker::Sender, acts: &[], fields: &NoFields });
}

const fn arrow(direction: Direction) -> char {
    match direction {
        Direction::ToServer => '>',
        Direction::ToClient => '<',
    }
}

/// Reads lines that end in `\n` and start with its letter; a stream of anything else makes it give up. Says each line with its direction, and gaps
/// with the next line.
pub(crate) struct Lines {
    pub(crate) name: &'static str,
    pub(crate) letter: u8,
    pub(crate) hints: &'static [Hint],
    pub(crate) carriers: &'static [Carrier],
    /// Bytes the probe wants to see before it says yes.
    pub(crate) wants: usize,
}

struct LineReader {
    name: &'static str,
    letter: u8,
    gap: Option<u32>,
}

impl Protocol for Lines {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hints(&self) -> &'static [Hint] {
        self.hints
    }

    fn carriers(&self) -> &'static [Carrier] {
        self.carriers
    }

    fn probe(&self, _: Carrier, _: Direction, head: &[u8]) -> Probe {
        match head.first() {
            Some(first) if *first == self.letter && head.len() >= self.wants => Probe::Yes,
            Some(first) if *first == self.letter => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn open(&self, _: &Limits) -> Box<dyn Dissector> {
        Box::new(LineReader { name: self.name, letter: self.letter, gap: None })
    }
}

impl Dissector for LineReader {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        if !chunk.carrier.is_stream() {
            if chunk.bytes.first() != Some(&self.letter) {
                return Progress::GiveUp;
            }
            let text = String::from_utf8_lossy(chunk.bytes);
            say(out, self.name, &format!("{}{text}", arrow(chunk.direction)));
            return Progress::Used(chunk.bytes.len());
        }
        let mut used = 0;
        for line in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break;
            }
            used += line.len();
            if line == b"!\n" {
                return Progress::GiveUp;
            }
            if line.first() != Some(&self.letter) {
                out.error(self.name, ParseError::Incomplete { what: "line" });
                continue;
            }
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            let gap = self.gap.take().map_or(String::new(), |missing| format!("[{missing}]"));
            say(out, self.name, &format!("{}{gap}{text}", arrow(chunk.direction)));
        }
        Progress::Used(used)
    }

    fn gap(&mut self, _: Direction, missing: u32) {
        self.gap = Some(self.gap.unwrap_or(0) + missing);
    }
}

/// Takes everything at once and says it byte by byte, so that what a stream delivers can be compared whatever way it was cut.
pub(crate) struct Tape;

struct TapeReader;

impl Protocol for Tape {
    fn name(&self) -> &'static str {
        "tape"
    }

    fn hints(&self) -> &'static [Hint] {
        &[]
    }

    fn carriers(&self) -> &'static [Carrier] {
        use Carrier::{Can, Ethernet, Ip, Llc, Serial, Tcp, Udp};
        &[Tcp, Udp, Ethernet, Llc, Ip, Can, Serial]
    }

    fn probe(&self, _: Carrier, _: Direction, _: &[u8]) -> Probe {
        Probe::Yes
    }

    fn open(&self, _: &Limits) -> Box<dyn Dissector> {
        Box::new(TapeReader)
    }
}

impl Dissector for TapeReader {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let hex: String = chunk.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        say(out, "tape", &format!("{}{hex}", arrow(chunk.direction)));
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _: Direction, _: u32) {}
}

/// What a [`Tape`] heard in one direction, put together.
pub(crate) fn heard(log: &Log, direction: Direction) -> String {
    log.said().iter().filter_map(|text| text.strip_prefix(arrow(direction))).collect()
}
