//! A run handed over frame by frame, without a file: for whoever judges it in the same breath (`dogwatch rules selftest`).

use dogwatch_model::CaptureTime;

use crate::capture::file::Link;
use crate::error::SimError;
use crate::labels::Labels;
use crate::run::{Run, RunOptions};
use crate::wire::net::Tap;

/// One frame as a capture would hold it.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// When.
    pub at: CaptureTime,
    /// It was seen on the NMEA 2000 backbone (SocketCAN), not on Ethernet.
    pub bus: bool,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A run that can be asked for its labels and its policy before it is played.
pub struct Played {
    run: Run,
    labels: Labels,
    vlan: bool,
}

impl Played {
    /// Builds ship, world and script.
    ///
    /// # Errors
    /// When an argument names something unknown, or the run is too short for its attack.
    pub fn new(options: &RunOptions) -> Result<Self, SimError> {
        let (mut run, labels) = Run::new(options, options.vlan)?;
        if options.vlan {
            // with tags in the capture the zones need their numbers, which stand in the text as comments
            run.policy = run.policy.replace("# trunk: ", "");
        }
        Ok(Self { run, labels, vlan: options.vlan })
    }

    /// What must and what must not be found.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The policy that fits this run.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.run.policy
    }

    /// Plays it, the earliest frame first.
    pub fn play(mut self, each: &mut dyn FnMut(&Sighting<'_>)) {
        while let Some(frames) = self.run.step() {
            for frame in &frames {
                let (at, bus) = (CaptureTime(frame.at), frame.tap == Tap::Bus);
                match Link::Ethernet.dress(frame, self.vlan && !bus) {
                    Some(bytes) if !bus => each(&Sighting { at, bus, bytes: &bytes }),
                    _ => each(&Sighting { at, bus, bytes: &frame.bytes }),
                }
            }
        }
    }
}
