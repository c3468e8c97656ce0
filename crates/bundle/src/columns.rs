//! Numbers in columns: written record by record, stored column by column (or interleaved, when that is shorter), read record by record.
//!
//! A column that is zero all through is not stored; one that is the same number all through is stored once.

use crate::BundleError;
use crate::wire::{Reader, put_bytes, put_varint, unzigzag, zigzag};

/// The columns. Numbers are part of the layout; the commonest come first so that the presence word of a single finding stays short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Col {
    Rule = 0,
    Level = 1,
    Confidence = 2,
    First = 3,
    Last = 4,
    Count = 5,
    Source = 6,
    Destination = 7,
    ZoneFrom = 8,
    ZoneTo = 9,
    Service = 10,
    Pattern = 11,
    Number = 12,
    EvidenceCount = 13,
    Capture = 14,
    Frame = 15,
    EvidenceTime = 16,
    ShipState = 17,
    Kind = 18,
    SeqGap = 19,
    Conduit = 20,
    SourcePort = 21,
    DestinationPort = 22,
    Latitude = 23,
    Longitude = 24,
    FieldCount = 25,
    FieldName = 26,
    FieldValue = 27,
    Expected = 28,
    HistoryCount = 29,
    HistoryText = 30,
    HistoryTime = 31,
    HistoryStatus = 32,
    IdForm = 33,
    FingerprintForm = 34,
    IdTime = 35,
    JsonBytes = 36,
    GapCount = 37,
    GapRange = 38,
    GapReason = 39,
    Health = 40,
    HealthText = 41,
}

/// Number of columns.
const COLUMNS: usize = 42;
/// Layout byte: values interleaved in the order of writing.
const INTERLEAVED: u8 = 0;
/// Layout byte: one column after the other.
const COLUMNAR: u8 = 1;

/// Collects numbers and raw bytes.
#[derive(Debug, Default)]
pub(crate) struct ColumnWriter {
    values: Vec<(Col, u64)>,
    /// Ids and other incompressible bytes of known length.
    pub(crate) raw: Vec<u8>,
    /// JSON of the records that have no columns.
    pub(crate) json: Vec<u8>,
}

impl ColumnWriter {
    pub(crate) fn put(&mut self, col: Col, value: u64) {
        self.values.push((col, value));
    }

    pub(crate) fn put_signed(&mut self, col: Col, value: i64) {
        self.put(col, zigzag(value));
    }

    /// The stored form: layout byte, numbers, raw bytes, JSON.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let (interleaved, columnar) = (self.interleaved(), self.columnar());
        let (layout, numbers) =
            if interleaved.len() <= columnar.len() { (INTERLEAVED, interleaved) } else { (COLUMNAR, columnar) };
        let mut out = vec![layout];
        // Interleaved numbers end by themselves with the last record, but raw bytes follow.
        put_bytes(&mut out, &numbers);
        put_bytes(&mut out, &self.raw);
        out.extend_from_slice(&self.json);
        out
    }

    fn present(&self) -> u64 {
        self.values.iter().filter(|(_, value)| *value != 0).fold(0, |bits, (col, _)| bits | (1 << *col as u8))
    }

    fn interleaved(&self) -> Vec<u8> {
        let present = self.present();
        let mut out = Vec::new();
        put_varint(&mut out, present);
        for (col, value) in &self.values {
            if present & (1 << *col as u8) != 0 {
                put_varint(&mut out, *value);
            }
        }
        out
    }

    fn columnar(&self) -> Vec<u8> {
        let mut columns: Vec<Vec<u64>> = vec![Vec::new(); COLUMNS];
        for (col, value) in &self.values {
            if let Some(column) = columns.get_mut(*col as usize) {
                column.push(*value);
            }
        }
        let mut out = Vec::new();
        put_varint(&mut out, self.present());
        for column in columns.iter().filter(|column| column.iter().any(|&value| value != 0)) {
            let mut bytes = Vec::new();
            let first = column.first().copied().unwrap_or(0);
            let constant = column.iter().all(|&value| value == first);
            for &value in column.iter().take(if constant { 1 } else { column.len() }) {
                put_varint(&mut bytes, value);
            }
            put_varint(&mut out, (bytes.len() as u64) << 1 | u64::from(constant));
            out.extend(bytes);
        }
        out
    }
}

/// One column while it is read.
#[derive(Debug, Clone, Copy)]
enum Column<'a> {
    Zero,
    Constant(u64),
    Varied(Reader<'a>),
}

#[derive(Debug)]
enum Layout<'a> {
    Interleaved { present: u64, values: Reader<'a> },
    Columnar(Vec<Column<'a>>),
}

/// Reads back what a [`ColumnWriter`] stored, in the same order.
#[derive(Debug)]
pub(crate) struct ColumnReader<'a> {
    layout: Layout<'a>,
    pub(crate) raw: Reader<'a>,
    pub(crate) json: Reader<'a>,
}

impl<'a> ColumnReader<'a> {
    pub(crate) fn new(mut body: Reader<'a>) -> Result<Self, BundleError> {
        let layout = body.byte("the layout")?;
        let numbers = body.bytes(usize::MAX, "the numbers")?;
        let raw = Reader::new(body.bytes(usize::MAX, "raw bytes")?);
        let json = Reader::new(body.rest());
        let mut numbers = Reader::new(numbers);
        let present = numbers.varint("the presence word")?;
        if present >> COLUMNS != 0 {
            return Err(BundleError::Malformed { what: "a column this version does not know" });
        }
        let layout = match layout {
            INTERLEAVED => Layout::Interleaved { present, values: numbers },
            COLUMNAR => {
                let mut columns = Vec::with_capacity(COLUMNS);
                for at in 0..COLUMNS {
                    columns.push(if present & (1 << at) == 0 { Column::Zero } else { read_column(&mut numbers)? });
                }
                if !numbers.is_empty() {
                    return Err(BundleError::Malformed { what: "bytes after the columns" });
                }
                Layout::Columnar(columns)
            }
            _ => return Err(BundleError::Malformed { what: "unknown layout" }),
        };
        Ok(Self { layout, raw, json })
    }

    pub(crate) fn take(&mut self, col: Col) -> Result<u64, BundleError> {
        match &mut self.layout {
            Layout::Interleaved { present, values } => {
                if *present & (1 << col as u8) == 0 {
                    Ok(0)
                } else {
                    values.varint("the numbers")
                }
            }
            Layout::Columnar(columns) => match columns.get_mut(col as usize) {
                Some(Column::Varied(values)) => values.varint("a column"),
                Some(Column::Constant(value)) => Ok(*value),
                Some(Column::Zero) | None => Ok(0),
            },
        }
    }

    pub(crate) fn take_signed(&mut self, col: Col) -> Result<i64, BundleError> {
        self.take(col).map(unzigzag)
    }

    /// Takes a number that must not pass `limit`.
    pub(crate) fn count(&mut self, col: Col, limit: usize, what: &'static str) -> Result<usize, BundleError> {
        let value = self.take(col)?;
        usize::try_from(value).ok().filter(|&count| count <= limit).ok_or(BundleError::TooLarge { what })
    }

    /// Takes a number that must fit `T`.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self, col: Col) -> Result<T, BundleError> {
        T::try_from(self.take(col)?).map_err(|_| BundleError::Malformed { what: "a number out of its range" })
    }

    /// Checks that nothing is left over.
    pub(crate) fn finish(self) -> Result<(), BundleError> {
        let left = match &self.layout {
            Layout::Interleaved { values, .. } => !values.is_empty(),
            Layout::Columnar(columns) => {
                columns.iter().any(|column| matches!(column, Column::Varied(values) if !values.is_empty()))
            }
        };
        if left || !self.raw.is_empty() || !self.json.is_empty() {
            return Err(BundleError::Malformed { what: "more content than records" });
        }
        Ok(())
    }
}

fn read_column<'a>(numbers: &mut Reader<'a>) -> Result<Column<'a>, BundleError> {
    let head = numbers.varint("a column")?;
    let length = usize::try_from(head >> 1).map_err(|_| BundleError::TooLarge { what: "a column" })?;
    let mut bytes = Reader::new(numbers.take(length, "a column")?);
    if head & 1 == 0 {
        return Ok(Column::Varied(bytes));
    }
    let value = bytes.varint("a column")?;
    if bytes.is_empty() {
        Ok(Column::Constant(value))
    } else {
        Err(BundleError::Malformed { what: "a constant column" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOME: [Col; 4] = [Col::Rule, Col::Count, Col::SeqGap, Col::HealthText];

    proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec((0_usize..4, prop_oneof![Just(0_u64), Just(9), any::<u64>()]), 0..60)) {
            let mut writer = ColumnWriter::default();
            values.iter().for_each(|&(at, value)| writer.put(SOME[at], value));
            writer.raw = vec![1, 2];
            writer.json = vec![3];
            for numbers in [writer.interleaved(), writer.columnar()].into_iter().enumerate() {
                let mut body = vec![u8::try_from(numbers.0).unwrap()];
                put_bytes(&mut body, &numbers.1);
                put_bytes(&mut body, &writer.raw);
                body.extend(&writer.json);
                let mut reader = ColumnReader::new(Reader::new(&body)).unwrap();
                for &(at, value) in &values {
                    prop_assert_eq!(reader.take(SOME[at]), Ok(value));
                }
                prop_assert_eq!(reader.raw.rest(), &[1, 2]);
                prop_assert_eq!(reader.json.rest(), &[3]);
            }
        }
    }
}
