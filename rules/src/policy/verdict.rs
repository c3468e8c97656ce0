//! The question put to the policy and its answer, with the reason and the nearest line.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Object, ShipState, Transport, Verb};

use super::ends::End;
use super::types::{ConduitIx, LineIx, WindowIx};

/// What was seen: who asks whom for what. `from` is the side that opened the connection or sent the request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks.
    pub from: End,
    /// Who is asked.
    pub to: End,
    /// The protocol as its dissector calls it; `None` while the flow is not recognised: named applications then count at their usual ports.
    pub protocol: Option<&'a str>,
    /// What carries it.
    pub transport: Transport,
    /// The port of the side that is asked; 0 where there is none.
    pub port: u16,
    /// The operation; `None` asks only whether the two may talk at all, and then operation, addresses and values are not looked at.
    pub verb: Option<Verb>,
    /// What the operation is about.
    pub object: Option<Object<'a>>,
    /// When.
    pub at: CaptureTime,
    /// What the ship was doing.
    pub state: ShipState,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A line of a conduit allows it.
    Allowed {
        /// The conduit.
        conduit: ConduitIx,
        /// The line; of several, one without rate.
        line: LineIx,
    },
    /// Only an exception (or a line with an end) allows it.
    AllowedByException {
        /// The line; its id is in [`Line::home`](super::Line::home).
        line: LineIx,
    },
    /// Only a line that is tied to a window allows it, and the window is open.
    AllowedByWindow {
        /// The window.
        window: WindowIx,
        /// The line.
        line: LineIx,
    },
    /// Nothing allows it.
    Denied(Denial),
}

impl Verdict {
    /// Whether it is allowed.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        !matches!(self, Self::Denied(_))
    }

    /// The line that decided, or that comes nearest.
    #[must_use]
    pub const fn line(self) -> Option<LineIx> {
        match self {
            Self::Allowed { line, .. } | Self::AllowedByException { line } | Self::AllowedByWindow { line, .. } => {
                Some(line)
            }
            Self::Denied(denial) => denial.nearest,
        }
    }
}

/// Why nothing allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// The step that left nothing.
    pub reason: Reason,
    /// The field of the nearest line that failed: `zone`, `conduit`, `app`, `from`, `to`, `op`, `unit`, `table`, `addr`, `object`, `host`, `value`, `when`,
    /// `until`.
    pub failed_field: &'static str,
    /// The line that comes nearest.
    pub nearest: Option<LineIx>,
    /// The conduit of that line, or the first between the zones.
    pub conduit: Option<ConduitIx>,
}

/// The step at which nothing was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// One end is in no zone, so no conduit can be for it.
    NoZone,
    /// No conduit for the zones, or no line of it for application and ends (DW-2001).
    NoConduit,
    /// The operation is on no line (DW-2002).
    Op,
    /// Part of the addresses, objects or names is on no line (DW-2003).
    Address,
    /// The written value is outside (DW-4004).
    Value,
    /// Not in this ship state (DW-2010).
    State,
    /// The window is closed (DW-2006).
    WindowClosed {
        /// The window.
        window: WindowIx,
        /// How long ago it closed; `None` when it has not opened yet.
        since: Option<Duration>,
    },
    /// The exception has ended (DW-2006).
    Expired {
        /// How long ago.
        since: Duration,
    },
}

impl Reason {
    /// The detection that this is.
    #[must_use]
    pub const fn detection(self) -> &'static str {
        match self {
            Self::NoZone | Self::NoConduit => "DW-2001",
            Self::Op => "DW-2002",
            Self::Address => "DW-2003",
            Self::Value => "DW-4004",
            Self::State => "DW-2010",
            Self::WindowClosed { .. } | Self::Expired { .. } => "DW-2006",
        }
    }

    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoZone => "no zone",
            Self::NoConduit => "no conduit",
            Self::Op => "operation",
            Self::Address => "address",
            Self::Value => "value",
            Self::State => "ship state",
            Self::WindowClosed { .. } => "window closed",
            Self::Expired { .. } => "exception ended",
        }
    }
}
