//! Ed25519 keys (RFC 8032) as ring makes and checks them, and the short number a key goes by.
//!
//! Files are the caller's business: this crate sees key bytes only. Write the PKCS#8 bytes with mode 0600.

use std::fmt;
use std::str::FromStr;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::BundleError;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or([0; 32])
}

/// The public half of a key: 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The two bytes a bundle names its key by: the first of the key's SHA-256. Different keys may share it; the signature decides.
    #[must_use]
    pub fn key_id(&self) -> u16 {
        let [first, second, ..] = sha256(&self.0);
        u16::from_be_bytes([first, second])
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`BundleError::BadSignature`] when it does not fit.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BundleError> {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).map_err(|_| BundleError::BadSignature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut key = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(BundleError::BadKey);
        }
        for (place, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BundleError::BadKey)?;
            // `from_str_radix` also takes a sign.
            if pair.starts_with('+') {
                return Err(BundleError::BadKey);
            }
            *place = u8::from_str_radix(pair, 16).map_err(|_| BundleError::BadKey)?;
        }
        Ok(Self(key))
    }
}

/// The private half: signs. Never printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a new key; returns its PKCS#8 bytes, to be kept in a file only its owner can read.
    ///
    /// # Errors
    /// [`BundleError::NoRandomness`] when the system gives none.
    pub fn generate() -> Result<Vec<u8>, BundleError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| BundleError::NoRandomness)?;
        Ok(document.as_ref().to_vec())
    }

    /// Takes a key from its PKCS#8 bytes.
    ///
    /// # Errors
    /// [`BundleError::BadKey`] when they are not that.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, BundleError> {
        Self::of(Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| BundleError::BadKey)?)
    }

    /// Takes a key from its 32-byte seed (RFC 8032 section 5.1.5), as test vectors give it.
    ///
    /// # Errors
    /// [`BundleError::BadKey`] when ring refuses it.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, BundleError> {
        Self::of(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BundleError::BadKey)?)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, BundleError> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| BundleError::BadKey)?;
        Ok(Self { pair, public: PublicKey(public) })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `message`: 64 bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap_or([0; 64])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_test_1() {
        // RFC 8032 section 7.1, test 1: seed, public key and signature of the empty message.
        let seed: PublicKey = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        let key = SigningKey::from_seed(&seed.0).unwrap();
        assert_eq!(key.public().to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        assert_eq!(key.public().verify(b"", &signature), Ok(()));
        assert_eq!(key.public().verify(b"x", &signature), Err(BundleError::BadSignature));
    }

    #[test]
    fn key_text() {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap().public();
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "zz", &"+1".repeat(32), &"é".repeat(32)] {
            assert_eq!(bad.parse::<PublicKey>(), Err(BundleError::BadKey), "{bad}");
        }
    }
}
