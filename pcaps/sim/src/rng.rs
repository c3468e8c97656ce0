//! The simulator's own random numbers: xoshiro256** (Blackman and Vigna, public domain) seeded by splitmix64.
//!
//! Every host draws from its own named stream, so that adding a host does not move the draws of the others. Written out here because
//! the bytes of a capture must never change with the version of a crate.

/// One stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    state: [u64; 4],
}

/// One step of splitmix64.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a over some text, 64 bit: names streams and makes hardware addresses.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xFF]) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    // FNV leaves neighbouring names close together in the high bits.
    splitmix(&mut sum)
}

impl Rng {
    /// The stream of `host` for `purpose` under `seed`.
    pub(crate) fn stream(seed: u64, host: &str, purpose: &str) -> Self {
        let mut state = seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ hash(&[host, purpose]);
        Self { state: std::array::from_fn(|_| splitmix(&mut state)) }
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let [s0, s1, s2, s3] = self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (n2, n3) = (s2 ^ s0, s3 ^ s1);
        self.state = [s0 ^ n3, s1 ^ n2, n2 ^ (s1 << 17), n3.rotate_left(45)];
        result
    }

    /// A number from 0 (included) to 1 (not included).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `limit`; 0 when `limit` is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// Nanoseconds from 0 to `limit`.
    pub(crate) fn nanos(&mut self, limit: i64) -> i64 {
        self.below(limit.max(0) as u64) as i64
    }

    /// A draw from the normal distribution (Box and Muller) with mean 0 and the given standard deviation.
    pub(crate) fn normal(&mut self, deviation: f64) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        deviation * radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A waiting time with the given mean.
    pub(crate) fn waiting(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// One of `items`, or the default when there is none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len() as u64) as usize;
        items.get(at).copied().unwrap_or_default()
    }

    /// `count` random bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count + 8);
        while out.len() < count {
            out.extend_from_slice(&self.bits().to_le_bytes());
        }
        out.truncate(count);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_follows_the_published_reference() {
        // First outputs for seed 1234567 as given with the reference implementation of splitmix64 (Vigna).
        let mut state = 1_234_567;
        assert_eq!(splitmix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(splitmix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn xoshiro_first_output_by_hand() {
        // From the state (1, 2, 3, 4): rotl(2 * 5, 7) * 9 = 1280 * 9.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        assert_eq!(rng.bits(), 11_520);
        assert_eq!(rng.bits(), 0, "the second word of the new state is s1 ^ s2 ^ s0 = 0");
    }

    #[test]
    fn streams_are_named() {
        let mut first = Rng::stream(1, "gyro", "noise");
        assert_eq!(first.clone().bits(), Rng::stream(1, "gyro", "noise").bits());
        assert_ne!(first.bits(), Rng::stream(1, "gyro", "phase").bits());
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }

    #[test]
    fn draws_have_the_promised_spread() {
        let mut rng = Rng::stream(3, "test", "normal");
        let draws: Vec<f64> = (0..20_000).map(|_| rng.normal(2.0)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.06 && (variance - 4.0).abs() < 0.2, "{mean} {variance}");
        assert!((0..10_000).all(|_| rng.below(7) < 7));
    }
}
