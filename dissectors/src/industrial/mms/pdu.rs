//! MMS units: the fourteen kinds, and the names and results inside the services.
//!
//! Specification: ISO 9506-2:2003 clause 7 (units), 9 (names) and the clauses of the services.

use dogwatch_model::Verb;

use crate::ParseError;
use crate::ber;
use crate::reader::Reader;
use crate::text::{Text, printable};

/// Whether a byte begins an MMS unit.
pub(super) const fn is_unit(first: u8) -> bool {
    matches!(first, 0xa0..=0xaa | 0x85 | 0x86 | 0x8b | 0x8c | 0xad)
}

/// An MMS unit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit<'a> {
    /// A confirmed service asked for; a request for nothing is none, but it has been sent.
    Request {
        invoke: u32,
        service: Option<Service<'a>>,
    },
    /// Its answer; some answer without saying to what.
    Response {
        invoke: u32,
        service: Option<Service<'a>>,
    },
    /// Its refusal.
    Error {
        invoke: u32,
    },
    /// Information that nobody asked for, by service number.
    Unconfirmed(Service<'a>),
    /// A unit that could not be understood.
    Reject {
        invoke: Option<u32>,
    },
    /// Opening: asked, accepted, refused.
    InitiateRequest,
    InitiateResponse,
    InitiateError,
    /// Closing and cancelling.
    Other(&'static str),
}

/// Number and content of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) number: u32,
    pub(super) content: &'a [u8],
}

impl<'a> Unit<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("mms unit", bytes);
        let unit = ber::element(&mut reader)?;
        let mut inner = Reader::new("mms service", unit.content);
        Ok(match unit.tag {
            0xa0 => {
                let invoke = number(ber::expect(&mut inner, 2)?)?;
                // A list of modifiers may stand in front; it is a plain sequence.
                let all = std::iter::from_fn(|| ber::tagged(&mut inner).ok());
                let found = all.take(2).find(|found| found.class & 0xc0 == 0x80);
                let service = found.map(|found| Service { number: found.number, content: found.content });
                Self::Request { invoke, service }
            }
            0xa1 => {
                let invoke = number(ber::expect(&mut inner, 2)?)?;
                let found = ber::tagged(&mut inner).ok().filter(|found| found.class & 0xc0 == 0x80);
                let service = found.map(|found| Service { number: found.number, content: found.content });
                Self::Response { invoke, service }
            }
            0xa2 => Self::Error { invoke: number(ber::expect(&mut inner, 0x80)?)? },
            0xa3 => {
                let found = ber::tagged(&mut inner)?;
                Self::Unconfirmed(Service { number: found.number, content: found.content })
            }
            0xa4 => {
                let invoke = ber::elements(unit.content).find(|element| element.tag == 0x80);
                Self::Reject { invoke: invoke.and_then(|invoke| number(invoke.content).ok()) }
            }
            0xa8 => Self::InitiateRequest,
            0xa9 => Self::InitiateResponse,
            0xaa => Self::InitiateError,
            0x85 | 0xa5 => Self::Other("cancel"),
            0x86 | 0xa6 | 0xa7 => Self::Other("cancel-answer"),
            0x8b => Self::Other("conclude"),
            0x8c | 0xad => Self::Other("conclude-answer"),
            _ => return Err(ParseError::Malformed { what: "mms unit", at: 0, why: "no such unit" }),
        })
    }
}

fn number(content: &[u8]) -> Result<u32, ParseError> {
    ber::unsigned(content).and_then(|number| u32::try_from(number).ok()).ok_or(ParseError::Malformed {
        what: "mms invoke id",
        at: 0,
        why: "not a number of 32 bits",
    })
}

/// Name and verb of a confirmed service.
pub(super) const fn service(number: u32) -> Option<(&'static str, Verb)> {
    Some(match number {
        0 => ("status", Verb::Diagnose),
        1 => ("get-name-list", Verb::Discover),
        2 => ("identify", Verb::Discover),
        3 => ("rename", Verb::Program),
        4 => ("read", Verb::Read),
        5 => ("write", Verb::Write),
        6 => ("get-variable-access-attributes", Verb::Discover),
        7..=10 => ("define-variable", Verb::Program),
        11 => ("define-named-variable-list", Verb::Program),
        12 => ("get-named-variable-list-attributes", Verb::Discover),
        13 => ("delete-named-variable-list", Verb::Program),
        14 | 16 => ("define-named-type", Verb::Program),
        15 => ("get-named-type-attributes", Verb::Discover),
        17 => ("input", Verb::Read),
        18 => ("output", Verb::Write),
        19 => ("take-control", Verb::Control),
        20 => ("relinquish-control", Verb::Control),
        21 | 22 => ("define-semaphore", Verb::Program),
        23..=25 => ("report-semaphore", Verb::Diagnose),
        26 => ("initiate-download-sequence", Verb::Program),
        27 => ("download-segment", Verb::Program),
        28 => ("terminate-download-sequence", Verb::Program),
        29 => ("initiate-upload-sequence", Verb::Transfer),
        30 => ("upload-segment", Verb::Transfer),
        31 => ("terminate-upload-sequence", Verb::Transfer),
        32 => ("request-domain-download", Verb::Program),
        33 => ("request-domain-upload", Verb::Transfer),
        34 => ("load-domain-content", Verb::Program),
        35 => ("store-domain-content", Verb::Transfer),
        36 => ("delete-domain", Verb::Program),
        37 => ("get-domain-attributes", Verb::Discover),
        38 => ("create-program-invocation", Verb::Program),
        39 => ("delete-program-invocation", Verb::Program),
        40 => ("start", Verb::Control),
        41 => ("stop", Verb::Control),
        42 => ("resume", Verb::Control),
        43 => ("reset", Verb::Control),
        44 => ("kill", Verb::Control),
        45 => ("get-program-invocation-attributes", Verb::Discover),
        46 => ("obtain-file", Verb::Transfer),
        47 | 48 | 53 | 54 | 57 | 58 => ("define-event", Verb::Program),
        49 | 50 | 55 | 56 | 59 | 60 => ("get-event-attributes", Verb::Diagnose),
        51 | 52 | 61 => ("alter-event", Verb::Control),
        62..=64 => ("alarm-summary", Verb::Read),
        65 => ("read-journal", Verb::Read),
        66 => ("write-journal", Verb::Write),
        67 => ("initialize-journal", Verb::Control),
        68 => ("report-journal-status", Verb::Diagnose),
        69 | 70 => ("create-journal", Verb::Program),
        71 => ("get-capability-list", Verb::Discover),
        72 => ("file-open", Verb::Transfer),
        73 => ("file-read", Verb::Transfer),
        74 => ("file-close", Verb::Transfer),
        75 => ("file-rename", Verb::Transfer),
        76 => ("file-delete", Verb::Transfer),
        77 => ("file-directory", Verb::Discover),
        _ => return None,
    })
}

/// The name of a variable, a list or another object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObjectName<'a> {
    /// The domain; absent for names of the whole device.
    pub(super) domain: Option<&'a str>,
    pub(super) item: &'a str,
}

impl ObjectName<'_> {
    /// `domain/item`, as IEC 61850 writes it.
    pub(super) fn text(&self) -> Text<140> {
        match self.domain {
            Some(domain) => Text::of(format_args!("{domain}/{}", self.item)),
            None => Text::of(format_args!("{}", self.item)),
        }
    }

    /// Whether it is a control of IEC 61850-8-1: functional constraint CO (operate, select before operate, cancel).
    pub(super) fn is_control(&self) -> bool {
        self.item.split('$').nth(1) == Some("CO")
    }
}

/// How deep names lie at most: access specification, list, entry, name, domain and item.
const DEEPEST: usize = 8;

/// Every object name in the elements of `bytes`, in order: `{ domain, item }`, or a name of the whole device.
pub(super) fn names(bytes: &[u8]) -> impl Iterator<Item = ObjectName<'_>> + Clone {
    let mut stack = [(0_u8, Reader::new("mms name", &[])); DEEPEST];
    let mut depth = 0_usize;
    if let Some(first) = stack.first_mut() {
        *first = (0, Reader::new("mms name", bytes));
    }
    std::iter::from_fn(move || {
        loop {
            let parent = depth.checked_sub(1).and_then(|above| stack.get(above)).map_or(0, |above| above.0);
            let (tag, reader) = stack.get_mut(depth)?;
            let Ok(element) = ber::element(reader) else {
                depth = depth.checked_sub(1)?;
                continue;
            };
            let is_entry = depth == 0 || (*tag == 0xa0 && matches!(parent, 0x30 | 0));
            match element.tag {
                0x80 | 0x82 if is_entry => {
                    if let Some(item) = printable(element.content).filter(|_| element.content.len() > 1) {
                        return Some(ObjectName { domain: None, item });
                    }
                }
                _ if element.tag & 0x20 == 0 => {}
                _ => {
                    if let Some(name) = domain_specific(element.content) {
                        return Some(name);
                    }
                    let below = depth.saturating_add(1);
                    if let Some(slot) = stack.get_mut(below) {
                        *slot = (element.tag, Reader::new("mms name", element.content));
                        depth = below;
                    }
                }
            }
        }
    })
}

/// Two identifiers and nothing else.
fn domain_specific(bytes: &[u8]) -> Option<ObjectName<'_>> {
    let mut reader = Reader::new("mms name", bytes);
    let domain = ber::expect(&mut reader, 0x1a).ok()?;
    let item = ber::expect(&mut reader, 0x1a).ok()?;
    if !reader.is_empty() {
        return None;
    }
    Some(ObjectName { domain: printable(domain), item: printable(item)? })
}

/// The part of a request's content that names objects: of a write the first element, since values follow.
pub(super) fn naming<'a>(service: &Service<'a>) -> &'a [u8] {
    if service.number == 5 { first_element(service.content) } else { service.content }
}

/// The same for an answer: attributes of a list, and a read that repeats what it is of.
pub(super) fn naming_in_answer<'a>(service: &Service<'a>) -> &'a [u8] {
    match (service.number, service.content) {
        (4, [0xa0, ..]) => first_element(service.content),
        (12, content) => content,
        _ => &[],
    }
}

fn first_element(bytes: &[u8]) -> &[u8] {
    let mut reader = Reader::new("mms service", bytes);
    let _first = ber::element(&mut reader);
    bytes.get(..bytes.len().saturating_sub(reader.rest().len())).unwrap_or_default()
}

/// The first text in a service's content: the domain, program or file of services that name one thing.
pub(super) fn first_text(bytes: &[u8], levels: u8) -> Option<&str> {
    // Services with a single parameter hold the text itself.
    if let Some(text) = printable(bytes).filter(|_| levels == 3 && bytes.first().is_some_and(u8::is_ascii_alphabetic)) {
        let is_element = ber::element(&mut Reader::new("mms", bytes))
            .is_ok_and(|e| e.content.len().saturating_add(2) == bytes.len());
        if !is_element {
            return Some(text);
        }
    }
    for element in ber::elements(bytes) {
        let found = match element.tag {
            0x1a | 0x19 | 0x80..=0x83 => printable(element.content).filter(|text| text.len() > 1),
            tag if tag & 0x20 != 0 && levels > 0 => first_text(element.content, levels.saturating_sub(1)),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Whether an answer to a read or write says no to everything it was asked for.
pub(super) fn is_refusal(service: &Service<'_>) -> bool {
    let results = match service.number {
        4 => ber::elements(service.content).find(|element| element.tag == 0xa1).map(|list| list.content),
        5 => Some(service.content),
        _ => None,
    };
    // [0] is a failure in both, whatever else is a value or a success.
    results.is_some_and(|results| {
        let mut all = ber::elements(results).peekable();
        all.peek().is_some() && all.all(|result| result.tag == 0x80)
    })
}
