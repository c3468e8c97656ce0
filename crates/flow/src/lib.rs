//! Frame to packet to flow to byte stream: turns what a capture source gives into what dissectors read.
//!
//! [`Engine::frame`] decodes one frame (Ethernet with VLAN tags, Linux cooked, raw IP, BSD loopback, SocketCAN), finds its flow in a bounded
//! table, puts TCP in order with explicit gaps, recognises the protocol by content, and hands the bytes to its dissector. What comes out goes to
//! an [`Observer`].
//!
//! Deliberately absent: sockets, files, threads, clocks and logging. Time is the frame's ([`dogwatch_model::CaptureTime`]) and may jump; replaying the same frames
//! gives the same calls in the same order. Bad checksums are not looked at: captures on the sending machine carry them before the network card
//! fills them in.
//!
//! Everything kept is bounded by [`Limits`]; everything let go is counted in [`Counters`].
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation))]

mod catalogue;
mod context;
mod counters;
mod engine;
mod entry;
mod fragment;
mod frame;
mod key;
mod limits;
mod link;
mod network;
mod observer;
mod packet;
mod profile;
mod reader;
mod rest;
mod side;
mod sight;
mod stream;
mod table;
mod tcp;
mod trail;
mod tunnel;

pub use counters::Counters;
pub use engine::{Engine, Segments};
pub use frame::{Frame, LinkType};
pub use limits::Limits;
pub use observer::{Carried, Ending, FlowId, FlowSummary, Observer, Payload, TcpState, Traffic};
pub use profile::Profile;
