//! Which application speaks a protocol, and which detectors want its events: asked with every event, so answered without comparing words.
//!
//! Protocol names are constants of the dissectors. A name is known by where it stands in memory; two places with the same word are two entries with
//! the same answer.

use crate::policy::AppName;

/// A set of detectors: bit `n` stands for the `n`th of those that want events, or in sets of flows of those that want flows.
pub(crate) type Wanting = u64;

/// Names remembered: more than there are, so that few share a place. One that does pushes the other out.
const NAMES: usize = 512;

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Where the name stands, see [`place_of`].
    name: u64,
    app: Option<AppName>,
    meant: Meant,
}

/// Who wants what is said in a protocol, and who wants its flows; each set counts its own detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meant {
    pub(crate) events: Wanting,
    pub(crate) flows: Wanting,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Spoken {
    /// Who wants each application, in the order of [`AppName::ALL`].
    of_app: Vec<Meant>,
    /// Who wants protocols that are no application of the policy.
    of_others: Meant,
    known: Vec<Known>,
}

impl Spoken {
    /// `wanting` tells who wants an application, and what is none.
    pub(crate) fn new(wanting: &dyn Fn(Option<AppName>) -> Meant) -> Self {
        Self {
            of_app: AppName::ALL.iter().map(|app| wanting(Some(*app))).collect(),
            of_others: wanting(None),
            known: vec![Known::default(); NAMES],
        }
    }

    /// Who wants flows of which it is not known what they speak.
    pub(crate) const fn of_nothing(&self) -> Meant {
        self.of_others
    }

    /// The application of a protocol, and who wants it.
    #[inline]
    pub(crate) fn of(&mut self, protocol: &'static str) -> (Option<AppName>, Meant) {
        let name = place_of(protocol);
        // names begin at even distances; those merged into one begin at one place and differ in length
        let place = name ^ name >> 9 ^ name >> (LENGTH - 5);
        let Some(known) = self.known.get_mut(place as usize % NAMES) else { return (None, self.of_others) };
        if known.name != name {
            let app = AppName::of_protocol(protocol);
            let meant = app.map_or(self.of_others, |app| self.of_app.get(app as usize).copied().unwrap_or_default());
            *known = Known { name, app, meant };
        }
        (known.app, known.meant)
    }
}

/// Bits of a place above which the length stands: no address of a process has as many.
const LENGTH: u32 = 56;

/// Where a name stands and how long it is, in one word: four of what is known fit where else only two and a half would.
fn place_of(name: &'static str) -> u64 {
    name.as_ptr().addr() as u64 | (name.len() as u64) << LENGTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_application_has_its_own_answer_however_often_it_is_asked() {
        let meant = |app: Option<AppName>| {
            let events = app.map_or(1 << 63, |app| 1 << (app as usize % 60));
            Meant { events, flows: !events }
        };
        let mut spoken = Spoken::new(&meant);
        for _ in 0..2 {
            for (protocol, app) in [
                ("modbus", Some(AppName::Modbus)),
                ("s7comm-plus", Some(AppName::S7)),
                ("s7comm", Some(AppName::S7)),
                ("unheard-of", None),
                ("dns", Some(AppName::Dns)),
            ] {
                assert_eq!(spoken.of(protocol), (app, meant(app)), "{protocol}");
            }
        }
    }

    #[test]
    fn applications_stand_where_their_number_says() {
        assert!(AppName::ALL.iter().enumerate().all(|(at, app)| *app as usize == at));
    }
}
