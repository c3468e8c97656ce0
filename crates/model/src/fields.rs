//! The fully decoded fields of a message, handed out by a visitor that costs nothing unless somebody asks.
//!
//! `dogwatch decode`, evidence and user rules ask; the packet path does not.

/// One decoded value. Numbers are in the unit of the protocol's own specification (NMEA 2000: SI).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    /// Yes or no.
    Bool(bool),
    /// A whole number without sign.
    Unsigned(u64),
    /// A whole number with sign.
    Signed(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text as it stood on the wire, already checked to be UTF-8.
    Text(&'a str),
    /// Raw bytes, shown as hex.
    Bytes(&'a [u8]),
    /// A code with the name the specification gives it; an unknown code has none.
    Coded {
        /// The number on the wire.
        value: u64,
        /// Its name, when the specification has one.
        name: Option<&'a str>,
    },
}

/// Takes the fields of a message one by one, in the order of the specification. A field that is absent or "not available" is not visited.
pub trait FieldVisitor {
    /// Takes one value. Inside a list the name is empty.
    fn field(&mut self, name: &str, value: FieldValue<'_>);
    /// A list begins; until [`FieldVisitor::close`] every value or group is one element.
    fn open_list(&mut self, name: &str);
    /// A nested group of named fields begins. Inside a list the name is empty.
    fn open_group(&mut self, name: &str);
    /// The innermost open list or group ends.
    fn close(&mut self);
}

/// Something that can hand out its fields.
pub trait Fields {
    /// Shows every field to `visitor`.
    fn visit(&self, visitor: &mut dyn FieldVisitor);
}

/// A message without fields beyond what its acts already say.
#[derive(Debug, Clone, Copy)]
pub struct NoFields;

impl Fields for NoFields {
    fn visit(&self, _visitor: &mut dyn FieldVisitor) {}
}
