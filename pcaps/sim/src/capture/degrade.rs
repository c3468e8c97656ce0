//! Makes a capture worse on purpose: frames lost, seen twice, out of order, or only one direction.

use crate::rng::Rng;
use crate::wire::net::Frame;

/// What is wrong with the capture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// Share of frames that are missing, 0 to 1.
    pub loss: f64,
    /// Share of frames that appear twice, 0 to 1.
    pub duplicates: f64,
    /// Frames may come up to this many nanoseconds late.
    pub reorder: i64,
    /// Only what clients and multicast senders say is seen, no answers.
    pub half: bool,
}

/// Applies [`Faults`] to a stream of frames in order of time.
#[derive(Debug)]
pub(crate) struct Degrader {
    faults: Faults,
    rng: Rng,
    held: Vec<Frame>,
}

impl Degrader {
    /// The same seed and the same frames give the same faults.
    pub(crate) fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, rng: Rng::stream(seed, "capture", "faults"), held: Vec::new() }
    }

    /// Takes the frames of a step and gives what the capture sees of them.
    pub(crate) fn pass(&mut self, frames: Vec<Frame>) -> Vec<Frame> {
        if self.faults == Faults::default() {
            return frames;
        }
        let newest = frames.last().map_or(i64::MIN, |frame| frame.at);
        for mut frame in frames {
            let (lost, doubled) = (self.rng.unit() < self.faults.loss, self.rng.unit() < self.faults.duplicates);
            // Stamped when it was read, which is late for some: the order on the wire and in the file differ.
            frame.at += if self.rng.unit() < 0.05 { self.rng.nanos(self.faults.reorder) } else { 0 };
            if lost || (self.faults.half && frame.reply) {
                continue;
            }
            if doubled {
                let again = Frame { at: frame.at + 2_000 + self.rng.nanos(18_000), ..frame.clone() };
                self.held.push(again);
            }
            self.held.push(frame);
        }
        self.release(newest)
    }

    /// What is still held at the end of the run.
    pub(crate) fn finish(&mut self) -> Vec<Frame> {
        self.release(i64::MAX)
    }

    /// Frames that nothing can come before any more.
    fn release(&mut self, newest: i64) -> Vec<Frame> {
        self.held.sort_by_key(|frame| frame.at);
        let ready = self.held.partition_point(|frame| frame.at <= newest);
        self.held.drain(..ready).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::net::Tap;

    fn frames(count: i64) -> Vec<Frame> {
        let frame = |number: i64| Frame {
            at: number * 1_000_000,
            host: 0,
            count: number as u64,
            tap: Tap::Bridge,
            vlan: 0,
            reply: number % 2 == 0,
            far_view: false,
            bytes: vec![1, 2, 3],
        };
        (0..count).map(frame).collect()
    }

    fn run(faults: Faults) -> Vec<Frame> {
        let mut degrader = Degrader::new(faults, 7);
        let mut out = degrader.pass(frames(20_000));
        out.extend(degrader.finish());
        assert!(out.is_sorted_by_key(|frame| frame.at));
        out
    }

    #[test]
    fn faults_come_in_the_share_asked_for() {
        let lost = 20_000 - run(Faults { loss: 0.02, ..Faults::default() }).len();
        assert!((300..500).contains(&lost), "{lost} of 20000 lost");
        let doubled = run(Faults { duplicates: 0.01, ..Faults::default() }).len() - 20_000;
        assert!((140..270).contains(&doubled), "{doubled} doubled");
        assert!(run(Faults { half: true, ..Faults::default() }).iter().all(|frame| !frame.reply));
        let late = run(Faults { reorder: 3_000_000, ..Faults::default() });
        assert!(late.windows(2).any(|pair| pair[0].count > pair[1].count));
        assert_eq!(run(Faults::default()), frames(20_000));
    }
}
