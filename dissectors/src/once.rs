//! The frame around protocols of which only the greeting of each side is read: SSH, VNC, RDP, Telnet. What follows is encrypted or a screen.

use dogwatch_model::Direction;

use crate::acts::Emit;
use crate::framed::{Frame, Frames};
use crate::{Carrier, Chunk, ParseError, Probe};

/// How a greeting is cut out and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeting {
    /// Its length; `None` while it is not complete, an error when it is none.
    pub(crate) length: fn(&[u8]) -> Result<Option<usize>, ParseError>,
    /// Reads it.
    pub(crate) read: fn(&Chunk<'_>, &[u8], &mut Emit<'_>) -> Result<(), ParseError>,
}

impl Frames for Greeting {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match (self.length)(bytes) {
            Ok(Some(need)) => Frame::Whole { len: usize::MAX, need },
            Ok(None) => Frame::More,
            Err(error) => Frame::Lost(error),
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        // A greeting stands at the start of a connection and nowhere else.
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        (self.read)(chunk, bytes, emit)
    }

    fn lost(&mut self, _direction: Direction) {}
}
