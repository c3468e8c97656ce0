//! IEC 61162-450 (light-weight Ethernet): TAG blocks, sentence datagrams to transmission groups, and the binary transfer header.
//!
//! Group addresses and ports are the defaults in public documents of equipment makers; see the protocol notes of the project.

use super::nmea;

/// A transmission group: the last octet of 239.192.0.x; its port is 60000 + x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) u8);

/// Alerts and what fits nowhere else.
pub(crate) const MISC: Group = Group(1);
/// Targets: AIS and radar.
pub(crate) const TGTD: Group = Group(2);
/// Fast heading and attitude.
pub(crate) const SATD: Group = Group(3);
/// Other navigation output.
pub(crate) const NAVD: Group = Group(4);
/// Images for the recorder.
pub(crate) const VDR_IMAGE: Group = Group(26);

impl Group {
    /// Address and port.
    pub(crate) fn endpoint(self) -> ([u8; 4], u16) {
        ([239, 192, 0, self.0], 60_000 + u16::from(self.0))
    }
}

/// Numbers the lines of one source and wraps them in TAG blocks.
#[derive(Debug, Clone)]
pub(crate) struct Tagger {
    source: String,
    line: u16,
    group: u16,
    with_time: bool,
}

impl Tagger {
    /// A source with this system function identifier; `with_time` adds the `c` parameter.
    pub(crate) fn new(source: &str, with_time: bool) -> Self {
        Self { source: source.to_owned(), line: 0, group: 0, with_time }
    }

    /// One sentence per line, each with its TAG block; `linked` marks them as one group (`g`).
    pub(crate) fn lines(&mut self, at: i64, sentences: &[String], linked: bool) -> String {
        let mut out = String::new();
        if linked {
            self.group = self.group % 99 + 1;
        }
        for (index, sentence) in sentences.iter().enumerate() {
            self.line = (self.line + 1) % 1_000;
            let mut tag = String::new();
            if linked {
                tag.push_str(&format!("g:{}-{}-{},", index + 1, sentences.len(), self.group));
            }
            tag.push_str(&format!("s:{},n:{}", self.source, self.line));
            if self.with_time {
                tag.push_str(&format!(",c:{}", at.div_euclid(1_000_000_000)));
            }
            out.push_str(&format!("\\{tag}*{:02X}\\{sentence}\r\n", nmea::checksum(&tag)));
        }
        out
    }
}

/// A sentence datagram: the token and the tagged lines.
pub(crate) fn datagram(lines: &str) -> Vec<u8> {
    [b"UdPbC\0", lines.as_bytes()].concat()
}

/// A file on its way to a recorder or display, version 2 of the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer<'a> {
    pub(crate) source: &'a str,
    /// For whom; `None` for whoever listens.
    pub(crate) destination: Option<&'a str>,
    pub(crate) block: u32,
    pub(crate) device: u8,
    pub(crate) channel: u8,
    pub(crate) file_type: &'a str,
    pub(crate) content: &'a [u8],
}

/// Largest datagram of a transfer.
const TRANSFER_DATAGRAM: usize = 1_400;

/// Cuts a file into datagrams: `RaUdP` header of 38 bytes each, the first with the file descriptor before the content.
pub(crate) fn transfer(file: &Transfer<'_>) -> Vec<Vec<u8>> {
    let mut descriptor = Vec::new();
    // Lengths: the descriptor's own, the file's; then status 0, the port for acknowledgements, the type and an empty status text.
    let own = 4 + 4 + 2 + 2 + 1 + file.file_type.len() + 2;
    descriptor.extend_from_slice(&(own as u32).to_be_bytes());
    descriptor.extend_from_slice(&(file.content.len() as u32).to_be_bytes());
    descriptor.extend_from_slice(&[0, 0]);
    descriptor.extend_from_slice(&60_022_u16.to_be_bytes());
    descriptor.push(file.file_type.len() as u8);
    descriptor.extend_from_slice(file.file_type.as_bytes());
    descriptor.extend_from_slice(&[0, 0]);
    descriptor.extend_from_slice(file.content);
    let chunks: Vec<&[u8]> = descriptor.chunks(TRANSFER_DATAGRAM - 38).collect();
    let last = chunks.len() as u32;
    chunks.iter().zip(1_u32..).map(|(chunk, number)| [header(file, number, last).as_slice(), chunk].concat()).collect()
}

/// Destination of what is for nobody in particular (IEC 61162-450, clause 7.3): the letter X in each place.
const ANYBODY: [u8; 6] = [b'X'; 6];

fn name(of: &str) -> [u8; 6] {
    let mut bytes = of.bytes();
    std::array::from_fn(|_| bytes.next().unwrap_or(0))
}

/// The 38 bytes before each part of a file.
fn header(file: &Transfer<'_>, number: u32, last: u32) -> Vec<u8> {
    let mut out = b"RaUdP\0".to_vec();
    out.extend_from_slice(&[0, 2, 0, 38]);
    out.extend(name(file.source));
    out.extend(file.destination.map_or(ANYBODY, name));
    out.extend_from_slice(&[0, 1]);
    for word in [file.block, number, last] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(&[file.device, file.channel]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_blocks() {
        let mut tagger = Tagger::new("IN0001", false);
        tagger.line = 880;
        // The FKIE capture of the public maritime dissector shows this block: s:IN0001,n:881 with its own checksum.
        let lines = tagger.lines(0, &["$X*00".into()], false);
        let tag = "s:IN0001,n:881";
        let sum = tag.bytes().fold(0_u8, |a, b| a ^ b);
        assert_eq!(lines, format!("\\{tag}*{sum:02X}\\$X*00\r\n"));
        let linked = tagger.lines(0, &["$A".into(), "$B".into()], true);
        assert!(linked.contains("\\g:1-2-1,s:IN0001,n:882*") && linked.contains("\\g:2-2-1,s:IN0001,n:883*"));
    }

    #[test]
    fn line_numbers_wrap_at_999() {
        let mut tagger = Tagger::new("GP0001", true);
        tagger.line = 999;
        assert!(tagger.lines(5_000_000_000, &["$A".into()], false).starts_with("\\s:GP0001,n:0,c:5*"));
    }

    #[test]
    fn transfer_is_cut_and_numbered() {
        let content = vec![7_u8; 3_000];
        let file = Transfer {
            source: "RA0001",
            destination: Some("VR0001"),
            block: 3,
            device: 1,
            channel: 1,
            file_type: "image/png",
            content: &content,
        };
        let parts = transfer(&file);
        assert_eq!(parts.len(), 3);
        assert!(
            parts.iter().all(|part| part.len() <= 1_400 && part.starts_with(b"RaUdP\0\0\x02\0\x26RA0001VR0001\0\x01"))
        );
        assert_eq!(parts.iter().map(|part| part.len() - 38).sum::<usize>(), 3_000 + 4 + 4 + 2 + 2 + 1 + 9 + 2);
        assert_eq!(&parts[2][28..36], &[0, 0, 0, 3, 0, 0, 0, 3]);
    }
}
