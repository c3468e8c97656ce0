//! The register's directory: keys, certificate, database. Private files are for their owner only (mode 0600, directory 0700).
//!
//! The certificate is made here and never expires in practice: ships pin its key (SHA-256 of the SubjectPublicKeyInfo), because a clock at sea
//! may be years off. To change the key, run `init` in a new directory and carry the new pin aboard.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dogwatch_bundle::{BundleError, PublicKey, SigningKey, sha256};
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `init` was run before.
    #[error("{} already holds a register; nothing was changed", .0.display())]
    Exists(PathBuf),
    /// A key file is damaged.
    #[error("{} is not an Ed25519 key in PKCS#8 form", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: BundleError,
    },
    /// The certificate cannot be made or read.
    #[error("certificate: {0}")]
    Certificate(String),
}

/// Keys and certificate of a register.
#[derive(Debug)]
pub struct Home {
    /// Signs receipts.
    pub key: SigningKey,
    /// TLS certificate.
    pub certificate: CertificateDer<'static>,
    /// TLS key.
    pub tls_key: PrivateKeyDer<'static>,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo: what ships pin.
    pub pin: [u8; 32],
}

const SHORE_KEY: &str = "shore.key";
const TLS_KEY: &str = "tls.key";
const TLS_CERTIFICATE: &str = "tls.der";

/// Path of the database within a register's directory.
#[must_use]
pub fn database(dir: &Path) -> PathBuf {
    dir.join("register.db")
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Home {
    /// Makes directory, keys and certificate. An existing register is left alone.
    ///
    /// # Errors
    /// When it exists already or cannot be written.
    pub fn init(dir: &Path) -> Result<Self, HomeError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| HomeError::Io { path: dir.to_owned(), source })?;
        let key = SigningKey::generate().map_err(|source| HomeError::Key { path: dir.join(SHORE_KEY), source })?;
        let names = vec!["dogwatch-shore".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|e| HomeError::Certificate(e.to_string()))?;
        // The shore key last: a directory that has it is complete, one that lost power before is made again.
        if dir.join(SHORE_KEY).exists() {
            return Err(HomeError::Exists(dir.to_owned()));
        }
        write(&dir.join(TLS_KEY), &made.signing_key.serialize_der(), false)?;
        write(&dir.join(TLS_CERTIFICATE), made.cert.der(), false)?;
        write(&dir.join(SHORE_KEY), &key, true)?;
        Self::load(dir)
    }

    /// Reads the keys of an existing register.
    ///
    /// # Errors
    /// When one is missing or damaged.
    pub fn load(dir: &Path) -> Result<Self, HomeError> {
        let path = dir.join(SHORE_KEY);
        let key = SigningKey::from_pkcs8(&read(&path)?).map_err(|source| HomeError::Key { path, source })?;
        let certificate = CertificateDer::from(read(&dir.join(TLS_CERTIFICATE))?);
        let tls_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(read(&dir.join(TLS_KEY))?));
        let parsed = ParsedCertificate::try_from(&certificate).map_err(|e| HomeError::Certificate(e.to_string()))?;
        let pin = sha256(&parsed.subject_public_key_info());
        Ok(Self { key, certificate, tls_key, pin })
    }

    /// The public half of the key that signs receipts: carried aboard at enrolment.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    std::fs::read(path).map_err(|source| HomeError::Io { path: path.to_owned(), source })
}

/// Writes a file only its owner can read, all of it on disk before this returns.
fn write(path: &Path, bytes: &[u8], new: bool) -> Result<(), HomeError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).mode(0o600);
    if new {
        options.create_new(true)
    } else {
        options.create(true).truncate(true)
    };
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        path.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
    });
    written.map_err(|source| HomeError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn init_once_then_load() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("register");
        let made = Home::init(&dir).unwrap();
        let loaded = Home::load(&dir).unwrap();
        assert_eq!((made.pin, made.public()), (loaded.pin, loaded.public()));
        assert!(matches!(Home::init(&dir), Err(HomeError::Exists(_))));
        assert_eq!(Home::load(&dir).unwrap().public(), made.public());
        for file in [SHORE_KEY, TLS_KEY] {
            assert_eq!(std::fs::metadata(dir.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
        std::fs::write(dir.join(SHORE_KEY), b"damaged").unwrap();
        assert!(matches!(Home::load(&dir), Err(HomeError::Key { .. })));
    }
}
