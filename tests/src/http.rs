//! The JSON interfaces of the programs under test, asked over loopback. Just enough HTTP for answers that end with the connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;

/// Asks `http://127.0.0.1:<port><path>`.
///
/// # Errors
/// When nobody answers, the status is not 200, or the answer is not the JSON wanted.
pub fn get<T: DeserializeOwned>(port: u16, path: &str) -> anyhow::Result<T> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // version 1.0: no chunks, and the end of the connection is the end of the answer
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("the answer has no head")?;
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    ensure!(head.lines().next().unwrap_or_default().contains(" 200 "), "{path}: {head}");
    let length: usize = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|rest| rest.trim().to_owned()))
        .context("the answer does not say how long it is")?
        .parse()?;
    ensure!(body.len() == length, "{path}: {} of {length} bytes came", body.len());
    serde_json::from_slice(body).with_context(|| format!("{path} is not the JSON expected"))
}
