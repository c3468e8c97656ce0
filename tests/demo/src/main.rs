//! The demonstration: a simulated ship sails through the real daemon, is attacked, loses her satellite link, gets it back, and everything that was
//! found aboard stands in the register ashore, once.
//!
//! Nothing here is part of the product: this program only sets the stage, plays the ship, cuts the link, and looks.

mod link;
mod look;
mod player;
mod stage;
mod voyage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use link::Link;
use look::{Ashore, Console};
use stage::Stage;
use voyage::{Scene, Voyage};

/// Where the pages are.
const CONSOLE: &str = "127.0.0.1:8787";
/// Where the register's pages are.
const REGISTER: &str = "127.0.0.1:8788";
/// Longest time a finding may take to appear on the console, seconds of real time.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        // started again inside the ship's network namespace
        Some("play") => player::play(arguments.get(1..).unwrap_or_default()),
        Some("--once") => demonstrate(true),
        None => demonstrate(false),
        Some(other) => Err(anyhow::anyhow!("unknown argument {other}; expected nothing or --once")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(once: bool) -> anyhow::Result<()> {
    let programs = std::env::current_exe()?.parent().context("no folder of programs")?.to_owned();
    let folder = PathBuf::from("demo-run");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("the folder of the last demonstration cannot be cleared")?;
    }
    std::fs::create_dir_all(&folder)?;
    say("1. building the voyage: a general cargo ship on passage, six attacks after a quiet start");
    let voyage = Voyage::make(&programs, &folder)?;
    say("2. ashore: the register starts; the vessel is enrolled");
    let mut stage = Stage::new(programs, folder)?;
    let shore = stage.start_shore(REGISTER)?;
    let link = Link::open(shore.ships)?;
    stage.start_ship(&voyage, CONSOLE, &shore, link.address())?;
    let started = Instant::now();
    say(&format!(
        "   the ship sails {} times as fast as life; console http://{CONSOLE}/  register http://{REGISTER}/",
        voyage::SPEED
    ));
    let story = story(&voyage, &stage, &link, started);
    let outcome = story.map(|findings| {
        say(&format!("\nAll of it happened: {findings} findings aboard, the same {findings} ashore, once each."))
    });
    if once || outcome.is_err() {
        if outcome.is_err() {
            eprintln!("demo: logs are in {}", stage.folder().display());
        }
        return outcome;
    }
    closing_words();
    stage.wait_for_interrupt();
    Ok(())
}

/// The story in order; gives the number of findings.
fn story(voyage: &Voyage, stage: &Stage, link: &Link, started: Instant) -> anyhow::Result<usize> {
    let (console, ashore) = (Console(CONSOLE), Ashore(REGISTER));
    let cut_at =
        voyage.scenes.get(1).context("the voyage has no scenes")?.real_time().saturating_sub(Duration::from_secs(2));
    let mut is_cut = false;
    let mut sent_before_cut = 0;
    for scene in &voyage.scenes {
        if !is_cut && scene.real_time() > cut_at {
            sleep_until(started, cut_at);
            sent_before_cut = ashore.findings()?.len();
            link.cut();
            is_cut = true;
            say("   >> the satellite link is cut");
        }
        sleep_until(started, scene.real_time());
        wait_for(scene, &console, stage, started)?;
    }
    let aboard = console.findings()?;
    let before = ashore.findings()?;
    anyhow::ensure!(
        before.len() == sent_before_cut,
        "{} findings ashore while the link was cut, {sent_before_cut} before",
        before.len()
    );
    anyhow::ensure!(aboard.len() > before.len(), "nothing waits for the link although it was cut");
    say(&format!(
        "   >> {} findings aboard, {} ashore; {} record(s) wait aboard",
        aboard.len(),
        before.len(),
        console.waiting()?
    ));
    link.restore();
    say("   >> the satellite link is back");
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        stage.check()?;
        let (mut aboard, mut there) = (console.findings()?, ashore.findings()?);
        aboard.sort();
        there.sort();
        let is_once = there.windows(2).all(|pair| pair.first() != pair.last());
        anyhow::ensure!(is_once, "a finding stands in the register twice: {there:?}");
        if aboard == there {
            return Ok(there.len());
        }
        if Instant::now() > deadline {
            bail!("the register does not hold what the ship found:\naboard {aboard:?}\nashore {there:?}");
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Waits until the console shows what the scene should raise, and says how long that took.
fn wait_for(scene: &Scene, console: &Console, stage: &Stage, started: Instant) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        stage.check()?;
        if let Some(summary) = console.finding_of(&scene.detections)? {
            let seconds = begun.elapsed().as_secs_f64();
            say(&format!("   {:>3} s  {:14} {} ({seconds:.1} s)", started.elapsed().as_secs(), scene.script, summary));
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("{}: none of {:?} on the console after {} s", scene.script, scene.detections, PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn sleep_until(started: Instant, offset: Duration) {
    std::thread::sleep(offset.saturating_sub(started.elapsed()));
}

fn closing_words() {
    say(&format!(
        "\nAboard:  http://{CONSOLE}/   is the mirror port right, what is on the network, what was found; open a finding and read its card\n\
         Ashore:  http://{REGISTER}/   the fleet's register with the same findings\n\
         Metrics: http://{CONSOLE}/metrics\n\
         The ship sails on for some minutes. Then the mirror falls silent, and dogwatch says so.\n\
         Stop with Ctrl-C. Logs and captures are in demo-run/."
    ));
}

/// The demonstration speaks to a person.
#[expect(clippy::print_stdout, reason = "its words are its result")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Whether a path can be run.
pub(crate) fn program(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    anyhow::ensure!(path.exists(), "{} is missing; `make demo` builds it", path.display());
    Ok(path)
}
