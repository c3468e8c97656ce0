//! Runs `dogwatch` as a child, as a user would, with a guard against hanging.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

/// How long one input may take. Captures take milliseconds; only a hang reaches this.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test, and a folder for inputs made for it.
pub(crate) struct Program {
    path: PathBuf,
    scratch: tempfile::TempDir,
}

/// What one run gave.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) stdout: Vec<u8>,
    /// It crashed or hung: how.
    pub(crate) crash: Option<String>,
    /// It would not read the input (exit status 2): why.
    pub(crate) refused: Option<String>,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// One line of `dogwatch decode`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) frame: u64,
    pub(crate) protocol: String,
    pub(crate) kind: String,
    /// The whole object.
    pub(crate) value: Value,
}

impl Row {
    /// A decoded field.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.value.get("fields")?.get(name)
    }

    /// Whether the message was found odd in this way.
    pub(crate) fn is_odd(&self, name: &str) -> bool {
        self.value["odd"].as_array().is_some_and(|list| list.iter().any(|odd| odd == name))
    }
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        anyhow::ensure!(
            path.is_file(),
            "no program at {}: build dogwatch first, or name it with --dogwatch",
            path.display()
        );
        Ok(Self { path, scratch: tempfile::tempdir().context("a folder for inputs")? })
    }

    /// Writes an input into the scratch folder; the next one of the same name replaces it.
    pub(crate) fn input(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// A folder for what the program writes.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&OsStr]) -> Result<Ran> {
        let complaints = self.scratch.path().join("stderr");
        let stderr = std::fs::File::create(&complaints)?;
        let start = now();
        let mut child = Command::new(&self.path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| self.path.display().to_string())?;
        let mut pipe = child.stdout.take().context("stdout is piped")?;
        let (send, receive) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let result = pipe.read_to_end(&mut bytes);
            // the receiver is gone when the child hung: nobody waits for the bytes then
            drop(send.send(result.map(|_| bytes)));
        });
        let stdout = match receive.recv_timeout(PATIENCE) {
            Ok(read) => read?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                child.kill()?;
                child.wait()?;
                let crash = Some(format!("no end after {} s", PATIENCE.as_secs()));
                return Ok(Ran { crash, ..Ran::default() });
            }
        };
        let status = child.wait()?;
        let seconds = start.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&std::fs::read(&complaints)?).into_owned();
        let last = said.lines().last().unwrap_or_default().to_owned();
        let panicked = said.lines().find(|line| line.contains("panicked at")).map(str::to_owned);
        let crash = panicked.or_else(|| match status.code() {
            Some(0..=2) => None,
            _ => Some(format!("ended with {status}: {last}")),
        });
        let refused = (status.code() == Some(2)).then_some(last);
        Ok(Ran { stdout, crash, refused, seconds })
    }

    /// `dogwatch decode --format FORMAT FILE`.
    pub(crate) fn decode(&self, format: &str, file: &Path) -> Result<(Vec<Row>, Ran)> {
        let ran = self.run(&["decode".as_ref(), "--format".as_ref(), format.as_ref(), file.as_os_str()])?;
        let rows = rows_of(&ran.stdout)?;
        Ok((rows, ran))
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a child runs is what is measured here")]
fn now() -> Instant {
    Instant::now()
}

fn rows_of(stdout: &[u8]) -> Result<Vec<Row>> {
    let lines = stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read = |line: &[u8]| {
        let value: Value = serde_json::from_slice(line)
            .with_context(|| format!("decode printed what is no JSON: {}", String::from_utf8_lossy(line)))?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Ok(Row { frame: value["frame"].as_u64().unwrap_or(0), protocol: text("protocol"), kind: text("kind"), value })
    };
    lines.map(read).collect()
}
