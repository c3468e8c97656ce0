//! Plays a capture into an interface, at a pace: the ship's networks in the live demonstration. Runs inside the ship's network namespace.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use dogwatch::capture::live::Visit;
use dogwatch::capture::paced::PacedFile;

/// `play FILE INTERFACE SPEED`.
pub(crate) fn play(arguments: &[String]) -> anyhow::Result<()> {
    let [file, interface, speed] = arguments else { anyhow::bail!("expected: play FILE INTERFACE SPEED") };
    let mut port = pcap::Capture::from_device(interface.as_str())?
        .open()
        .with_context(|| format!("cannot send on {interface}"))?;
    let mut paced = PacedFile::open(Path::new(file).to_owned(), speed.parse()?, dogwatch::clock::now())?;
    let mut failed = 0_u64;
    loop {
        let visit = paced.read(64, |_, _, _, bytes| {
            if port.sendpacket(bytes).is_err() {
                failed += 1;
            }
        });
        match visit {
            Visit::Frames(_) => {}
            Visit::Idle => std::thread::sleep(Duration::from_millis(2)),
            Visit::Down => break,
        }
    }
    anyhow::ensure!(failed == 0, "{failed} frames could not be sent on {interface}");
    Ok(())
}
