//! Messages and parse errors by protocol. Few protocols, many messages: a short list with a hint beats a map.

/// Messages by protocol.
#[derive(Debug, Clone, Default)]
pub struct MessageCounts {
    rows: Vec<(&'static str, u64)>,
}

impl MessageCounts {
    /// Counts one message; `hint` is where this flow's protocol was found last time.
    pub(super) fn count(&mut self, protocol: &'static str, hint: &mut usize) {
        if let Some((name, count)) = self.rows.get_mut(*hint)
            && std::ptr::eq(*name, protocol)
        {
            *count += 1;
            return;
        }
        *hint = match self.rows.iter().position(|(name, _)| *name == protocol) {
            Some(position) => position,
            None => {
                self.rows.push((protocol, 0));
                self.rows.len() - 1
            }
        };
        if let Some((_, count)) = self.rows.get_mut(*hint) {
            *count += 1;
        }
    }

    /// Protocols and counts, by name.
    #[must_use]
    pub fn sorted(&self) -> std::collections::BTreeMap<&'static str, u64> {
        self.rows.iter().copied().collect()
    }
}

/// How often a protocol's bytes could not be read, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCount {
    /// The protocol.
    pub protocol: &'static str,
    /// The fixed word of the error.
    pub kind: &'static str,
    /// How often.
    pub count: u64,
}

/// Counts one error.
pub(super) fn count_error(errors: &mut Vec<ErrorCount>, protocol: &'static str, kind: &'static str) {
    match errors.iter_mut().find(|known| known.protocol == protocol && known.kind == kind) {
        Some(known) => known.count += 1,
        None => errors.push(ErrorCount { protocol, kind, count: 1 }),
    }
}
