//! The daemon aboard one ship, with played captures in place of mirror ports and an uplink to a register on this machine.

use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_model::Finding;

use crate::http;
use crate::programs::{Running, free_port};
use crate::shore::{Address, Shore};

/// A ship: her folder stays, her daemon comes and goes.
#[derive(Debug)]
pub struct Ship {
    /// Name in the register.
    pub name: String,
    folder: PathBuf,
    policy: PathBuf,
    shore: Address,
    port: u16,
    cap_mib: u64,
    running: Option<Running>,
}

impl Ship {
    /// A ship with a folder of her own below `folder`, enrolled with the register.
    ///
    /// # Errors
    /// When the key cannot be made or the register refuses it.
    pub fn new(name: &str, folder: &Path, policy: &Path, shore: &Shore) -> anyhow::Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let key = dogwatch::uplink::load_or_make_key(&folder.join("key")).context("the vessel's key")?;
        shore.enrol(name, &key.public().to_string())?;
        Ok(Self {
            name: name.to_owned(),
            folder,
            policy: policy.to_owned(),
            shore: shore.address.clone(),
            port: 0,
            cap_mib: 512,
            running: None,
        })
    }

    /// Lets her queue take no more than this, MiB.
    pub const fn keep_at_most(&mut self, cap_mib: u64) {
        self.cap_mib = cap_mib;
    }

    /// Where she keeps what must not be lost.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Starts her daemon on a played capture; it answers a little later.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self, capture: &Path, speed: f64) -> anyhow::Result<()> {
        self.port = free_port()?;
        let file = self.folder.join("dogwatch.toml");
        let text = format!(
            "[[source]]\nfile = \"{}\"\nname = \"mir0\"\nspeed = {speed:.1}\n[policy]\nfile = \"{}\"\n\
             [store]\ndirectory = \"{}\"\nballast_mib = 1\ncap_mib = {}\n[console]\nlisten = \"127.0.0.1:{}\"\n\
             [uplink]\nurl = \"https://127.0.0.1:{}\"\nvessel = \"{}\"\npin = \"{}\"\nshore_key = \"{}\"\n\
             key_file = \"{}\"\ndaily_bytes = 1000000000\nretry_max_s = 1\nroutine_every_s = 1\nhigh_within_s = 1\n",
            capture.display(),
            self.policy.display(),
            self.store().display(),
            self.cap_mib,
            self.port,
            self.shore.port,
            self.name,
            self.shore.pin,
            self.shore.key,
            self.folder.join("key").display(),
        );
        std::fs::write(&file, text)?;
        let config = file.to_str().context("the folder's name is no text")?;
        self.running = Some(Running::start("dogwatch", &["run", "--config", config], &self.folder.join("log"))?);
        Ok(())
    }

    /// What her console answers; `None` while it does not.
    ///
    /// # Errors
    /// When the daemon has ended by itself.
    pub fn ask<T: serde::de::DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<Option<T>> {
        self.running.as_mut().context("the daemon does not run")?.is_alive()?;
        Ok(http::get(self.port, path).ok())
    }

    /// The findings her console shows: from now on they must not be lost.
    ///
    /// # Errors
    /// When the daemon has ended by itself.
    pub fn shown(&mut self) -> anyhow::Result<Vec<Finding>> {
        Ok(self.ask("/api/findings")?.unwrap_or_default())
    }

    /// Kills the daemon (SIGKILL).
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().context("the daemon does not run")?.kill()
    }

    /// Stops the daemon (SIGTERM).
    ///
    /// # Errors
    /// When it does not stop, or not well.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the daemon does not run")?;
        let status = running.stop(1_500)?;
        anyhow::ensure!(status.success(), "{status}: {}", running.said());
        Ok(())
    }

    /// What her daemon said, all runs together.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}
