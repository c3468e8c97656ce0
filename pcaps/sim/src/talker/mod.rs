//! Everyone who sends: each talker looks at the world once a step and hands its frames to the network.

pub(crate) mod bridge;
pub(crate) mod browser;
pub(crate) mod bus;
pub(crate) mod housekeeping;
pub(crate) mod modbus;
pub(crate) mod outlet;
pub(crate) mod plant;
pub(crate) mod radio;
pub(crate) mod service;

use crate::wire::net::Net;
use crate::world::{STEP, World};

/// One sender.
pub(crate) trait Talker {
    /// Sends what is due from `world.now` until one step later; answers may carry later times.
    fn tick(&mut self, world: &World, net: &mut Net);
}

/// Something done again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cadence {
    next: i64,
    period: i64,
}

impl Cadence {
    /// First due at `first`, then every `period` nanoseconds.
    pub(crate) fn new(first: i64, period: i64) -> Self {
        Self { next: first, period: period.max(1) }
    }

    /// The next time, when it falls within the step that starts at `now`; ask until `None`.
    pub(crate) fn due(&mut self, now: i64) -> Option<i64> {
        if self.next >= now + STEP {
            return None;
        }
        let at = self.next;
        self.next += self.period;
        Some(at.max(now))
    }

    /// The next time, once: what comes after is set with [`Cadence::again`].
    pub(crate) fn due_once(&mut self, now: i64) -> Option<i64> {
        let at = self.due(now)?;
        self.next = i64::MAX - STEP;
        Some(at)
    }

    /// Sets the next time.
    pub(crate) fn again(&mut self, at: i64) {
        self.next = at;
    }

    /// `wanted`, or half of the interval when that is less.
    pub(crate) fn part(&self, wanted: i64) -> i64 {
        wanted.min(self.period / 2)
    }

    /// Changes the interval.
    pub(crate) fn every(&mut self, period: i64) {
        self.period = period.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cadence_is_met_in_its_step_only() {
        let mut cadence = Cadence::new(50, STEP / 2);
        assert_eq!(cadence.due(0), Some(50));
        assert_eq!(cadence.due(0), Some(50 + STEP / 2));
        assert_eq!(cadence.due(0), None);
        assert_eq!(cadence.due(STEP), Some(50 + STEP));
    }
}
