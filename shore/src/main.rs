//! `dogwatch-shore`: the command line of the fleet's register.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use dogwatch_bundle::PublicKey;
use dogwatch_shore::home::{Home, database, hex};
use dogwatch_shore::ingest::Register;
use dogwatch_shore::repo::{Enrolment, Repo as _, SqliteRepo};
use dogwatch_shore::server;
use tokio::sync::watch;

/// The fleet's register: takes bundles from ships, shows their findings.
#[derive(Debug, Parser)]
#[command(name = "dogwatch-shore", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes keys, certificate and database in a new directory; prints what ships need to know.
    Init {
        /// Directory of the register.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Prints what ships need to know: certificate pin and public key.
    Show {
        /// Directory of the register.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Enrols a vessel, or gives an enrolled one a further key.
    Enrol {
        /// Directory of the register.
        #[arg(long)]
        dir: PathBuf,
        /// Id of the vessel, the same aboard and ashore.
        #[arg(long)]
        vessel: String,
        /// IMO number: seven digits.
        #[arg(long)]
        imo: String,
        /// Name of the vessel.
        #[arg(long)]
        name: String,
        /// Public key of her box: 64 hexadecimal digits.
        #[arg(long)]
        key: PublicKey,
    },
    /// Serves ships and pages until it is told to stop.
    Run {
        /// Directory of the register.
        #[arg(long)]
        dir: PathBuf,
        /// Address for ships, TLS.
        #[arg(long, default_value = "127.0.0.1:8443")]
        listen: SocketAddr,
        /// Loopback address for pages over plain HTTP, such as 127.0.0.1:8080.
        #[arg(long)]
        pages: Option<SocketAddr>,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DOGWATCH_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    match command(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "dogwatch-shore: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init { dir } => {
            let home = Home::init(&dir)?;
            open(&dir).await?;
            show(&home)
        }
        Command::Show { dir } => show(&Home::load(&dir)?),
        Command::Enrol { dir, vessel, imo, name, key } => {
            check_imo(&imo)?;
            Home::load(&dir).context("run `dogwatch-shore init` first")?;
            let enrolment = Enrolment { vessel_id: vessel, imo, name, key };
            open(&dir).await?.enrol(&enrolment, now_ms()).await.context("not enrolled")?;
            say(&format!("enrolled {} ({}) with key {}", enrolment.name, enrolment.vessel_id, enrolment.key))
        }
        Command::Run { dir, listen, pages } => run(&dir, listen, pages).await,
    }
}

async fn open(dir: &Path) -> anyhow::Result<SqliteRepo> {
    let path = database(dir);
    SqliteRepo::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Results go to stdout; a closed pipe is not an error.
fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn show(home: &Home) -> anyhow::Result<()> {
    say(&format!("pin        {}\nshore_key  {}", hex(&home.pin), home.public()))
}

/// Seven digits, the last of which is the units digit of the sum of the others times 7 to 2 (IMO Resolution A.1117(30)).
fn check_imo(imo: &str) -> anyhow::Result<()> {
    let digits: Vec<u32> = imo.chars().filter_map(|letter| letter.to_digit(10)).collect();
    let sum: u32 = digits.iter().zip([7, 6, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    let right = imo.len() == 7 && digits.len() == 7 && digits.last() == Some(&(sum % 10));
    anyhow::ensure!(right, "--imo {imo}: an IMO number has seven digits, the last one a check digit, such as 9074729");
    Ok(())
}

async fn run(dir: &Path, listen: SocketAddr, pages: Option<SocketAddr>) -> anyhow::Result<()> {
    let home = Home::load(dir).context("run `dogwatch-shore init` first")?;
    let repo = open(dir).await?;
    let register = Arc::new(Register::new(Arc::new(repo), Home::load(dir)?.key));
    let listener = server::bind(listen).await?;
    let pages = match pages {
        Some(address) => Some(server::bind_pages(address).await?),
        None => None,
    };
    let (stop, stopped) = watch::channel(false);
    // One line a script can wait for, with the port that port 0 became.
    say(&format!("listening {}", listener.local_addr()?))?;
    if let Some(pages) = &pages {
        say(&format!("pages http://{}/", pages.local_addr()?))?;
    }
    let paged = pages.map(|pages| tokio::spawn(server::serve_pages(pages, Arc::clone(&register), stopped.clone())));
    let served = tokio::spawn(async move { server::serve_tls(listener, &home, register, stopped).await });
    stop_signal().await?;
    tracing::info!("stopping");
    let _ = stop.send(true);
    served.await??;
    if let Some(paged) = paged {
        paged.await?;
    }
    Ok(())
}

/// Returns when the program is asked to stop.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_imo;

    #[test]
    fn imo_numbers() {
        // 9074729 is the example of the resolution: 9x7+0x6+7x5+4x4+7x3+2x2 = 139.
        assert!(check_imo("9074729").is_ok());
        for bad in ["9074728", "907472", "90747290", "907472x", ""] {
            assert!(check_imo(bad).is_err(), "{bad}");
        }
    }
}
