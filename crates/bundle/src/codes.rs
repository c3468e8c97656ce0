//! The numbers that the model's closed word lists have on the wire. Append only: a number is never given to another word.

use dogwatch_model::{Category, FindingStatus, Severity, ShipState, TimeSource};

use crate::BundleError;

/// A word list with fixed numbers.
pub(crate) trait Code: Copy + PartialEq + 'static {
    /// The words in the order of their numbers, from 0.
    const WORDS: &'static [Self];

    /// Its number; a word missing from the list would be number 255 and be refused by the reader.
    fn code(self) -> u8 {
        Self::WORDS.iter().position(|&word| word == self).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// The word of a number.
    fn word(code: u64) -> Result<Self, BundleError> {
        let at = usize::try_from(code).map_err(|_| BundleError::Malformed { what: "unknown code" })?;
        Self::WORDS.get(at).copied().ok_or(BundleError::Malformed { what: "unknown code" })
    }
}

impl Code for Severity {
    const WORDS: &'static [Self] = &Self::ALL;
}

impl Code for FindingStatus {
    const WORDS: &'static [Self] = &[Self::New, Self::Acknowledged, Self::Suppressed, Self::Resolved];
}

impl Code for Category {
    const WORDS: &'static [Self] = &[
        Self::Asset,
        Self::Zone,
        Self::Protocol,
        Self::Process,
        Self::Navigation,
        Self::Identity,
        Self::MalwareIt,
        Self::Exfil,
        Self::Health,
    ];
}

impl Code for ShipState {
    // Unknown first: a column of zeros is not sent at all.
    const WORDS: &'static [Self] =
        &[Self::Unknown, Self::AtSea, Self::Manoeuvring, Self::AtAnchor, Self::InPort, Self::Drydock];
}

impl Code for TimeSource {
    const WORDS: &'static [Self] = &[Self::FreeRunning, Self::GnssZda, Self::Ntp, Self::Ptp, Self::Rtc];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_number() {
        fn check<C: Code + std::fmt::Debug>() {
            for &word in C::WORDS {
                assert_eq!(C::word(u64::from(word.code())).unwrap(), word);
            }
            assert!(C::word(C::WORDS.len() as u64).is_err());
        }
        check::<Severity>();
        check::<FindingStatus>();
        check::<Category>();
        check::<ShipState>();
        check::<TimeSource>();
    }
}
