//! EGD: Ethernet Global Data, by which GE controllers and turbine and drive panels produce values for each other.
//!
//! Reads producer and exchange of every datagram. Deliberately not read: the values, whose layout is only in the engineering tool, and the
//! configuration protocol of later controllers.
//!
//! Specification: none public; the header as GE's manual GFK-1541 describes it (producer id, exchange id, time stamp, status, signature).

use dogwatch_model::{Act, Attribute, FactValue, Object};

use std::net::Ipv4Addr;

use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// EGD data over UDP.
pub(crate) static EGD: DatagramProtocol = DatagramProtocol {
    name: "egd",
    hints: &[Hint::Udp(18_246)],
    carriers: &[Carrier::Udp],
    probe: |head| match Header::parse(head) {
        Ok(header) if header.is_plausible(head) => Probe::Yes,
        _ => Probe::No,
    },
    read,
};

/// Bytes of the header.
const HEADER: usize = 32;
/// A datagram carries no more values than this.
const MOST_VALUES: usize = 1_400;

/// The header, least significant byte first.
#[derive(Debug, Clone, Copy)]
struct Header {
    request: u16,
    producer: Ipv4Addr,
    exchange: u32,
    seconds: u32,
    nanoseconds: u32,
    status: u32,
    signature: u32,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("egd", bytes);
        let [kind, version] = reader.array()?;
        if (kind, version) != (13, 1) {
            return Err(ParseError::Malformed { what: "egd", at: 0, why: "type 13 and version 1" });
        }
        let header = Self {
            request: reader.le16()?,
            producer: Ipv4Addr::from(reader.array::<4>()?),
            exchange: reader.le32()?,
            seconds: reader.le32()?,
            nanoseconds: reader.le32()?,
            status: reader.le32()?,
            signature: reader.le32()?,
        };
        let _reserved = reader.le32()?;
        Ok(header)
    }

    /// There is no magic number: every field that has a range must keep it, and the reserved word is zero.
    fn is_plausible(&self, bytes: &[u8]) -> bool {
        let values = bytes.len().saturating_sub(HEADER);
        let reserved = bytes.get(HEADER.saturating_sub(4)..HEADER) == Some(&[0; 4]);
        reserved
            && (1..=MOST_VALUES).contains(&values)
            && self.nanoseconds < 1_000_000_000
            && (1..=16_383).contains(&self.exchange)
            && self.status <= 0xffff
            && !self.producer.is_unspecified()
    }
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let header = Header::parse(chunk.bytes)?;
    let name = Text::<48>::of(format_args!("producer {} exchange {}", header.producer, header.exchange));
    let producer = Text::<16>::of(format_args!("{}", header.producer));
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named(name.as_str()) });
    acts.says(Attribute::StationAddress, FactValue::Text(producer.as_str()), 80, "egd.producer");
    acts.says(Attribute::Publication, FactValue::Text(name.as_str()), 80, "egd.exchange");
    let fields = Shown(|visit| {
        visit.number("request_id", header.request);
        visit.text("producer_id", producer.as_str());
        visit.number("exchange_id", header.exchange);
        visit.number("seconds", header.seconds);
        visit.number("nanoseconds", header.nanoseconds);
        visit.number("status", header.status);
        visit.number("config_signature", header.signature);
        visit.number("length", u64::try_from(chunk.bytes.len().saturating_sub(HEADER)).unwrap_or_default());
    });
    emit.message("data", &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn producers_and_their_exchanges() {
        let bytes = hex("0d01 0500 0a000014 02000000 00105e5f 80841e00 01000000 07000000 00000000 00010203");
        let heard = datagram(&EGD, Carrier::Udp, 18_246, &bytes);
        assert_eq!(
            heard.seen[0].acts,
            [
                "publishes producer 10.0.0.20 exchange 2",
                "says station_address=10.0.0.20 (egd.producer)",
                "says publication=producer 10.0.0.20 exchange 2 (egd.exchange)"
            ]
        );
        assert_eq!((heard.seen[0].field("status"), heard.seen[0].field("length")), ("1".into(), "4".into()));
        assert_eq!(EGD.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        assert_eq!(EGD.probe(Carrier::Udp, ToServer, &bytes[..32]), Probe::No, "no values");
        let mut odd = bytes;
        odd[30] = 1;
        assert_eq!(EGD.probe(Carrier::Udp, ToServer, &odd), Probe::No, "reserved bytes");
    }
}
