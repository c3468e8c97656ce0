//! `dogwatch decode`: every decoded message, one JSON object a line.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use dogwatch_dissectors::PROTOCOLS;
use dogwatch_flow::{Engine, FlowId, Frame, Limits, Observer};
use dogwatch_model::{Act, CaptureTime, Event, FieldVisitor, Flow, Mac, Memory, ReadingVisitor, SourceId, Speaker};

use super::Answer;
use crate::capture::file::OpenError;
use crate::capture::replay::{FrameSink, replay};
use crate::capture::text::{LogFormat, LogSink, replay_log};
use crate::capture::{Damage, SourceInfo};
use crate::json::ObjectWriter;

/// What to decode.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Captures (pcap, pcapng) and logs (NMEA 0183, candump, NMEA 2000 gateways), plain or gzip
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only this protocol (may be given several times)
    #[arg(long = "protocol", value_name = "NAME")]
    protocols: Vec<String>,
    /// How the files are written; `auto` looks at their first bytes
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Found out from the first bytes
    Auto,
    /// pcap or pcapng
    Pcap,
    /// Sentences of IEC 61162-1, TAG blocks or not
    Nmea0183,
    /// What candump prints or logs
    Candump,
    /// Lines of NMEA 2000 gateways: CANboat, Yacht Devices RAW, Actisense ASCII, iKonvert ...
    N2kText,
    /// Records of Actisense gateways: BST, EBL
    N2kBinary,
}

impl Format {
    /// The log format it names.
    const fn log(self) -> Option<LogFormat> {
        match self {
            Self::Auto | Self::Pcap => None,
            Self::Nmea0183 => Some(LogFormat::Nmea0183),
            Self::Candump => Some(LogFormat::Candump),
            Self::N2kText => Some(LogFormat::N2kText),
            Self::N2kBinary => Some(LogFormat::N2kBinary),
        }
    }
}

/// Bytes written at a time.
const CHUNK: usize = 1 << 16;

/// Runs the command.
///
/// # Errors
/// When a file is neither capture nor log, or the output cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    for wanted in &options.protocols {
        anyhow::ensure!(
            PROTOCOLS.iter().any(|protocol| protocol.name() == wanted),
            "no protocol is called `{wanted}`; known: {}",
            PROTOCOLS.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(" ")
        );
    }
    let mut decoder = Decoder {
        engine: Some(Engine::new(Limits::default(), PROTOCOLS)),
        rows: Rows {
            wanted: options.protocols.clone(),
            out,
            buffer: Vec::with_capacity(CHUNK * 2),
            failed: None,
            sources: Vec::new(),
        },
    };
    let mut damaged = Vec::new();
    for file in &options.files {
        damaged.extend(read(file, options.format, &mut decoder)?);
    }
    if let Some(mut engine) = decoder.engine.take() {
        engine.finish(&mut decoder.rows);
    }
    decoder.rows.flush();
    for damage in &damaged {
        eprintln!("dogwatch: {damage}");
    }
    match decoder.rows.failed {
        // whoever reads us has enough
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Answer::Done),
        Some(error) => Err(error.into()),
        None => Ok(if damaged.is_empty() { Answer::Done } else { Answer::No }),
    }
}

/// Reads one file; says where it stopped making sense.
fn read(file: &PathBuf, format: Format, decoder: &mut Decoder<'_>) -> Result<Vec<Damage>, OpenError> {
    if let Some(log) = format.log() {
        return replay_log(file, Some(log), decoder).map(|_| Vec::new());
    }
    match replay(std::slice::from_ref(file), decoder) {
        Err(not_a_capture @ OpenError::NotACapture { .. }) if format == Format::Auto => {
            // what neither reader knows is told in the words of the first
            replay_log(file, None, decoder).map(|_| Vec::new()).map_err(|error| match error {
                OpenError::NotACapture { .. } => not_a_capture,
                error @ OpenError::Io { .. } => error,
            })
        }
        other => other.map(|replayed| replayed.damaged),
    }
}

struct Decoder<'o> {
    engine: Option<Engine>,
    rows: Rows<'o>,
}

impl FrameSink for Decoder<'_> {
    fn add_source(&mut self, info: SourceInfo) -> SourceId {
        self.rows.sources.push(info);
        SourceId(u16::try_from(self.rows.sources.len().saturating_sub(1)).unwrap_or(u16::MAX))
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        if let Some(engine) = &mut self.engine {
            engine.frame(frame, &mut self.rows);
        }
    }
}

impl LogSink for Decoder<'_> {
    fn add_source(&mut self, info: SourceInfo) -> SourceId {
        FrameSink::add_source(self, info)
    }

    fn serial(&mut self, at: CaptureTime, source: SourceId, number: u64, bytes: &[u8]) {
        if let Some(engine) = &mut self.engine {
            engine.serial(at, source, number, bytes, &mut self.rows);
        }
    }
}

struct Rows<'o> {
    wanted: Vec<String>,
    out: &'o mut dyn Write,
    buffer: Vec<u8>,
    failed: Option<std::io::Error>,
    sources: Vec<SourceInfo>,
}

impl Rows<'_> {
    fn flush(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(&self.buffer).and_then(|()| self.out.flush())
        {
            self.failed = Some(error);
        }
        self.buffer.clear();
    }
}

impl Observer for Rows<'_> {
    fn event(&mut self, _id: FlowId, event: &Event<'_>) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| wanted == event.message.protocol) {
            return;
        }
        write_event(&mut self.buffer, event);
        self.buffer.push(b'\n');
        if self.buffer.len() >= CHUNK {
            self.flush();
        }
    }
}

/// Readings as a list of groups: the name by which `[[point]]` calls an object, and its value or bytes.
struct ReadingRows<'r, 'b>(&'r mut ObjectWriter<'b>);

impl ReadingVisitor for ReadingRows<'_, '_> {
    fn number(&mut self, place: std::fmt::Arguments<'_>, value: f64) {
        self.0.open_group("");
        self.0.display("object", place);
        self.0.field("value", dogwatch_model::FieldValue::Number(value));
        self.0.close();
    }

    fn memory(&mut self, memory: &Memory<'_>) {
        self.0.open_group("");
        self.0.display("area", memory.area);
        self.0.number("first", memory.first.into());
        self.0.field("bytes", dogwatch_model::FieldValue::Bytes(memory.bytes));
        self.0.close();
    }
}

/// Writes one message as a JSON object.
pub fn write_event(out: &mut Vec<u8>, event: &Event<'_>) {
    let (flow, message) = (event.flow, event.message);
    let mut row = ObjectWriter::new(out);
    row.number("schema", 1);
    row.display("ts", event.at);
    row.number("frame", event.frame);
    write_ends(&mut row, flow, message.speaker);
    row.display("protocol", message.protocol);
    row.display("kind", message.kind);
    let (mut verb, mut object, mut refused) = (None, None, false);
    for act in message.acts {
        match act {
            Act::Request { verb: asked, object: of } => {
                (verb, object) = (verb.or(Some(asked.as_str())), object.or(Some(of)))
            }
            Act::Reply { verb: asked, object: of, refused: no } => {
                (verb, object) = (verb.or(Some(asked.as_str())), object.or(Some(of)));
                refused |= no;
            }
            Act::Publishes { object: of } => object = object.or(Some(of)),
            Act::Says(_) | Act::Measures { .. } | Act::Values { .. } | Act::States(_) | Act::Odd(_) => {}
        }
    }
    if let Some(verb) = verb {
        row.display("verb", verb);
    }
    if let Some(object) = object {
        row.display("object", object);
    }
    if refused {
        row.field("refused", dogwatch_model::FieldValue::Bool(true));
    }
    let mut has_odd = false;
    for act in message.acts {
        if let Act::Odd(name) = act {
            if !has_odd {
                row.open_list("odd");
                has_odd = true;
            }
            row.field("", dogwatch_model::FieldValue::Text(name));
        }
    }
    if has_odd {
        row.close();
    }
    if event.message.acts.iter().any(|act| matches!(act, Act::States(_))) {
        row.open_list("readings");
        for act in event.message.acts {
            if let Act::States(readings) = act {
                readings.visit(&mut ReadingRows(&mut row));
            }
        }
        row.close();
    }
    row.open_group("fields");
    message.fields.visit(&mut row);
    row.close();
    row.finish();
}

fn write_ends(row: &mut ObjectWriter<'_>, flow: &Flow, speaker: Speaker) {
    match speaker {
        Speaker::Sender => {}
        Speaker::Sfi(sfi) => row.display("sfi", sfi),
        Speaker::Name { name, address } => {
            row.display("n2k_name", format_args!("{name:016x}"));
            row.number("n2k_source", u64::from(address));
        }
        Speaker::BusAddress(address) => row.number("n2k_source", u64::from(address)),
    }
    for (name, ip, port) in [("src", flow.src, flow.src_port), ("dst", flow.dst, flow.dst_port)] {
        match ip {
            Some(ip) if port == 0 => row.display(name, ip),
            Some(IpAddr::V6(ip)) => row.display(name, format_args!("[{ip}]:{port}")),
            Some(IpAddr::V4(ip)) => row.display(name, format_args!("{ip}:{port}")),
            None => {}
        }
    }
    for (name, mac) in [("src_mac", flow.src_mac), ("dst_mac", flow.dst_mac)] {
        if mac != Mac::NONE {
            row.display(name, mac);
        }
    }
    if flow.vlans.outer.is_some() {
        row.open_list("vlan");
        for vlan in [flow.vlans.outer, flow.vlans.inner].into_iter().flatten() {
            row.field("", dogwatch_model::FieldValue::Unsigned(u64::from(vlan)));
        }
        row.close();
    }
}
