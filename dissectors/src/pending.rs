//! Requests that wait for their reply, by the number both carry: a bounded queue, the oldest is let go for a new one.

use std::collections::VecDeque;

/// What was asked, under a number of the protocol's own (transaction, invoke id, token).
#[derive(Debug)]
pub(crate) struct Pending<T> {
    queue: VecDeque<(u64, T)>,
    limit: usize,
}

impl<T> Pending<T> {
    /// Holds at most `limit` requests.
    pub(crate) fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit: limit.max(1) }
    }

    /// Remembers a request; one with the same number is replaced, since nobody can tell their replies apart.
    pub(crate) fn asked(&mut self, number: u64, request: T) {
        drop(self.answered(number));
        if self.queue.len() >= self.limit {
            self.queue.pop_front();
        }
        self.queue.push_back((number, request));
    }

    /// Takes the request with `number`.
    pub(crate) fn answered(&mut self, number: u64) -> Option<T> {
        let at = self.queue.iter().position(|(asked, _)| *asked == number)?;
        self.queue.remove(at).map(|(_, request)| request)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_find_their_request_once() {
        let mut pending = Pending::new(4);
        pending.asked(7, 'a');
        pending.asked(8, 'b');
        assert_eq!(pending.answered(8), Some('b'), "out of order");
        assert_eq!(pending.answered(8), None, "answered already");
        pending.asked(7, 'c');
        assert_eq!(pending.answered(7), Some('c'), "asked again");
        assert_eq!(pending.answered(7), None);
        pending.asked(9, 'd');
        pending.clear();
        assert_eq!(pending.answered(9), None);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut pending = Pending::new(4);
        (0..100).for_each(|number| pending.asked(number, number));
        assert_eq!(pending.queue.len(), 4);
        assert_eq!(pending.answered(0), None, "the oldest went");
        assert_eq!(pending.answered(99), Some(99));
    }
}
