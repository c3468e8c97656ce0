//! Conformance: what `dogwatch decode` and `dogwatch analyze` say of a corpus, beside what independent decoders say.
//!
//! Runs the real program on every input the manifests list, compares by the rules of the corpus' README files, prints a table and writes every
//! difference into one file and the sums by attribute and field into another. Mapping tables, bars and explained differences are data (`data/*.toml`) and know no file of any corpus by name.
#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed, by key: what is absent is null, nothing panics"
)]

mod ais;
mod captures;
mod corpus;
mod j1939;
mod lwe;
mod maritime;
mod n2k;
mod nmea0183;
mod program;
mod radar;
mod signalk;
mod table;
mod verdict;
mod wire;

use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// Compares what dogwatch decodes with what a corpus of independent decoders' results expects.
#[derive(Debug, Parser)]
struct Options {
    /// Folder with `maritime/MANIFEST.tsv` and `captures/MANIFEST.tsv`
    corpus: PathBuf,
    /// The program; otherwise the one built beside this
    #[arg(long)]
    dogwatch: Option<PathBuf>,
    /// Where every difference is written
    #[arg(long, default_value = "conformance-differences.txt")]
    details: PathBuf,
    /// Where it is written how every attribute and field compares
    #[arg(long, default_value = "conformance-parts.tsv")]
    parts: PathBuf,
    /// Only families whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("dogwatch-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all bars were met.
fn run(options: &Options) -> Result<bool> {
    anyhow::ensure!(options.corpus.is_dir(), "no folder {}", options.corpus.display());
    let path = match &options.dogwatch {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.parent().context("a program is in a folder")?.join("dogwatch"),
    };
    let program = program::Program::new(path)?;
    let file = std::fs::File::create(&options.details).with_context(|| options.details.display().to_string())?;
    let mut report = verdict::Report::new(Box::new(BufWriter::new(file)))?;
    // captures first: the memory of damaged ones is measured while no other child has run
    captures::run(&program, &options.corpus.join("captures"), &options.only, &mut report)?;
    maritime::run(&program, &options.corpus.join("maritime"), &options.only, &mut report)?;
    report.finish()?;
    table::print(&report, &options.details, &options.parts)
}
