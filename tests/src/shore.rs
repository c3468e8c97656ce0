//! A fleet register of its own on this machine: `dogwatch-shore`, started, killed and asked.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use dogwatch_model::Finding;
use serde::Deserialize;

use crate::http;
use crate::programs::{Running, await_until, free_port, run};

/// Looks (20 ms each) for a program to open its ports: a guard against hanging, not a promise of speed.
const PATIENCE: u32 = 1_500;

/// A register, and the program that serves it while it runs.
#[derive(Debug)]
pub struct Shore {
    folder: PathBuf,
    /// What ships need to know.
    pub address: Address,
    pages: u16,
    running: Option<Running>,
}

/// What a ship needs to know of a register.
#[derive(Debug, Clone)]
pub struct Address {
    /// Port for ships.
    pub port: u16,
    /// What ships pin.
    pub pin: String,
    /// Key of its receipts.
    pub key: String,
}

/// One page of a list.
#[derive(Deserialize)]
struct Page {
    items: Vec<Finding>,
    next: Option<String>,
}

impl Shore {
    /// Makes a register in `folder`; it is not served yet.
    ///
    /// # Errors
    /// When the program refuses.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.to_str().context("the folder's name is no text")?;
        let made = run("dogwatch-shore", &["init", "--dir", path])?;
        let value = |name: &str| {
            let line = made.out.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim().to_owned()).with_context(|| format!("{name} in {made:?}"))
        };
        let (pin, key) = (value("pin ")?, value("shore_key ")?);
        let address = Address { port: free_port()?, pin, key };
        Ok(Self { folder: folder.to_owned(), address, pages: free_port()?, running: None })
    }

    fn dir(&self) -> String {
        self.folder.display().to_string()
    }

    /// Enrols a vessel.
    ///
    /// # Errors
    /// When the program refuses.
    pub fn enrol(&self, vessel: &str, key: &str) -> anyhow::Result<()> {
        let dir = self.dir();
        let arguments =
            ["enrol", "--dir", &dir, "--vessel", vessel, "--imo", "9074729", "--name", vessel, "--key", key];
        let ended = run("dogwatch-shore", &arguments)?;
        ensure!(ended.code == Some(0), "enrol: {ended:?}");
        Ok(())
    }

    /// Serves it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let (dir, listen) = (self.dir(), format!("127.0.0.1:{}", self.address.port));
        let pages = format!("127.0.0.1:{}", self.pages);
        let log = self.folder.join("log");
        let arguments = ["run", "--dir", &dir, "--listen", &listen, "--pages", &pages];
        let running = self.running.insert(Running::start("dogwatch-shore", &arguments, &log)?);
        let port = self.pages;
        await_until("the register answers", PATIENCE, || {
            running.is_alive()?;
            Ok(http::get::<Page>(port, "/v1/findings?limit=1").ok())
        })?;
        Ok(())
    }

    /// Kills the program (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().context("the register is not served")?.kill()
    }

    /// Every finding it holds of a vessel, page by page.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn findings(&self, vessel: &str) -> anyhow::Result<Vec<Finding>> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/findings?vessel={vessel}&status=any&limit=100{after}");
            let page: Page = http::get(self.pages, &path)?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(all),
            }
        }
    }

    /// How many records a vessel has said that it let go.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn dropped(&self, vessel: &str) -> anyhow::Result<u64> {
        let row: serde_json::Value = http::get(self.pages, &format!("/v1/vessels/{vessel}"))?;
        row.get("dropped_records").and_then(serde_json::Value::as_u64).context("dropped_records")
    }
}
