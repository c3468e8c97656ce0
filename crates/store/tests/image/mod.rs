//! A small ext4 file system in a file, mounted over a loop device.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted image; unmounted, which frees the loop device, when dropped.
pub(crate) struct Mounted {
    /// Where.
    pub(crate) point: PathBuf,
}

impl Mounted {
    /// Mounts an image, replaying its journal.
    pub(crate) fn mount(image: &Path, point: &Path) -> Result<Self, String> {
        fs::create_dir_all(point).map_err(|error| error.to_string())?;
        // The journal is only committed by what the writer asks for: a commit in the middle of copying would be a state that never was.
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(image).arg(point))?;
        Ok(Self { point: point.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if run(Command::new("umount").arg(&self.point)).is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.point));
        }
    }
}

/// Runs a command to its end; what it complained of otherwise.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Makes an image of so many bytes, none of them reserved.
pub(crate) fn make_image(path: &Path, bytes: u64) -> Result<(), String> {
    fs::File::create(path).and_then(|file| file.set_len(bytes)).map_err(|error| error.to_string())?;
    run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(path))
}

/// A directory for the run, deleted after it.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Whether images can be made and mounted here.
pub(crate) fn can_mount() -> Result<(), String> {
    let scratch = scratch();
    make_image(&scratch.path().join("image"), 8 << 20)?;
    Mounted::mount(&scratch.path().join("image"), &scratch.path().join("live")).map(drop)
}
