//! Tor inside TLS, by what cannot be hidden: the made-up name in the client's hello, and records that hold whole cells of one size.
//!
//! A relay's certificate shows the same kind of name, but under TLS 1.3 nobody sees it. Deliberately not told: bridges with a disguise
//! (obfs4, Snowflake, meek), which look like something else on purpose.
//!
//! Source: tor-spec (cells of 514 bytes since link protocol 4, channel negotiation), `crypto_random_hostname` of the reference program: `www.`, 4 to
//! 25 letters of base 32, `.com`. Record overheads: RFC 8446 clause 5.2 (17 bytes), RFC 5288 (24), RFC 7905 (16).

use dogwatch_model::{Direction, NoFields};

use crate::acts::{Acts, Emit};

/// Records of whole cells that each side must have sent.
const CELLS: u8 = 4;
/// Records looked at: afterwards it would have shown.
const LOOKED_AT: u8 = 40;
const CELL: u16 = 514;

/// What a connection has shown of Tor so far.
#[derive(Debug, Default)]
pub(super) struct Tor {
    /// The name in the hello is of Tor's kind.
    is_named: bool,
    looked_at: u8,
    cells: [u8; 2],
}

impl Tor {
    /// A client called this name.
    pub(super) fn called(&mut self, name: &str) {
        *self = Self { is_named: is_made_up(name), ..Self::default() };
    }

    /// A record of application data of this length passed.
    pub(super) fn record(&mut self, direction: Direction, length: u16, emit: &mut Emit<'_>) {
        if !self.is_named || self.looked_at >= LOOKED_AT {
            return;
        }
        self.looked_at = self.looked_at.saturating_add(1);
        let is_cells = [16, 17, 24]
            .iter()
            .any(|overhead| length.checked_sub(*overhead).is_some_and(|cells| cells > 0 && cells % CELL == 0));
        let [up, down] = &mut self.cells;
        let count = if direction == Direction::ToServer { up } else { down };
        *count = count.saturating_add(u8::from(is_cells));
        if self.cells.iter().all(|cells| *cells >= CELLS) {
            self.looked_at = LOOKED_AT;
            let mut acts = Acts::new();
            acts.odd("tls.tor");
            emit.message("tor-cells", &mut acts, &NoFields);
        }
    }
}

/// `www.`, 4 to 25 letters of base 32 (a to z, 2 to 7), `.com` or, of relays, `.net`.
fn is_made_up(name: &str) -> bool {
    let middle =
        name.strip_prefix("www.").and_then(|rest| rest.strip_suffix(".com").or_else(|| rest.strip_suffix(".net")));
    middle.is_some_and(|middle| {
        (4..=25).contains(&middle.len()) && middle.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, want) in [
            ("www.yqmfvxjb4trnq5xw.com", true),
            ("www.example.com", true),
            ("www.news-site.com", false),
            ("www.abc.com", false),
            ("cdn.yqmfvxjb4trnq5xw.com", false),
            ("www.a8bcdefgh.com", false),
        ] {
            assert_eq!(is_made_up(name), want, "{name}");
        }
    }
}
