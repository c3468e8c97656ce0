//! Damaged variants of the samples and of a corpus through the whole path, a million unless told otherwise: `dogwatch-damage [COUNT] [FOLDER…]`.
//! Exit status 1 when anything panicked.
#![expect(clippy::print_stdout, reason = "its report is what it is run for")]

use std::path::PathBuf;
use std::process::ExitCode;

use dogwatch_tests::damage;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().as_deref().unwrap_or("1000000").parse()?;
    let folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let inputs = damage::inputs(&folders)?;
    let report = damage::run(&inputs, count);
    println!("inputs    {} files, {} frames, datagrams and lines", report.inputs, report.units);
    println!("variants  {}", report.variants);
    println!("events    {}", report.events);
    println!("panics    {}", report.panics.len());
    for panic in report.panics.iter().take(100) {
        println!("  {panic}");
    }
    Ok(if report.panics.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
