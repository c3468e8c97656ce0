//! System status lists 0x0011 (module identification) and 0x001C (component identification): the only place a Simatic states who it is; and
//! 0x0424, which states its mode.

use dogwatch_model::{Attribute, FactValue};

use crate::acts::Acts;
use crate::reader::Reader;
use crate::text::{Text, printable};

/// A list, or the question for one.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusList<'a> {
    pub(super) id: u16,
    pub(super) index: u16,
    record_len: usize,
    records: &'a [u8],
}

impl<'a> StatusList<'a> {
    /// Reads the data part: return code, size, length, then the list.
    pub(super) fn parse(data: &'a [u8], is_answer: bool) -> Option<Self> {
        let mut reader = Reader::new("system status list", data);
        let [code, _size] = reader.array().ok()?;
        let _length = reader.be16().ok()?;
        let (id, index) = (reader.be16().ok()?, reader.be16().ok()?);
        if !is_answer || code != 0xff {
            return Some(Self { id, index, record_len: 0, records: &[] });
        }
        let record_len = usize::from(reader.be16().ok()?);
        let _count = reader.be16().ok()?;
        Some(Self { id, index, record_len, records: reader.rest() })
    }

    /// Number and content of every record.
    fn records(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let len = self.record_len;
        let records = if len > 2 { self.records } else { &[] };
        records.chunks_exact(len.max(1)).filter_map(|record| {
            let (number, content) = record.split_first_chunk()?;
            Some((u16::from_be_bytes(*number), content))
        })
    }

    /// The version in record `wanted` of list 0x0011: a letter and three numbers.
    fn version(&self, wanted: u16) -> Option<[u8; 4]> {
        let (_, content) = self.records().find(|(number, _)| self.id & 0xff == 0x11 && *number == wanted)?;
        content.get(22..26)?.try_into().ok()
    }

    /// The firmware, as `V3.2.6`.
    pub(super) fn firmware(&self) -> Option<Text<24>> {
        let [letter, major, minor, patch] = self.version(7)?;
        letter.is_ascii_alphabetic().then(|| Text::of(format_args!("{}{major}.{minor}.{patch}", char::from(letter))))
    }

    /// The mode in list 0x0424: the lower half of the fourth byte of the only record, 4 for stop, 8 for run.
    pub(super) fn mode(&self) -> Option<&'static str> {
        if self.id & 0xff != 0x24 {
            return None;
        }
        // This list numbers its records by event, not by index.
        let len = if self.record_len > 4 { self.record_len } else { return None };
        match self.records.chunks_exact(len).next()?.get(3)? & 15 {
            4 => Some("stop"),
            8 => Some("run"),
            _ => None,
        }
    }

    /// The hardware revision.
    pub(super) fn hardware(&self) -> Option<Text<24>> {
        let [high, low, _, _] = self.version(1)?;
        Some(Text::of(format_args!("{}", u16::from_be_bytes([high, low]))))
    }
}

/// Texts made of numbers, which facts borrow.
pub(super) struct Texts {
    firmware: Option<Text<24>>,
    hardware: Option<Text<24>>,
    loader: Option<Text<48>>,
    card: Option<Text<64>>,
    mode: Option<&'static str>,
}

impl Texts {
    /// Makes those of a list.
    pub(super) fn of(list: &StatusList<'_>) -> Self {
        let loader = list.records().find(|(number, _)| list.id & 0xff == 0x11 && *number == 0x81);
        let card = list.records().find(|(number, _)| list.id & 0xff == 0x1c && *number == 8);
        Self {
            firmware: list.firmware(),
            hardware: list.hardware(),
            loader: loader.and_then(|(_, content)| {
                let name = printable(content.get(..20)?)?;
                let [letter, major, minor, patch] = content.get(22..26)?.try_into().ok()?;
                Some(Text::of(format_args!(
                    "{name} {}{major}.{minor}.{patch}",
                    char::from(letter).to_ascii_uppercase()
                )))
            }),
            card: card.and_then(|(_, content)| Some(Text::of(format_args!("memory card {}", printable(content)?)))),
            mode: list.mode(),
        }
    }
}

/// The facts in a list.
pub(super) fn facts<'a>(acts: &mut Acts<'a>, list: &StatusList<'a>, texts: &'a Texts) {
    for (number, content) in list.records() {
        match (list.id & 0xff, number) {
            (0x11, 1) => {
                acts.says_text(Attribute::ProductCode, content.get(..20).and_then(printable), 90, "s7.szl-0011");
            }
            (0x1c, 1) => acts.says_text(Attribute::Name, printable(content), 90, "s7.szl-001c"),
            // The module's own name, given by whoever configured it.
            (0x1c, 2) => acts.says_text(Attribute::Description, printable(content), 85, "s7.szl-001c"),
            (0x1c, 3) => acts.says_text(Attribute::Location, printable(content), 85, "s7.szl-001c"),
            (0x1c, 4) => acts.says_text(Attribute::Manufacturer, printable(content), 60, "s7.szl-001c"),
            (0x1c, 5) => acts.says_text(Attribute::SerialNumber, printable(content), 90, "s7.szl-001c"),
            (0x1c, 7) => acts.says_text(Attribute::Model, printable(content), 90, "s7.szl-001c"),
            _ => {}
        }
    }
    if let Some(text) = &texts.firmware {
        acts.says(Attribute::FirmwareVersion, FactValue::Text(text.as_str()), 90, "s7.szl-0011");
    }
    if let Some(text) = &texts.hardware {
        acts.says(Attribute::HwRevision, FactValue::Text(text.as_str()), 85, "s7.szl-0011");
    }
    if let Some(text) = &texts.loader {
        acts.says(Attribute::SoftwareVersion, FactValue::Text(text.as_str()), 85, "s7.szl-0011");
    }
    if let Some(text) = &texts.card {
        acts.says(Attribute::Description, FactValue::Text(text.as_str()), 80, "s7.szl-001c");
    }
    acts.says_text(Attribute::OperatingMode, texts.mode, 90, "s7.szl-0424");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::industrial::s7comm::S7COMM;
    use crate::support::{Conversation, hex};
    use crate::{Carrier, industrial::s7comm::tests::unit};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn answer(id: &str, record_len: u16, records: &[Vec<u8>]) -> Vec<String> {
        let mut data = hex(&format!("ff 09 0000 {id} 0000"));
        data.extend(record_len.to_be_bytes());
        data.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
        data.extend(records.concat());
        let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
        conversation.send(ToClient, &unit(7, &hex("000112 08 12 84 01 01 00 00 0000"), &data));
        conversation.heard.seen[0].acts[1..].to_vec()
    }

    #[test]
    fn order_number_and_versions() {
        let record = |number: u8, tail: &str| {
            let mut bytes = vec![0, number];
            bytes.extend(b"6ES7 000-0AA00-0AB0 ");
            bytes.extend(hex(tail));
            bytes
        };
        assert_eq!(
            answer("0011", 28, &[record(1, "00c0 0004 0001"), record(7, "00c0 5603 0206")]),
            [
                "says product_code=6ES7 000-0AA00-0AB0 (s7.szl-0011)",
                "says firmware_version=V3.2.6 (s7.szl-0011)",
                "says hw_revision=4 (s7.szl-0011)",
            ]
        );
    }

    #[test]
    fn names_and_serial_number() {
        let record = |number: u8, text: &str| {
            let mut bytes = vec![0, number];
            bytes.extend(text.bytes().chain(std::iter::repeat(0)).take(32));
            bytes
        };
        assert_eq!(
            answer("001c", 34, &[record(1, "me-control"), record(5, "S C-X0"), record(7, "CPU 1"), record(9, "x")]),
            [
                "says name=me-control (s7.szl-001c)",
                "says serial_number=S C-X0 (s7.szl-001c)",
                "says model=CPU 1 (s7.szl-001c)",
            ]
        );
    }

    #[test]
    fn a_list_in_two_units() {
        let record = |number: u8, text: &str| {
            let mut bytes = vec![0, number];
            bytes.extend(text.bytes().chain(std::iter::repeat(0)).take(32));
            bytes
        };
        let all = [record(1, "me-control"), record(5, "S C-X0"), record(8, "MMC 1")].concat();
        let mut first = hex("ff 09 0000 001c 0000 0022 0003");
        first.extend(&all[..50]);
        let mut second = hex("ff 09 0000");
        second.extend(&all[50..]);
        let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
        conversation.send(ToClient, &unit(7, &hex("000112 08 12 84 01 01 5a 01 0000"), &first));
        // what is lost of the questions does not part the answer
        conversation.lose(ToServer, 33);
        conversation.send(ToClient, &unit(7, &hex("000112 08 12 84 01 01 5a 00 0000"), &second));
        assert_eq!(conversation.heard.seen[0].acts, ["reply discover system-status-list"]);
        assert_eq!(
            conversation.heard.seen[1].acts[1..],
            [
                "says name=me-control (s7.szl-001c)",
                "says serial_number=S C-X0 (s7.szl-001c)",
                "says description=memory card MMC 1 (s7.szl-001c)",
            ]
        );
        // the second unit alone begins with a text, not with the head of a list
        conversation.lose(ToClient, 100);
        conversation.send(ToClient, &unit(7, &hex("000112 08 12 84 01 01 5a 00 0000"), &second));
        assert_eq!(conversation.heard.seen[2].acts, ["reply discover system-status-list"]);
        assert!(conversation.heard.seen[2].fields.get("szl_id").is_none());
    }

    #[test]
    fn mode() {
        let answer = answer("0424", 20, &[hex("5144 ff08 00000000 00000000 14021221 48340913")]);
        assert_eq!(answer, ["says operating_mode=run (s7.szl-0424)"]);
    }

    #[test]
    fn a_refused_or_cut_list_says_nothing() {
        assert!(StatusList::parse(&hex("0a 00 0000 0011 0001"), true).unwrap().firmware().is_none());
        assert!(StatusList::parse(&hex("ff 09 0000 00"), true).is_none());
        assert_eq!(StatusList::parse(&hex("ff 09 0000 0011 0000 0000 0001 55"), true).unwrap().records().count(), 0);
    }
}
