//! Shows the console over captures: `console_demo ADDRESS POLICY|- FILE...` reads them through the pipeline, then serves what it found.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use dogwatch::capture::replay::replay;
use dogwatch::pipeline::Pipeline;
use dogwatch::service::{board::Board, still};
use dogwatch::{console, policy_file};
use dogwatch_rules::Settings;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: console_demo ADDRESS POLICY|- FILE...";
    let (address, policy) = (arguments.next().context(usage)?, arguments.next().context(usage)?);
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let policy = Some(policy).filter(|file| file != "-");
    let rules = policy.as_deref().map(|file| policy_file::load(file.as_ref())).transpose()?;
    let mut pipeline = Pipeline::new(rules, &Settings::default());
    replay(&files, &mut pipeline)?;
    pipeline.finish();
    let picture = still::picture(&pipeline, policy);
    let board = Arc::new(Board::new(picture.started));
    board.update(|shown| *shown = picture);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await?;
        let (_running, stop) = tokio::sync::watch::channel(false);
        console::serve(listener, board, stop).await;
        Ok(())
    })
}
