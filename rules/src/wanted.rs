//! Which detectors want an event, by what is done and said in it: asked with every act, so answered by its position in a table.

use dogwatch_model::{Attribute, Object, Quantity, Verb};

use crate::detector::Wants;
use crate::spoken::Wanting;

/// The kinds of acts an event may hold, as bits.
pub(crate) type Kinds = usize;
/// Anything published that is neither a sentence nor a parameter group.
pub(crate) const PUBLISHED: Kinds = 1;
pub(crate) const FACTS: Kinds = 1 << 1;
/// Measurements of other ships.
pub(crate) const TARGETS: Kinds = 1 << 2;
pub(crate) const OWN_SHIP: Kinds = 1 << 3;
pub(crate) const ODDITIES: Kinds = 1 << 4;
pub(crate) const VALUES: Kinds = 1 << 5;
const READS: Kinds = 1 << 6;
const ORDERS: Kinds = 1 << 7;
const INQUIRIES: Kinds = 1 << 8;
pub(crate) const ANSWERS: Kinds = 1 << 9;
pub(crate) const REFUSALS: Kinds = 1 << 10;
pub(crate) const SENTENCES: Kinds = 1 << 11;
pub(crate) const GROUPS: Kinds = 1 << 12;
/// Requests to open a session; the other ones that neither read nor change are [`INQUIRIES`].
const LOGINS: Kinds = 1 << 13;
/// Requests about sentences, whatever else they are.
const QUERIES: Kinds = 1 << 14;
/// Orders, but for registers that are written.
const COMMANDS: Kinds = 1 << 15;
/// How many.
const COUNT: usize = 16;

/// Whoever speaks of the ship does it in one of these.
pub(crate) const OF_SHIPS: Kinds = SENTENCES | GROUPS | TARGETS | OWN_SHIP;
/// What is always shown.
pub(crate) const NEVER_REPEATED: Kinds = REFUSALS | ODDITIES;
/// What is added up for proposals.
pub(crate) const ADDED_UP: Kinds =
    PUBLISHED | SENTENCES | GROUPS | READS | ORDERS | INQUIRIES | LOGINS | ANSWERS | REFUSALS;

/// The kind of a request.
pub(crate) const fn asked(verb: Verb, object: Object<'_>) -> Kinds {
    let about = if matches!(object, Object::Sentence { .. }) { QUERIES } else { 0 };
    about
        | match verb {
            Verb::Read => READS,
            Verb::Write if matches!(object, Object::Registers { .. }) => ORDERS,
            Verb::Write | Verb::Control | Verb::Program => ORDERS | COMMANDS,
            Verb::Diagnose | Verb::Discover | Verb::Transfer => INQUIRIES,
            Verb::Login => LOGINS,
        }
}

/// The kinds a detector wants, whatever is said in them.
const fn kinds(wants: Wants) -> Kinds {
    (if wants.reads { READS } else { 0 })
        | (if wants.orders { ORDERS } else { 0 })
        | (if wants.commands { COMMANDS } else { 0 })
        | (if wants.inquiries { INQUIRIES | LOGINS } else { 0 })
        | (if wants.logins { LOGINS } else { 0 })
        | (if wants.answers { ANSWERS } else { 0 })
        | (if wants.refusals { REFUSALS } else { 0 })
        | (if wants.published { PUBLISHED | SENTENCES | GROUPS } else { 0 })
        | (if wants.sentences { SENTENCES } else { 0 })
        | (if wants.queries { QUERIES } else { 0 })
        | (if wants.groups { GROUPS } else { 0 })
        | (if wants.facts { FACTS } else { 0 })
        | (if wants.targets { TARGETS } else { 0 })
        | (if wants.own_ship { OWN_SHIP } else { 0 })
        | (if wants.oddities { ODDITIES } else { 0 })
        | (if wants.values { VALUES } else { 0 })
}

/// Whether a detector wants any events at all.
pub(crate) const fn listens(wants: Wants) -> bool {
    kinds(wants) != 0 || !wants.facts_of.is_empty() || !wants.own_ship_of.is_empty()
}

/// Tells the detectors of whose wishes something is true.
type Who<'a> = dyn Fn(&dyn Fn(Wants) -> bool) -> Wanting + 'a;

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Wanted {
    by_kind: [Wanting; COUNT],
    by_attribute: [Wanting; Attribute::COUNT],
    by_quantity: [Wanting; Quantity::COUNT],
}

impl Wanted {
    /// Asks `who` wants what.
    pub(crate) fn new(who: &Who<'_>) -> Self {
        Self {
            by_kind: std::array::from_fn(|kind| who(&|wants| kinds(wants) & 1 << kind != 0)),
            by_attribute: std::array::from_fn(|index| {
                who(&|wants| wants.facts_of.iter().any(|listed| *listed as usize == index))
            }),
            by_quantity: std::array::from_fn(|index| {
                who(&|wants| wants.own_ship_of.iter().any(|listed| *listed as usize == index))
            }),
        }
    }

    /// Who wants events with any of these kinds of acts.
    pub(crate) fn kinds(&self, mut kinds: Kinds) -> Wanting {
        let mut wanting = 0;
        while kinds != 0 {
            wanting |= self.by_kind.get(kinds.trailing_zeros() as usize).copied().unwrap_or_default();
            kinds &= kinds - 1;
        }
        wanting
    }

    /// Who wants this fact.
    pub(crate) fn fact(&self, attribute: Attribute) -> Wanting {
        self.by_attribute.get(attribute as usize).copied().unwrap_or_default()
    }

    /// Who wants this measured of own ship.
    pub(crate) fn quantity(&self, quantity: Quantity) -> Wanting {
        self.by_quantity.get(quantity as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_room_for_all_that_listen() {
        let all = crate::detections::all();
        let count = |is: fn(Wants) -> bool| all.iter().filter(|detector| is(detector.wants())).count();
        // two more want something once there are imports
        let (listening, following) = (count(listens) + 2, count(|wants| !wants.flows.is_empty()) + 2);
        assert!(listening.max(following) <= Wanting::BITS as usize, "{listening} {following}");
    }

    #[test]
    fn each_is_shown_what_it_lists_and_nothing_else() {
        let all = [
            Wants { facts_of: &[Attribute::TimeSource], ..Wants::default() },
            Wants { own_ship_of: &[Quantity::ShipLength, Quantity::Position], ..Wants::default() },
            Wants { facts: true, reads: true, ..Wants::default() },
        ];
        let who =
            |is: &dyn Fn(Wants) -> bool| (0..).zip(all).filter(|(_, w)| is(*w)).fold(0, |set, (n, _)| set | 1 << n);
        let wanted = Wanted::new(&who);
        assert_eq!((wanted.fact(Attribute::TimeSource), wanted.fact(Attribute::Name)), (0b001, 0));
        assert_eq!(wanted.quantity(Quantity::ShipLength) & wanted.quantity(Quantity::Position), 0b010);
        assert_eq!(wanted.quantity(Quantity::Hdop), 0);
        assert_eq!((wanted.kinds(FACTS), wanted.kinds(OWN_SHIP), wanted.kinds(READS | ODDITIES)), (0b100, 0, 0b100));
    }
}
