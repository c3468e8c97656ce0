//! MD5, only because published fingerprints (HASSH, JA3) are made of it. It protects nothing here.
//!
//! Deliberately without streaming: a fingerprint's text is short and at hand. Specification: RFC 1321 clause 3.

use crate::text::Text;

/// Left rotations of each round's four steps.
const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The whole part of 2^32 times the sine of 1 to 64 radians.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// A digest being made of parts handed in one after the other.
pub(crate) struct Md5 {
    state: [u32; 4],
    block: [u8; 64],
    held: usize,
    bits: u64,
}

impl Md5 {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self { state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476], block: [0; 64], held: 0, bits: 0 }
    }

    /// Adds bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.bits = self.bits.wrapping_add(8);
            self.push(*byte);
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.block.get_mut(self.held) {
            *slot = byte;
        }
        self.held = self.held.saturating_add(1);
        if self.held == self.block.len() {
            self.held = 0;
            self.turn();
        }
    }

    /// One block (clause 3.4).
    fn turn(&mut self) {
        let words = self.block.as_chunks::<4>().0;
        let [mut a, mut b, mut c, mut d] = self.state;
        for (step, sine) in SINES.iter().enumerate() {
            let (round, place) = (step / 16, step % 16);
            let (mixed, word) = match round {
                0 => ((b & c) | (!b & d), place),
                1 => ((d & b) | (!d & c), place.wrapping_mul(5).wrapping_add(1) % 16),
                2 => (b ^ c ^ d, place.wrapping_mul(3).wrapping_add(5) % 16),
                _ => (c ^ (b | !d), place.wrapping_mul(7) % 16),
            };
            let word = words.get(word).map_or(0, |bytes| u32::from_le_bytes(*bytes));
            let turns = TURNS.get(round).and_then(|turns| turns.get(step % 4)).copied().unwrap_or(0);
            let sum = a.wrapping_add(mixed).wrapping_add(word).wrapping_add(*sine);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(turns)));
        }
        let [sa, sb, sc, sd] = self.state;
        self.state = [sa.wrapping_add(a), sb.wrapping_add(b), sc.wrapping_add(c), sd.wrapping_add(d)];
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(mut self) -> Text<32> {
        let bits = self.bits;
        self.push(0x80);
        while self.held != 56 {
            self.push(0);
        }
        for byte in bits.to_le_bytes() {
            self.push(byte);
        }
        let [a, b, c, d] = self.state.map(u32::swap_bytes);
        Text::of(format_args!("{a:08x}{b:08x}{c:08x}{d:08x}"))
    }
}

impl std::fmt::Write for Md5 {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_suite_of_the_specification() {
        // RFC 1321 appendix A.5.
        for (text, want) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            let mut digest = Md5::new();
            digest.add(text.as_bytes());
            assert_eq!(digest.finish().as_str(), want, "{text}");
        }
    }
}
