//! Values of nodes as numbers under the nodes' names: what is written, what a read brings, what a subscription sends.
//!
//! A read's answer repeats no names and a notification only the handle the client chose, so both are held against what was asked before.
//! Deliberately not handed out: arrays, texts, structures, parts of a value by index range, values the server itself calls bad.
//!
//! Specification: OPC UA part 4 clauses 5.10.2 (read), 5.10.4 (write), 5.12.2 (monitored items), 5.13.5 and 7.20 (publish and notifications).

use dogwatch_model::ReadingVisitor;

use super::values::{Node, Value, data_value, extension, string};
use super::{request_header, response_header};
use crate::ParseError;
use crate::reader::Reader;
use crate::text::Text;

/// Bytes of a read request's list that are kept for its answer.
const KEPT: usize = 4_096;
/// Nodes watched on one connection.
const MOST_WATCHED: usize = 512;
/// The attribute of a node that is its value.
const VALUE: u32 = 13;
/// Encoding of a notification of changed data.
const DATA_CHANGE: u32 = 811;

/// A node and the attribute of it that is meant.
struct Item<'a> {
    node: Node<'a>,
    is_value: bool,
}

impl<'a> Item<'a> {
    /// Node, attribute, index range.
    fn take(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let (node, attribute) = (Node::take(reader)?, reader.le32()?);
        let range = string(reader)?;
        Ok(Self { node, is_value: attribute == VALUE && range.is_none_or(<[u8]>::is_empty) })
    }

    /// The same with the encoding that is wished for, as reads and subscriptions have it.
    fn take_wished(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let item = Self::take(reader)?;
        let _encoding = (reader.le16()?, string(reader)?);
        Ok(item)
    }

    fn name(&self) -> Option<Text<96>> {
        Some(self.node.text()).filter(|name| self.is_value && !name.is_empty())
    }

    fn hand_out(&self, value: Value<'_>, to: &mut dyn ReadingVisitor) {
        if let (Some(name), Value::Number(value)) = (self.name(), value) {
            to.number(format_args!("{}", name.as_str()), value);
        }
    }
}

/// The count in front of a list, all ones for none.
fn count(reader: &mut Reader<'_>) -> Result<u32, ParseError> {
    reader.le32().map(|count| if count == u32::MAX { 0 } else { count })
}

/// What a write request is to change.
pub(super) fn written(mut reader: Reader<'_>, to: &mut dyn ReadingVisitor) -> Result<(), ParseError> {
    request_header(&mut reader)?;
    for _ in 0..count(&mut reader)? {
        let item = Item::take(&mut reader)?;
        item.hand_out(data_value(&mut reader)?, to);
    }
    Ok(())
}

/// Keeps the list of a read request in `kept`, for [`read`].
pub(super) fn keep(mut reader: Reader<'_>, kept: &mut Vec<u8>) {
    kept.clear();
    if request_header(&mut reader).and_then(|()| reader.take(12)).is_ok() {
        let list = reader.rest();
        kept.extend_from_slice(list.get(..list.len().min(KEPT)).unwrap_or_default());
    }
}

/// What the answer to a read brings; `kept` is the list that was asked for.
pub(super) fn read(kept: &[u8], mut reader: Reader<'_>, to: &mut dyn ReadingVisitor) -> Result<(), ParseError> {
    let mut asked = Reader::new("opcua read request", kept);
    response_header(&mut reader)?;
    let values = count(&mut reader)?;
    if count(&mut asked)? != values {
        return Ok(());
    }
    for _ in 0..values {
        let item = Item::take_wished(&mut asked)?;
        item.hand_out(data_value(&mut reader)?, to);
    }
    Ok(())
}

/// What clients have the server watch, by subscription and the handle they chose. Both come from the wire, so there is a limit; when it is hit, all
/// start over.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<((u32, u32), Text<96>)>);

impl Watched {
    /// A request to watch nodes.
    pub(super) fn create(&mut self, mut reader: Reader<'_>) -> Result<(), ParseError> {
        request_header(&mut reader)?;
        let subscription = reader.le32()?;
        let _timestamps = reader.le32()?;
        for _ in 0..count(&mut reader)? {
            let item = Item::take_wished(&mut reader)?;
            let _mode = reader.le32()?;
            let key = (subscription, reader.le32()?);
            let _interval = reader.le64()?;
            let _filter = extension(&mut reader)?;
            let _queue = (reader.le32()?, reader.u8()?);
            self.0.retain(|(known, _)| *known != key);
            if self.0.len() >= MOST_WATCHED {
                self.0.clear();
            }
            self.0.extend(item.name().map(|name| (key, name)));
        }
        Ok(())
    }

    /// A request to change what is watched: handles may mean other nodes from here on.
    pub(super) fn modify(&mut self, mut reader: Reader<'_>) -> Result<(), ParseError> {
        request_header(&mut reader)?;
        let subscription = reader.le32()?;
        self.0.retain(|((known, _), _)| *known != subscription);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a publish response brings.
    pub(super) fn published(&self, mut reader: Reader<'_>, to: &mut dyn ReadingVisitor) -> Result<(), ParseError> {
        response_header(&mut reader)?;
        let subscription = reader.le32()?;
        for _ in 0..count(&mut reader)? {
            let _available = reader.le32()?;
        }
        let _more_and_sequence_and_time = reader.take(13)?;
        for _ in 0..count(&mut reader)? {
            let (kind, mut body) = extension(&mut reader)?;
            if kind != Some(DATA_CHANGE) {
                continue;
            }
            for _ in 0..count(&mut body)? {
                let key = (subscription, body.le32()?);
                let value = data_value(&mut body)?;
                let name = self.0.iter().find(|(known, _)| *known == key).map(|(_, name)| name);
                if let (Some(name), Value::Number(value)) = (name, value) {
                    to.number(format_args!("{}", name.as_str()), value);
                }
            }
        }
        Ok(())
    }
}
