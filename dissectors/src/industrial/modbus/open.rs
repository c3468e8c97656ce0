//! Requests that wait for their reply: a bounded queue, oldest first.

use std::collections::VecDeque;

use dogwatch_model::{Table, Verb};

/// What a reply needs to know of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) transaction: u16,
    pub(super) unit: u8,
    pub(super) function: u8,
    pub(super) verb: Option<Verb>,
    /// Table, first and count; absent when the function has none or the request was cut.
    pub(super) block: Option<(Table, u16, u16)>,
    /// The name of what was asked, for functions without a table.
    pub(super) name: Option<&'static str>,
}

/// How a reply fits what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// Its request.
    Found(Open),
    /// A request of this transaction asked for something else.
    Other,
    /// Nothing was asked under this transaction.
    None,
}

/// The queue.
#[derive(Debug)]
pub(super) struct OpenRequests {
    queue: VecDeque<Open>,
    limit: usize,
}

impl OpenRequests {
    /// Holds at most `limit` requests; the oldest is let go for a new one.
    pub(super) fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit: limit.max(1) }
    }

    /// Remembers a request.
    pub(super) fn asked(&mut self, open: Open) {
        if self.queue.len() >= self.limit {
            self.queue.pop_front();
        }
        self.queue.push_back(open);
    }

    /// Takes the oldest request that the reply answers.
    pub(super) fn answered(&mut self, transaction: u16, unit: u8, function: u8) -> Match {
        let same = |open: &Open| open.transaction == transaction && open.unit == unit;
        if let Some(at) = self.queue.iter().position(|open| same(open) && open.function == function) {
            return self.queue.remove(at).map_or(Match::None, Match::Found);
        }
        if self.queue.iter().any(same) { Match::Other } else { Match::None }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(transaction: u16, function: u8) -> Open {
        Open { transaction, unit: 1, function, verb: Some(Verb::Read), block: None, name: None }
    }

    #[test]
    fn replies_find_their_request() {
        let mut requests = OpenRequests::new(8);
        requests.asked(open(7, 3));
        requests.asked(open(8, 4));
        assert_eq!(requests.answered(8, 1, 4), Match::Found(open(8, 4)), "out of order");
        assert_eq!(requests.answered(8, 1, 4), Match::None, "answered already");
        assert_eq!(requests.answered(7, 1, 4), Match::Other, "another function");
        assert_eq!(requests.answered(7, 2, 3), Match::None, "another unit");
        assert_eq!(requests.answered(7, 1, 3), Match::Found(open(7, 3)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut requests = OpenRequests::new(4);
        for transaction in 0..100 {
            requests.asked(open(transaction, 3));
        }
        assert_eq!(requests.queue.len(), 4);
        assert_eq!(requests.answered(0, 1, 3), Match::None, "the oldest went");
        assert_eq!(requests.answered(99, 1, 3), Match::Found(open(99, 3)));
    }
}
