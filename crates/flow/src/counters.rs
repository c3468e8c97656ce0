//! What was seen and what was let go: each loss is counted where it happens, under a fixed name.

/// Declares the counters once: field, documentation and name for the metric label stay together.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Running totals since the engine was made. Bad checksums are not among them: they are no reason to drop.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Every counter as `(name, value)`, in the order of declaration.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Frames taken in.
    frames,
    /// Bytes these frames had on the wire.
    bytes,
    /// Frames of a link type nobody here reads.
    unsupported_link,
    /// Frames cut by the snap length; what is left of them is still read.
    truncated,
    /// Frames whose link-layer header is not whole or makes no sense.
    bad_link_header,
    /// Frames that only keep the link itself going: acknowledgements, keepalives, a line being negotiated.
    link_housekeeping,
    /// Packets whose IP header is not whole or makes no sense.
    bad_ip_header,
    /// Packets whose TCP, UDP or tunnel header is not whole or makes no sense.
    bad_transport_header,
    /// IP fragments taken in.
    fragments,
    /// Datagrams put together from fragments.
    fragments_reassembled,
    /// Datagrams dropped because another one needed the room.
    fragments_dropped,
    /// Datagrams dropped because their missing fragments never came.
    fragments_expired,
    /// Fragments that say something else or again about bytes already there; the first copy stays.
    fragments_overlapping,
    /// Fragments that cannot belong to any datagram (past the end, or beyond 65,535 bytes).
    fragments_bad,
    /// Packets taken out of a tunnel.
    tunnelled,
    /// Packets left in their tunnel because they were nested too deep.
    tunnel_too_deep,
    /// Flows begun.
    flows_started,
    /// Flows ended, for any reason.
    flows_ended,
    /// Flows ended because the table was full.
    flows_evicted,
    /// Flows ended because too many dissectors were open.
    dissectors_evicted,
    /// Flows whose protocol was recognised.
    flows_recognised,
    /// Flows whose protocol was not recognised within the bounds of probing.
    flows_unclassified,
    /// Times a dissector found that the flow is not its protocol.
    dissectors_gave_up,
    /// TCP segments that brought nothing new.
    tcp_retransmissions,
    /// Bytes seen again in segments that also brought new ones, or in held ones; the first copy stays.
    tcp_overlapping_bytes,
    /// TCP segments with data, of streams that are followed.
    tcp_data_segments,
    /// TCP segments that were acknowledged but never seen: the capture lost them.
    tcp_unseen_segments,
    /// TCP segments that came again with other bytes.
    tcp_altered,
    /// TCP segments far outside the window, taken for noise.
    tcp_strays,
    /// TCP segments that came early and were held.
    tcp_out_of_order,
    /// Holes in streams that were declared gaps.
    stream_gaps,
    /// Bytes missing in these.
    stream_lost_bytes,
    /// Times a buffer limit forced a gap or threw away what a dissector had left.
    stream_buffer_overflows,
    /// Bytes of streams thrown away unread because of it.
    stream_overflow_bytes,
    /// Frames whose time lies more than a minute before that of the frame before, of the same source.
    clock_backwards,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_name_and_value() {
        let counters = Counters { frames: 3, clock_backwards: 9, ..Counters::default() };
        let all: Vec<_> = counters.iter().collect();
        assert_eq!(all.first(), Some(&("frames", 3)));
        assert_eq!(all.last(), Some(&("clock_backwards", 9)));
        let names: std::collections::BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all.len());
    }
}
