//! What a device says of itself: Read Device Identification (43/14) and Report Server ID (17).
//!
//! Specification: MODBUS Application Protocol V1.1b3, clauses 6.21 and 6.13.

use dogwatch_model::Attribute;

use crate::reader::Reader;
use crate::text::printable;

/// One object of a device identification.
pub(super) struct IdObject<'a> {
    pub(super) id: u8,
    pub(super) value: &'a [u8],
}

/// The objects in the reply to 43/14, from what follows the MEI type; ends early when the bytes do.
pub(super) fn objects(data: &[u8]) -> impl Iterator<Item = IdObject<'_>> {
    let mut reader = Reader::new("device identification", data);
    // Read code, conformity level, more follows, next object.
    let _ = reader.take(4);
    let count = reader.u8().unwrap_or(0);
    (0..count).map_while(move |_| {
        let id = reader.u8().ok()?;
        let len = reader.u8().ok()?;
        Some(IdObject { id, value: reader.take(len.into()).ok()? })
    })
}

/// The attribute an object states, with how sure that is. The vendor's address on the web is no attribute.
pub(super) const fn attribute(id: u8) -> Option<(Attribute, u8)> {
    Some(match id {
        0 => (Attribute::Manufacturer, 90),
        1 => (Attribute::ProductCode, 90),
        2 => (Attribute::FirmwareVersion, 90),
        // Product name and model name often differ; the model name is the more exact one.
        4 => (Attribute::Model, 85),
        5 => (Attribute::Model, 90),
        6 => (Attribute::SoftwareVersion, 85),
        _ => return None,
    })
}

/// The name of an object (clause 6.21, table of object ids).
pub(super) const fn object_name(id: u8) -> Option<&'static str> {
    Some(match id {
        0 => "vendor_name",
        1 => "product_code",
        2 => "major_minor_revision",
        3 => "vendor_url",
        4 => "product_name",
        5 => "model_name",
        6 => "user_application_name",
        _ => return None,
    })
}

/// The longest run of at least four printable characters in a server id: its layout is each maker's own, text in it is the only common thing.
pub(super) fn server_id_text(data: &[u8]) -> Option<&str> {
    let longest = data
        .split(|byte| !(byte.is_ascii_graphic() || *byte == b' '))
        .max_by_key(|run| run.len())
        .filter(|run| run.len() >= 4)?;
    printable(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_end_where_the_bytes_end() {
        let data = b"\x01\x01\x00\x00\x03\x00\x03ACM\x01\x02P1\x02\x09V1";
        let got: Vec<(u8, &[u8])> = objects(data).map(|object| (object.id, object.value)).collect();
        assert_eq!(got, [(0, &b"ACM"[..]), (1, b"P1")], "the third object is cut");
        assert_eq!(objects(b"\x01\x01").count(), 0);
    }

    #[test]
    fn text_in_a_server_id() {
        assert_eq!(server_id_text(b"\x01\xffPM700 v2\x00\x03abc"), Some("PM700 v2"));
        assert_eq!(server_id_text(b"\x01\xff\x02abc"), None);
    }
}
