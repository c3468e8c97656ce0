//! What lies between COTP and MMS: the session, the presentation and the association control layer, as far as they carry MMS.
//!
//! Deliberately not kept: negotiated contexts (a presentation context identifier is not looked up, what it carries is told by its tag).
//!
//! Specification: ISO 8327-1 clause 8 (session units), ISO 8823-1 clause 8 (presentation units), ISO 8650-1 clause 9 (ACSE).

use crate::ParseError;
use crate::ber::{self, Element};
use crate::reader::Reader;

/// What a message is for the layers below MMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Opens an association.
    Connect,
    /// Accepts one; `false` when ACSE says no.
    Accept(bool),
    /// Refuses one.
    Refuse,
    /// Data.
    Data,
    /// An orderly end.
    Release,
    /// A sudden end.
    Abort,
}

/// A message with what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried<'a> {
    pub(super) layer: Layer,
    /// The MMS unit, where there is one.
    pub(super) mms: Option<&'a [u8]>,
    /// Whether the association is opened with a password in clear text.
    pub(super) has_password: bool,
}

/// MMS, by the beginning of its object identifiers {iso standard 9506 2}.
pub(super) const MMS_OID: [u8; 4] = [0x28, 0xca, 0x22, 0x02];

/// Takes the layers off. Some stacks leave out session and presentation and put MMS on COTP directly.
pub(super) fn unwrap(bytes: &[u8]) -> Result<Carried<'_>, ParseError> {
    let plain = |layer, mms| Carried { layer, mms, has_password: false };
    match bytes {
        // Give tokens, then data transfer, both without parameters.
        [1, 0, 1, 0, data @ ..] => {
            let inner = presentation(data)?;
            Ok(plain(Layer::Data, Some(inner)))
        }
        [kind @ (13 | 14 | 12 | 9 | 10 | 25 | 26), rest @ ..] => {
            let user = user_data(rest)?;
            let layer = match kind {
                13 => Layer::Connect,
                14 => Layer::Accept(true),
                12 => Layer::Refuse,
                9 | 10 => Layer::Release,
                _ => Layer::Abort,
            };
            match (layer, user) {
                (Layer::Connect | Layer::Accept(_), Some(user)) => association(layer, user),
                _ => Ok(plain(layer, None)),
            }
        }
        [first, ..] if super::pdu::is_unit(*first) => Ok(plain(Layer::Data, Some(bytes))),
        _ => Err(ParseError::Malformed { what: "mms session", at: 0, why: "no session unit and no MMS unit" }),
    }
}

/// The user data among the parameters of a session unit (193 or, when long, 194).
fn user_data(bytes: &[u8]) -> Result<Option<&[u8]>, ParseError> {
    let mut reader = Reader::new("mms session", bytes);
    let length = session_length(&mut reader)?;
    let mut parameters = reader.part("mms session parameters", length)?;
    while !parameters.is_empty() {
        let code = parameters.u8()?;
        let length = session_length(&mut parameters)?;
        let value = parameters.take(length)?;
        if matches!(code, 193 | 194) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// One byte, or 255 and two bytes.
fn session_length(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    Ok(match reader.u8()? {
        255 => reader.be16()?.into(),
        short => short.into(),
    })
}

/// What the first presentation data value of fully encoded user data holds.
fn presentation(bytes: &[u8]) -> Result<&[u8], ParseError> {
    let list = ber::expect(&mut Reader::new("mms presentation", bytes), 0x61)?;
    let value = ber::expect(&mut Reader::new("mms presentation value", list), 0x30)?;
    carried(value)
}

/// The content of an embedded value: [0] one ASN.1 type, [1] or [2] the same as bytes.
fn carried(value: &[u8]) -> Result<&[u8], ParseError> {
    ber::elements(value)
        .find(|element| matches!(element.tag, 0xa0 | 0x81 | 0x82))
        .map(|element| element.content)
        .ok_or(ParseError::Incomplete { what: "mms presentation value" })
}

/// Opening and accepting: a presentation unit whose user data is an ACSE unit whose user information is MMS.
fn association(layer: Layer, user: &[u8]) -> Result<Carried<'_>, ParseError> {
    let nothing = Carried { layer, mms: None, has_password: false };
    let set = ber::expect(&mut Reader::new("mms presentation connect", user), 0x31)?;
    let Some(normal) = ber::elements(set).find(|element| element.tag == 0xa2) else { return Ok(nothing) };
    let Some(data) = ber::elements(normal.content).find(|element| element.tag == 0x61) else { return Ok(nothing) };
    let value = ber::expect(&mut Reader::new("mms presentation value", data.content), 0x30)?;
    let Some(Element { tag: 0x60 | 0x61, content: acse }) = ber::elements(carried(value)?).next() else {
        return Ok(nothing);
    };
    // Result 0 of an answer is acceptance.
    let result = ber::elements(acse).find(|element| element.tag == 0xa2 && layer != Layer::Connect);
    let refused = result.is_some_and(|result| result.content.last().is_some_and(|code| *code != 0));
    let layer = if refused { Layer::Accept(false) } else { layer };
    let information = ber::elements(acse).find(|element| element.tag == 0xbe);
    let external = information.and_then(|information| ber::elements(information.content).find(|e| e.tag == 0x28));
    // Authentication value [12] with a character string [0].
    let has_password = ber::elements(acse)
        .any(|element| element.tag == 0xac && ber::elements(element.content).any(|inner| inner.tag == 0x80));
    Ok(Carried { layer, mms: external.and_then(|external| carried(external.content).ok()), has_password })
}
