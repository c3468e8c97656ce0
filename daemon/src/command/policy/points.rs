//! `dogwatch policy points`: an I/O list to `[[point]]` text.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;
use dogwatch_rules::policy::{Policy, io_list};

use crate::command::Answer;
use crate::policy_file;

/// Largest list that is read.
const LARGEST: u64 = 16 << 20;

/// Which list.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// CSV with the columns name, host, and address or object; also unit, table, type, words, scale, low, high, tag
    file: PathBuf,
    /// Policy whose assets the hosts are, by id or address; without it column host holds ids and nothing is looked up
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let name = options.file.display();
    let policy = options.policy.as_deref().map(policy_file::load).transpose()?;
    let size = std::fs::metadata(&options.file).with_context(|| name.to_string())?.len();
    anyhow::ensure!(size <= LARGEST, "{name}: {size} bytes are more than an I/O list has (at most {LARGEST})");
    let bytes = std::fs::read(&options.file).with_context(|| name.to_string())?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            writeln!(std::io::stderr(), "{name}:{line}: not UTF-8; expected a file saved as \"CSV UTF-8\"")?;
            return Ok(Answer::No);
        }
    };
    let list = io_list(text, &|host| match &policy {
        Some(policy) => asset_id(policy, host),
        None => is_id(host).then(|| host.to_owned()),
    });
    // what is printed is meant to be appended to the plan, so what is wrong goes elsewhere
    for error in &list.errors {
        writeln!(std::io::stderr(), "{name}:{error}")?;
    }
    if !list.errors.is_empty() {
        return Ok(Answer::No);
    }
    writeln!(out, "# {} point(s) of {name}", list.points)?;
    if !list.unused.is_empty() {
        writeln!(out, "# columns not used: {}", list.unused.join(", ").replace(char::is_control, " "))?;
    }
    if let Some(first) = list.one_based.first() {
        let count = list.one_based.len();
        writeln!(
            out,
            "# {count} address(es) look 1-based, the first in line {first}: if they are, write 4x00001 or 3x00001 in the list"
        )?;
    }
    write!(out, "\n{}", list.text)?;
    Ok(Answer::Done)
}

/// The asset with this id or address.
fn asset_id(policy: &Policy, host: &str) -> Option<String> {
    let named = policy.asset_named(host);
    let found = named.or_else(|| policy.asset_with_ip(host.parse::<IpAddr>().ok()?))?;
    policy.asset(found).map(|asset| asset.id.clone())
}

/// Whether a text has the form of an id.
fn is_id(text: &str) -> bool {
    text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
