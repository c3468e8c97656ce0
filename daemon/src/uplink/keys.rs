//! The box's own signing key: made aboard on first start, never leaves it. The file is for its owner only (mode 0600).

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use dogwatch_bundle::{BundleError, SigningKey};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a key.
    #[error("{} is not an Ed25519 key in PKCS#8 form", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BundleError,
    },
}

/// Reads the key from `path`; makes one there when there is no file.
///
/// # Errors
/// When the file cannot be read or written, or holds something else: a damaged key is never replaced, the shore knows only the old one.
pub fn load_or_make_key(path: &Path) -> Result<SigningKey, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let key = |source| KeyError::Key { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(bytes) => return SigningKey::from_pkcs8(&bytes).map_err(key),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        Err(_) => {}
    }
    let bytes = SigningKey::generate().map_err(key)?;
    // Written beside and renamed: a power cut leaves either no key or a whole one.
    let beside = path.with_extension("new");
    let written =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).and_then(
            |mut file| {
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(&beside, path)?;
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
            },
        );
    written.map_err(io)?;
    SigningKey::from_pkcs8(&bytes).map_err(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uplink.key");
        let made = load_or_make_key(&path).unwrap().public();
        assert_eq!(load_or_make_key(&path).unwrap().public(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"damaged").unwrap();
        assert!(matches!(load_or_make_key(&path), Err(KeyError::Key { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
    }
}
