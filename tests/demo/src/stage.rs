//! The stage: the register ashore, the daemon aboard, and between ship and daemon either two virtual mirror ports or, where this machine allows no
//! network namespaces, captures played in their place.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::look::{Ashore, Console};
use crate::voyage::{SPEED, Voyage};
use crate::{program, say};

/// The ship's network namespace.
const NAMESPACE: &str = "dwship";
/// Capture interfaces, and the ends of them aboard.
const PORTS: [(&str, &str); 2] = [("dwmir0", "dwship0"), ("dwmir1", "dwship1")];
/// The vessel in the register.
const VESSEL: &str = "demo-tern";

/// What the ship must know of the shore.
pub(crate) struct Shore {
    /// Where ships knock.
    pub(crate) ships: SocketAddr,
    pin: String,
    key: String,
}

/// See the file's head.
pub(crate) struct Stage {
    programs: PathBuf,
    folder: PathBuf,
    children: Vec<(String, Child)>,
    has_namespace: bool,
    interrupted: Arc<AtomicBool>,
}

impl Stage {
    pub(crate) fn new(programs: PathBuf, folder: PathBuf) -> anyhow::Result<Self> {
        let folder = std::fs::canonicalize(folder)?;
        Ok(Self { programs, folder, children: Vec::new(), has_namespace: false, interrupted: listen_for_interrupt()? })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the register and starts it.
    pub(crate) fn start_shore(&mut self, pages: &'static str) -> anyhow::Result<Shore> {
        let shore = program(&self.programs, "dogwatch-shore")?;
        let home = self.folder.join("shore");
        let words = output(Command::new(&shore).arg("init").arg("--dir").arg(&home))?;
        let word = |name: &str| {
            let line = words.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
            line.with_context(|| format!("`dogwatch-shore init` did not print {name}:\n{words}"))
        };
        let (pin, key) = (word("pin")?, word("shore_key")?);
        let ships = free_port()?;
        let mut command = Command::new(&shore);
        command.arg("run").arg("--dir").arg(&home).args(["--listen", &ships.to_string(), "--pages", pages]);
        self.spawn("shore", command)?;
        self.wait_until("the register", || Ashore(pages).is_open())?;
        Ok(Shore { ships, pin, key })
    }

    /// Enrols the vessel, starts the daemon and, once it listens, the ship.
    pub(crate) fn start_ship(
        &mut self,
        voyage: &Voyage,
        console: &'static str,
        shore: &Shore,
        link: SocketAddr,
    ) -> anyhow::Result<()> {
        let dogwatch = program(&self.programs, "dogwatch")?;
        let is_live = self.lay_cables();
        let settings = self.folder.join("dogwatch.toml");
        std::fs::write(&settings, self.settings(voyage, console, shore, link, is_live))?;
        let key = output(Command::new(&dogwatch).args(["uplink", "key", "--config"]).arg(&settings))?;
        let mut enrol = Command::new(program(&self.programs, "dogwatch-shore")?);
        enrol.arg("enrol").arg("--dir").arg(self.folder.join("shore"));
        output(enrol.args(["--vessel", VESSEL, "--imo", "9999905", "--name", "Example Tern", "--key", key.trim()]))?;
        say(&format!(
            "3. aboard: the daemon starts{}",
            if is_live { ", listening on two virtual mirror ports" } else { "" }
        ));
        let mut daemon = Command::new(&dogwatch);
        daemon.args(["run", "--config"]).arg(&settings);
        self.spawn("dogwatch", daemon)?;
        self.wait_until("the console", || Console(console).is_open())?;
        if is_live {
            for ((_, inside), file) in PORTS.into_iter().zip(&voyage.mirrors) {
                let mut player = Command::new("ip");
                player.args(["netns", "exec", NAMESPACE]).arg(std::env::current_exe()?).arg("play");
                player.arg(std::fs::canonicalize(file)?).args([inside, &SPEED.to_string()]);
                self.spawn(inside, player)?;
            }
        }
        Ok(())
    }

    fn settings(&self, voyage: &Voyage, console: &str, shore: &Shore, link: SocketAddr, is_live: bool) -> String {
        let mut text = String::new();
        for ((outside, _), (name, file)) in PORTS.into_iter().zip(["mir0", "mir1"].into_iter().zip(&voyage.mirrors)) {
            text += &if is_live {
                format!("[[source]]\ninterface = \"{outside}\"\nname = \"{name}\"\n")
            } else {
                format!("[[source]]\nfile = \"{}\"\nname = \"{name}\"\nspeed = {SPEED}.0\n", file.display())
            };
        }
        text += &format!("[[source]]\nfile = \"{}\"\nname = \"can0\"\nspeed = {SPEED}.0\n", voyage.bus.display());
        text += &format!("[policy]\nfile = \"{}\"\n", voyage.policy.display());
        text += &format!("[store]\ndirectory = \"{}\"\nballast_mib = 1\n", self.folder.join("aboard").display());
        text += &format!("[console]\nlisten = \"{console}\"\n");
        text += &format!(
            "[uplink]\nurl = \"https://{link}\"\nvessel = \"{VESSEL}\"\npin = \"{}\"\nshore_key = \"{}\"\nkey_file = \"{}\"\nretry_max_s = 3\nroutine_every_s = 2\nhigh_within_s = 1\n",
            shore.pin,
            shore.key,
            self.folder.join("vessel.pk8").display()
        );
        text
    }

    /// Two virtual cables between the ship's namespace and this one. Where that is not allowed, says so.
    fn lay_cables(&mut self) -> bool {
        remove_cables();
        let is_laid = lay_cables();
        self.has_namespace = is_laid.is_ok();
        if let Err(error) = is_laid {
            remove_cables();
            say(&format!(
                "   (no virtual mirror ports here: {error:#}; the captures are played into the daemon instead)"
            ));
        }
        say("   (the NMEA 2000 bus is played from a capture: a virtual CAN interface is not needed for that)");
        self.has_namespace
    }

    fn spawn(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        let log = File::create(self.folder.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        self.children.push((name.to_owned(), child));
        Ok(())
    }

    fn wait_until(&self, what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !ready() {
            anyhow::ensure!(
                Instant::now() < deadline,
                "{what} did not open within 20 s; logs are in {}",
                self.folder.display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Whether the console still answers: a daemon that died must not look like a slow one.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        let log = self.folder.join("dogwatch.log");
        let panicked = std::fs::read_to_string(&log).is_ok_and(|text| text.contains("panicked"));
        anyhow::ensure!(!panicked, "the daemon panicked; see {}", log.display());
        Ok(())
    }

    /// Keeps the stage until Ctrl-C; dropping it then stops every program and takes the cables away.
    pub(crate) fn wait_for_interrupt(&self) {
        while !self.interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // the ship first, the daemon next, the shore last
        for (_, child) in self.children.iter_mut().rev() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
        }
        for (_, child) in &mut self.children {
            let deadline = Instant::now() + Duration::from_secs(5);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.has_namespace {
            remove_cables();
        }
    }
}

/// Catches Ctrl-C, so that the stage is cleared before the program ends.
fn listen_for_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(interrupted)
}

fn lay_cables() -> anyhow::Result<()> {
    output(Command::new("ip").args(["netns", "add", NAMESPACE]))?;
    for (outside, inside) in PORTS {
        output(
            Command::new("ip")
                .args(["link", "add", outside, "type", "veth", "peer", "name", inside, "netns", NAMESPACE]),
        )?;
        // a capture interface has no address and says nothing by itself
        output(Command::new("ip").args([
            "link",
            "set",
            outside,
            "addrgenmode",
            "none",
            "arp",
            "off",
            "multicast",
            "off",
            "up",
        ]))?;
        output(Command::new("ip").args([
            "-n",
            NAMESPACE,
            "link",
            "set",
            inside,
            "addrgenmode",
            "none",
            "arp",
            "off",
            "up",
        ]))?;
    }
    Ok(())
}

fn remove_cables() {
    for (outside, _) in PORTS {
        let _ = Command::new("ip").args(["link", "del", outside]).stderr(Stdio::null()).status();
    }
    let _ = Command::new("ip").args(["netns", "del", NAMESPACE]).stderr(Stdio::null()).status();
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    anyhow::ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
