//! `dogwatch doctor`: one line a check, with a remedy where something is not right.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Answer;
use crate::capture::{live, serial};
use crate::policy_file;
use crate::settings::Settings;

/// What to look at.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Settings file
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    config: PathBuf,
}

/// One check.
struct Check {
    is_well: bool,
    what: String,
    remedy: String,
}

fn well(what: impl Into<String>) -> Check {
    Check { is_well: true, what: what.into(), remedy: String::new() }
}

fn ill(what: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { is_well: false, what: what.into(), remedy: remedy.into() }
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let mut checks = Vec::new();
    let settings = Settings::load(&options.config);
    match &settings {
        Ok(settings) => {
            checks.push(well(format!("settings {} are valid", options.config.display())));
            sources(settings, &mut checks);
            policy(settings, &mut checks);
            checks.push(folder(&settings.store.directory));
            checks.push(match &settings.uplink {
                Some(uplink) => well(format!("findings go ashore to {}", uplink.url)),
                None => well("no [uplink]: findings stay aboard"),
            });
        }
        Err(error) => {
            checks.push(ill(error.to_string(), "mend the line named; `deploy/dogwatch.toml` shows every key"))
        }
    }
    checks.push(clock());
    for check in &checks {
        writeln!(out, "{}  {}", if check.is_well { "ok " } else { "BAD" }, check.what)?;
        if !check.remedy.is_empty() {
            writeln!(out, "     -> {}", check.remedy)?;
        }
    }
    writeln!(out, "\ninterfaces of this machine:")?;
    for interface in live::interfaces() {
        let addresses =
            if interface.addresses.is_empty() { "no address".to_owned() } else { interface.addresses.join(" ") };
        writeln!(
            out,
            "  {:16} {:4} {:17} {addresses}",
            interface.name,
            if interface.up { "up" } else { "down" },
            interface.mac.unwrap_or_default()
        )?;
    }
    Ok(if checks.iter().all(|check| check.is_well) { Answer::Done } else { Answer::No })
}

fn sources(settings: &Settings, checks: &mut Vec<Check>) {
    if settings.source.is_empty() {
        checks.push(ill(
            "no [[source]] is configured",
            "add one for each mirror port: [[source]] with interface = \"NAME\"",
        ));
    }
    let known = live::interfaces();
    for source in &settings.source {
        if let Some(device) = &source.serial {
            checks.push(match serial::try_out(device, source.baud) {
                Ok(()) => well(format!("serial line {} can be listened to at {} baud", device.display(), source.baud)),
                Err(error) => ill(format!("{}: {}", device.display(), error.source), error.hint),
            });
            continue;
        }
        let Some(name) = &source.interface else {
            let file = source.file.clone().unwrap_or_default();
            checks.push(if file.exists() {
                well(format!("{} is there to be played", file.display()))
            } else {
                ill(format!("{} does not exist", file.display()), "check `file`")
            });
            continue;
        };
        checks.push(match known.iter().find(|interface| interface.name == *name) {
            None => ill(format!("interface {name} does not exist"), "choose one of those listed below"),
            Some(found) if !found.up => {
                ill(format!("interface {name} is down"), format!("check the cable; `ip link set {name} up`"))
            }
            Some(found) if !found.addresses.is_empty() => ill(
                format!("capture interface {name} has an address ({})", found.addresses.join(" ")),
                "a capture interface should have none: an address makes this box answer on the ship's network",
            ),
            Some(_) => well(format!("interface {name} is up and has no address")),
        });
    }
}

fn policy(settings: &Settings, checks: &mut Vec<Check>) {
    let Some(file) = &settings.policy.file else {
        checks.push(ill("no zone policy", "set [policy] file; without one only detections that need none are at work"));
        return;
    };
    checks.push(match policy_file::load(file) {
        Ok(policy) => {
            well(format!("policy {}: {} zones, {} devices", file.display(), policy.zones.len(), policy.assets.len()))
        }
        Err(error) => ill(format!("{error:#}"), "`dogwatch policy check FILE` shows every problem"),
    });
}

fn folder(directory: &Path) -> Check {
    let probe = directory.join(".doctor");
    match std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&probe, b"x")) {
        Ok(()) => {
            let _ = std::fs::remove_file(&probe);
            well(format!("store {} can be written", directory.display()))
        }
        Err(error) => ill(
            format!("store {} cannot be written: {error}", directory.display()),
            "give the daemon's user a folder of its own, or free the disk",
        ),
    }
}

/// A clock before this program was written is a box without a battery, or without a source of time.
fn clock() -> Check {
    let (year, ..) = crate::clock::now().civil();
    if year >= 2026 {
        well(format!("clock says {}", crate::clock::now()))
    } else {
        ill(format!("clock says {}", crate::clock::now()), "set the clock, or give the box a source of time")
    }
}
