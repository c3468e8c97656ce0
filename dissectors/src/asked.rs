//! Requests that wait for their answer: a bounded queue, the oldest is let go for a new one.
//!
//! Deliberately without time: an answer that never comes is pushed out by later requests.

use std::collections::VecDeque;

use crate::Limits;

/// Requests a flow keeps, whatever its limits allow: an answer that comes later than this many requests is told without its question.
const MOST: usize = 64;

/// What was asked, by what the answer will carry.
pub(crate) struct Asked<K, V> {
    queue: VecDeque<(K, V)>,
    limit: usize,
}

impl<K: PartialEq, V> Asked<K, V> {
    /// Nothing yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { queue: VecDeque::new(), limit: limits.open_requests.clamp(1, MOST) }
    }

    /// Remembers a request; one with the same key is replaced: it was sent again, and is the youngest again.
    pub(crate) fn ask(&mut self, key: K, value: V) {
        if self.answer(&key).is_none() && self.queue.len() >= self.limit {
            self.queue.pop_front();
        }
        self.queue.push_back((key, value));
    }

    /// Takes the request that an answer belongs to.
    pub(crate) fn answer(&mut self, key: &K) -> Option<V> {
        let at = self.queue.iter().position(|(known, _)| known == key)?;
        self.queue.remove(at).map(|(_, value)| value)
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
    fn answers_find_their_request_and_the_queue_is_bounded() {
        let mut asked = Asked::new(&Limits { open_requests: 4, ..Limits::default() });
        for key in 0..100 {
            asked.ask(key, key * 10);
        }
        assert_eq!(asked.queue.len(), 4);
        assert_eq!(asked.answer(&0), None, "the oldest went");
        assert_eq!((asked.answer(&98), asked.answer(&98)), (Some(980), None), "answered once");
        asked.ask(99, 1);
        assert_eq!(asked.answer(&99), Some(1), "asked again");
        // 96 is asked again and outlives 97, which came after it at first.
        asked.ask(96, 2);
        (200..203).for_each(|key| asked.ask(key, key));
        assert_eq!((asked.answer(&97), asked.answer(&96)), (None, Some(2)));
        asked.clear();
        assert_eq!(asked.answer(&200), None);
    }
}
