//! The programs under test as their users run them: found beside this test program, started, and ended whatever happens.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::workspace;

/// How long a look is followed by the next one while something is awaited.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The folder of the profile this test program was built in.
fn profile_folder() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("this program has no path")?;
    // tests stand in <target>/<profile>/deps
    let folder = here.parent().and_then(Path::parent).context("this program does not stand in a target folder")?;
    Ok(folder.to_owned())
}

/// Path of a program of the workspace, `dogwatch`, `dogwatch-shore` or `dogwatch-sim`, in the profile of this test.
///
/// # Errors
/// When it was not built, or is older than one of its sources: a test of yesterday's program proves nothing.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let folder = profile_folder()?;
    let path = folder.join(name);
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => String::new(),
        Some(profile) => format!(" --profile {profile}"),
    };
    let build = format!("build it first: cargo build -p dogwatch -p dogwatch-shore -p dogwatch-sim{profile}");
    let built =
        path.metadata().and_then(|data| data.modified()).with_context(|| format!("{} is missing; {build}", name))?;
    // cargo lists the sources of every program beside it
    let list = std::fs::read_to_string(folder.join(format!("{name}.d"))).unwrap_or_default();
    for source in list.split_once(':').map(|(_, sources)| sources).unwrap_or_default().split_whitespace() {
        let changed = Path::new(source).metadata().and_then(|data| data.modified());
        let is_newer = changed.is_ok_and(|changed| changed > built);
        ensure!(!is_newer, "{name} is older than {}; {build}", workspace::short(Path::new(source)));
    }
    Ok(path)
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit status, `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started.
pub fn run(name: &str, arguments: &[&str]) -> anyhow::Result<Ended> {
    let path = program(name)?;
    let output = Command::new(&path)
        .args(arguments)
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", path.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// A running program; killed when it is let go.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program; both its outputs are added to the file `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, arguments: &[&str], log: &Path) -> anyhow::Result<Self> {
        let out = std::fs::File::options().append(true).create(true).open(log)?;
        let child = Command::new(program(name)?)
            .args(arguments)
            .env("DOGWATCH_LOG", "info")
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// What it said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// With its last words.
    pub fn is_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the program ended by itself ({status}): {}", self.said()),
        }
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.is_alive()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits for its end, at most `patience` looks of [`LOOK_EVERY`].
    ///
    /// # Errors
    /// When it has ended before, or does not stop.
    pub fn stop(&mut self, patience: u32) -> anyhow::Result<ExitStatus> {
        self.is_alive()?;
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        for _ in 0..patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("the program does not stop: {}", self.said())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // it may have ended already: nothing is left to do then
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until `look` finds something, at most `patience` times.
///
/// # Errors
/// When it never does; `what` says what was awaited.
pub fn await_until<T>(
    what: &str,
    patience: u32,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    for _ in 0..patience {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!("waited in vain: {what}")
}

/// Ports that Linux does not give to clients unless it is set up to: one from above would be taken by any client that comes before the program that is to listen on it.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A TCP port of this machine that nobody listens on, and that is given to nobody else of this process for long.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // tests that run at the same time begin at different places
    let first = std::process::id().wrapping_mul(101);
    for _ in PORTS {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (first.wrapping_add(step) % u32::from(PORTS.end - PORTS.start)) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {PORTS:?} is free")
}
