//! Configuration frames: the stations of a stream and the names of their channels.
//!
//! Specification: IEEE C37.118.2-2011 tables 8 and 9 (configurations 1 and 2), 10 and 11 (configuration 3).

use crate::ParseError;
use crate::reader::Reader;
use crate::text::printable;

/// Length of a name in configurations 1 and 2.
const NAME: usize = 16;

/// The body of a configuration frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Configuration<'a> {
    /// Stations it says it has.
    pub(super) number: u16,
    stations: &'a [u8],
    third: bool,
}

/// One station (PMU).
#[derive(Debug, Clone, Copy)]
pub(super) struct Station<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) id: u16,
    names: &'a [u8],
    third: bool,
}

impl<'a> Configuration<'a> {
    /// Reads the time base and the number of stations; `third` for configuration 3.
    pub(super) fn parse(body: &'a [u8], third: bool) -> Result<Self, ParseError> {
        let mut reader = Reader::new("synchrophasor configuration", body);
        if third {
            let _continuation = reader.be16()?;
        }
        let _time_base = reader.be32()?;
        let number = reader.be16()?;
        Ok(Self { number, stations: reader.rest(), third })
    }

    /// The stations, up to the first that is cut.
    pub(super) fn stations(&self) -> impl Iterator<Item = Station<'a>> + Clone + use<'a> {
        let (third, mut reader) = (self.third, Reader::new("synchrophasor station", self.stations));
        (0..self.number).map_while(move |_| station(&mut reader, third).ok())
    }

    /// Whether it announces more stations than it holds; configuration 3 may go on in a further frame.
    pub(super) fn is_cut(&self) -> bool {
        !self.third && self.stations().count() < usize::from(self.number)
    }
}

impl<'a> Station<'a> {
    /// The names of its channels.
    pub(super) fn channels(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let (third, mut reader) = (self.third, Reader::new("synchrophasor channel", self.names));
        std::iter::from_fn(move || name(&mut reader, third).ok()).flatten()
    }
}

/// A name: 16 bytes filled up with blanks, or in configuration 3 a length and as many bytes.
fn name<'a>(reader: &mut Reader<'a>, third: bool) -> Result<Option<&'a str>, ParseError> {
    let length = if third { reader.u8()?.into() } else { NAME };
    Ok(printable(reader.take(length)?))
}

fn station<'a>(reader: &mut Reader<'a>, third: bool) -> Result<Station<'a>, ParseError> {
    let name_of_station = name(reader, third)?;
    let id = reader.be16()?;
    if third {
        let _global_id = reader.take(16)?;
    }
    let _format = reader.be16()?;
    let (phasors, analogues, digitals) = (reader.be16()?, reader.be16()?, reader.be16()?);
    let bits = usize::from(digitals).saturating_mul(16);
    let names = usize::from(phasors).saturating_add(analogues.into()).saturating_add(bits);
    let before = reader.rest();
    for _ in 0..names {
        name(reader, third)?;
    }
    let used = before.len().saturating_sub(reader.rest().len());
    let names = before.get(..used).unwrap_or_default();
    let each = |count: u16, size: usize| usize::from(count).saturating_mul(size);
    let units = if third {
        // Scales, then place, height, class, window and delay of the station.
        each(phasors, 12).saturating_add(each(analogues, 8)).saturating_add(each(digitals, 4)).saturating_add(21)
    } else {
        each(phasors, 4).saturating_add(each(analogues, 4)).saturating_add(each(digitals, 4))
    };
    let _units_frequency_and_count = reader.take(units.saturating_add(4))?;
    Ok(Station { name: name_of_station, id, names, third })
}
