//! The settings file of the daemon. Every key is checked; nothing unknown is ignored, nothing wrong is replaced.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::capture::serial::SPEEDS;

/// Why the settings cannot be used. A person has to act.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The text is not valid: syntax, an unknown key, or a value of the wrong kind.
    #[error("{} is not a valid configuration: {message}", .file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Line, column, key and what was expected.
        message: String,
    },
    /// The zone policy they name is wrong; every problem with line, column and what would be right.
    #[error("the policy {} has errors:\n{}", .file.display(), .problems.join("\n"))]
    Policy {
        /// The policy file.
        file: PathBuf,
        /// Each problem.
        problems: Vec<String>,
    },
    /// Keys that do not fit together; all of them at once.
    #[error("{}: {}", .file.display(), .problems.join("; "))]
    Relations {
        /// The file.
        file: PathBuf,
        /// Each problem with the key it is about.
        problems: Vec<String>,
    },
}

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Mirror ports, CAN buses, serial lines.
    pub source: Vec<Source>,
    /// The zone policy.
    pub policy: Policy,
    /// What people bring aboard from outside.
    pub intel: Intel,
    /// What must survive a power cut.
    pub store: Store,
    /// The console aboard.
    pub console: Console,
    /// How findings go ashore; absent means that they stay aboard.
    pub uplink: Option<Uplink>,
}

/// `[[source]]`: one capture interface or serial line, or a capture file played in its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Interface of this machine.
    #[serde(default)]
    pub interface: Option<String>,
    /// Serial device to listen on, such as `/dev/ttyUSB0`.
    #[serde(default)]
    pub serial: Option<PathBuf>,
    /// Its speed, baud.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// Capture file to play instead of an interface.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// How many times as fast as recorded the file is played.
    #[serde(default = "as_recorded")]
    pub speed: f64,
    /// Name used in the policy and in findings; the interface name when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// BPF filter; everything when absent.
    #[serde(default)]
    pub filter: Option<String>,
    /// Kernel ring buffer, MiB.
    #[serde(default = "default_buffer_mib")]
    pub buffer_mib: NonZeroU32,
    /// Bytes kept of a frame.
    #[serde(default = "default_snap_length")]
    pub snap_length: NonZeroU32,
    /// Whether frames for others are taken; a mirror port shows nothing else.
    #[serde(default = "yes")]
    pub promiscuous: bool,
}

impl Source {
    /// The name in policy and findings.
    #[must_use]
    pub fn label(&self) -> &str {
        let path = self.serial.as_deref().or(self.file.as_deref());
        let file = path.and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
        self.name.as_deref().or(self.interface.as_deref()).or(file).unwrap_or("unnamed")
    }
}

/// A default that is not zero; one where it would be.
const fn at_least_one(value: u64) -> NonZeroU64 {
    match NonZeroU64::new(value) {
        Some(value) => value,
        None => NonZeroU64::MIN,
    }
}

/// The same in 32 bits.
const fn at_least_one_32(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(value) => value,
        None => NonZeroU32::MIN,
    }
}

const fn default_buffer_mib() -> NonZeroU32 {
    at_least_one_32(32)
}

const fn default_baud() -> u32 {
    4_800
}

const fn default_snap_length() -> NonZeroU32 {
    at_least_one_32(65_536)
}

const fn as_recorded() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}

/// `[policy]`: the zone policy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The policy file; without one, only detections that need none are at work.
    pub file: Option<PathBuf>,
}

/// `[intel]`: what people bring aboard from outside. A bad file is told and left out; it never stops the monitor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Intel {
    /// Indicators of known evil: STIX 2.1 bundles and plain lists.
    pub indicators: Vec<PathBuf>,
    /// Signatures: files of Suricata rules.
    pub signatures: Vec<PathBuf>,
    /// Published advisories: CSAF 2.0 documents, and folders of them.
    pub advisories: Vec<PathBuf>,
    /// Vulnerabilities known to be exploited: the catalogue of CISA, or a list of CVE numbers.
    pub known_exploited: Vec<PathBuf>,
    /// What the rules' variables stand for, e.g. `HOME_NET`.
    pub variables: std::collections::BTreeMap<String, String>,
}

impl Intel {
    /// Every file that is named.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.indicators.iter().chain(&self.signatures).chain(&self.advisories).chain(&self.known_exploited)
    }
}

/// `[store]`: findings, queue, inventory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Where they are kept.
    pub directory: PathBuf,
    /// What the queue may take, MiB.
    pub cap_mib: NonZeroU64,
    /// Kept free for the worst day, MiB; given up when the disk is full.
    pub ballast_mib: u64,
}

impl Default for Store {
    fn default() -> Self {
        let cap_mib = at_least_one(512);
        Self { directory: PathBuf::from("/var/lib/dogwatch"), cap_mib, ballast_mib: 16 }
    }
}

/// `[console]`: the page aboard and `/metrics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// Where it listens. There is no login yet: keep it on loopback, or on a management network of its own.
    pub listen: SocketAddr,
}

impl Default for Console {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8787)) }
    }
}

/// `[uplink]`: how findings go ashore.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uplink {
    /// The shore's address, e.g. `https://shore.example:8443`.
    pub url: String,
    /// Name of the vessel in the register.
    pub vessel: String,
    /// SHA-256 of the shore's certificate, hex, as `dogwatch-shore init` prints it.
    pub pin: String,
    /// Public key of the shore that signs receipts, hex, as `dogwatch-shore init` prints it.
    pub shore_key: String,
    /// This vessel's private key (PKCS#8); made when it does not exist.
    pub key_file: PathBuf,
    /// Bytes a day the satellite link may carry for us.
    #[serde(default = "default_daily_bytes")]
    pub daily_bytes: NonZeroU64,
    /// Longest pause between two tries, seconds.
    #[serde(default = "default_retry")]
    pub retry_max_s: NonZeroU64,
    /// Longest wait before routine findings are sent, seconds.
    #[serde(default = "default_routine")]
    pub routine_every_s: NonZeroU64,
    /// Longest wait before findings of severity high are sent, seconds; critical ones never wait.
    #[serde(default = "default_high")]
    pub high_within_s: NonZeroU64,
}

const fn default_high() -> NonZeroU64 {
    at_least_one(120)
}

const fn default_daily_bytes() -> NonZeroU64 {
    at_least_one(1_000_000)
}

const fn default_retry() -> NonZeroU64 {
    at_least_one(900)
}

const fn default_routine() -> NonZeroU64 {
    at_least_one(3_600)
}

impl Settings {
    /// Reads and checks a settings file.
    ///
    /// # Errors
    /// With file, line, column, key and what was expected; relations between keys are reported all at once.
    pub fn load(file: &Path) -> Result<Self, SettingsError> {
        let text =
            std::fs::read_to_string(file).map_err(|source| SettingsError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file)
    }

    /// Reads and checks the text of a settings file.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::Invalid {
            file: file.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let problems = settings.check();
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError::Relations { file: file.to_owned(), problems })
        }
    }

    /// What does not fit together.
    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, source) in self.source.iter().enumerate() {
            if self.source.iter().take(index).any(|other| other.label() == source.label()) {
                problems.push(format!("source `{}` is listed twice; give each its own `name`", source.label()));
            }
            let kinds = [source.interface.is_some(), source.serial.is_some(), source.file.is_some()];
            if kinds.iter().filter(|is_set| **is_set).count() != 1 {
                problems
                    .push(format!("source {} needs one of `interface`, `serial` and `file`, and only one", index + 1));
            }
            if !SPEEDS.contains(&source.baud) {
                let speeds: Vec<_> = SPEEDS.iter().map(u32::to_string).collect();
                problems.push(format!(
                    "source `{}`: baud is {}; expected one of {}",
                    source.label(),
                    source.baud,
                    speeds.join(", ")
                ));
            }
            if !(source.speed > 0.0 && source.speed <= 1_000.0) {
                problems.push(format!(
                    "source `{}`: speed is {}; expected above 0 and at most 1000",
                    source.label(),
                    source.speed
                ));
            }
        }
        if let Some(uplink) = &self.uplink {
            if !uplink.url.starts_with("https://") {
                problems.push(format!("uplink.url is `{}`; expected an address that begins with https://", uplink.url));
            }
            for (key, value) in [("pin", &uplink.pin), ("shore_key", &uplink.shore_key)] {
                if value.len() != 64 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    problems
                        .push(format!("uplink.{key} has {} characters; expected 64 hexadecimal digits", value.len()));
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Settings::parse(text, Path::new("dogwatch.toml")).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let message = error("[[source]]\ninterface = \"mir0\"\nsnap_len = 96\n");
        assert!(
            message.contains("line 3") && message.contains("snap_len") && message.contains("snap_length"),
            "{message}"
        );
    }

    #[test]
    fn relations_are_told_all_at_once() {
        let message = error(
            "[[source]]\ninterface = \"a\"\n[[source]]\ninterface = \"a\"\n[uplink]\nurl = \"http://x\"\nvessel = \"v\"\npin = \"12\"\nshore_key = \"\"\nkey_file = \"k\"\n",
        );
        for part in ["listed twice", "https://", "uplink.pin has 2", "uplink.shore_key has 0"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn a_serial_line_has_a_speed_that_exists() {
        let parse = |text: &str| Settings::parse(text, Path::new("dogwatch.toml"));
        let settings = parse("[[source]]\nserial = \"/dev/ttyUSB0\"\n").unwrap();
        assert_eq!((settings.source[0].label(), settings.source[0].baud), ("ttyUSB0", 4_800));
        assert!(parse("[[source]]\nserial = \"/dev/ttyS0\"\nbaud = 38400\n").is_ok());
        assert!(error("[[source]]\nserial = \"/dev/ttyS0\"\nbaud = 4801\n").contains("expected one of 300, 600"));
        assert!(error("[[source]]\nserial = \"/dev/ttyS0\"\nfile = \"x\"\n").contains("only one"));
    }

    #[test]
    fn zero_is_no_size() {
        assert!(error("[store]\ncap_mib = 0\n").contains("line 2"));
    }

    #[test]
    fn the_file_that_ships_is_valid_and_shows_every_key() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dogwatch.toml");
        let text = std::fs::read_to_string(&shipped).unwrap();
        Settings::parse(&text, &shipped).unwrap();
        let spelled_out: String =
            text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let settings = Settings::parse(&spelled_out, &shipped).unwrap();
        assert!(settings.uplink.is_some() && !settings.source.is_empty() && settings.policy.file.is_some());
    }
}
