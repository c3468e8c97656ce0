//! The carrier for IP links: one bundle a request over TLS 1.3, HTTP/1.1 with as few headers as the protocol allows.
//!
//! A session is opened for a burst and closed after it: some satellite plans bill an idle connection by the second. Session tickets make the
//! next one cheaper. Bytes are counted at the socket, with headers of segments added by estimate.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::pin::Pinned;
use super::task::{Answer, Carrier, Delivery};

/// IP and TCP headers with time stamps, IPv4.
const SEGMENT_HEADER_BYTES: u64 = 52;
/// Data in a full segment of a satellite path.
const SEGMENT_BYTES: u64 = 1_400;
/// Segments without data around a session: set-up, close and the acknowledgements between. Chosen so that the estimate is not below what was
/// counted on loopback (17 to 19 packets a session): a budget may be missed on one side only.
const BARE_SEGMENTS: u64 = 12;
/// What a session costs before the first one was measured (design figures: 3,260 B full, 3,300 B with client keys).
const FIRST_SESSION_BYTES: u64 = 3_300;
/// What a further request costs beside its bundle.
const REQUEST_BYTES: u64 = 600;
/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 4_096;
/// Name lookup, connection and handshake must be done in this time.
const CONNECT_PATIENCE: Duration = Duration::from_secs(90);
/// An answer must come in this time, plus the time the bundle needs at the slowest link.
const ANSWER_PATIENCE: Duration = Duration::from_secs(90);
/// Slowest link we wait for, bytes a second.
const SLOWEST_BYTES_PER_S: u64 = 100;
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Why the carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// The shore's address is not `host:port`.
    #[error("`{0}` is not an address such as shore.example.org:8443")]
    Address(String),
    /// TLS cannot be set up.
    #[error("TLS")]
    Tls(#[from] rustls::Error),
}

struct Session {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// HTTPS to one shore.
pub struct Https {
    address: String,
    name: ServerName<'static>,
    connector: TlsConnector,
    session: Option<Session>,
    wire: Arc<AtomicU64>,
    /// Bytes of `wire` already told.
    told: u64,
    /// What opening a session cost last.
    opening: u64,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Https").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Https {
    /// A carrier to `address` (`host:port`), which must show the TLS key with this pin (SHA-256 of its SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// When the address makes no sense.
    pub fn new(address: &str, pin: [u8; 32]) -> Result<Self, HttpsError> {
        let wrong = || HttpsError::Address(address.to_owned());
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        port.parse::<u16>().map_err(|_| wrong())?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| wrong())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Pinned { pin, provider: Arc::clone(&provider) });
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self {
            address: address.to_owned(),
            name,
            connector: TlsConnector::from(Arc::new(config)),
            session: None,
            wire: Arc::new(AtomicU64::new(0)),
            told: 0,
            opening: FIRST_SESSION_BYTES,
        })
    }

    /// Bytes since the last time this was asked.
    fn fresh_bytes(&mut self) -> u64 {
        let now = self.wire.load(Ordering::Relaxed);
        let fresh = now.saturating_sub(self.told);
        self.told = now;
        fresh
    }

    async fn open(&mut self) -> io::Result<Session> {
        self.wire.fetch_add(BARE_SEGMENTS * SEGMENT_HEADER_BYTES, Ordering::Relaxed);
        let before = self.wire.load(Ordering::Relaxed);
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(&self.address).await?.collect();
        let tcp = TcpStream::connect(addresses.as_slice()).await?;
        // The bundle is written in one go; waiting for more would cost a round trip.
        tcp.set_nodelay(true)?;
        let counted = Counted { inner: tcp, bytes: Arc::clone(&self.wire) };
        let tls = self.connector.connect(self.name.clone(), counted).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // How a connection ends is of no interest: what matters came, or did not, as an answer.
            let _ = connection.await;
        });
        let handshake = self.wire.load(Ordering::Relaxed).saturating_sub(before);
        self.opening = handshake.saturating_add(BARE_SEGMENTS * SEGMENT_HEADER_BYTES);
        Ok(Session { sender, driver })
    }

    async fn post(&mut self, bundle: &[u8]) -> Result<Answer, String> {
        let usable = self.session.as_ref().is_some_and(|session| !session.sender.is_closed());
        if !usable {
            self.session = None;
            let opened = tokio::time::timeout(CONNECT_PATIENCE, self.open()).await;
            let session = opened.map_err(|_| "connecting took too long".to_owned())?;
            self.session = Some(session.map_err(|error| format!("not connected: {error}"))?);
        }
        let Some(session) = self.session.as_mut() else { return Err("not connected".to_owned()) };
        let request = Request::post("/v1/batches")
            .header(header::HOST, &self.address)
            .body(Full::new(Bytes::copy_from_slice(bundle)))
            .map_err(|error| error.to_string())?;
        let slowest = Duration::from_secs(bundle.len() as u64 / SLOWEST_BYTES_PER_S);
        let exchange = async {
            session.sender.ready().await?;
            let response = session.sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await))
        };
        let answered = tokio::time::timeout(ANSWER_PATIENCE + slowest, exchange).await;
        let (status, body) =
            answered.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
        let body = body.map_err(|error| format!("answer broke off: {error}"))?.to_bytes();
        Ok(judge(status, &body))
    }
}

/// What an HTTP answer means.
fn judge(status: StatusCode, body: &[u8]) -> Answer {
    let word = || body.escape_ascii().take(80).map(char::from).collect::<String>();
    match status.as_u16() {
        200 => Answer::Receipt(body.to_vec()),
        409 => Answer::Tables,
        400 | 413 | 422 => Answer::RefusedBundle(format!("{status}: {}", word())),
        // Asked to come back later, or not sure: as good as no answer.
        408 | 425 | 429 => Answer::Later(format!("{status}: {}", word())),
        400..=499 => Answer::RefusedSender(format!("{status}: {}", word())),
        _ => Answer::Later(format!("{status}: {}", word())),
    }
}

impl Carrier for Https {
    fn deliver<'a>(&'a mut self, bundle: &'a [u8]) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(async move {
            let answer = match self.post(bundle).await {
                Ok(answer) => answer,
                Err(why) => {
                    // A connection that failed once is not trusted again.
                    if let Some(session) = self.session.take() {
                        session.driver.abort();
                    }
                    Answer::Later(why)
                }
            };
            Delivery { answer, wire_bytes: self.fresh_bytes() }
        })
    }

    fn overhead_bytes(&self) -> u64 {
        let open = self.session.as_ref().is_some_and(|session| !session.sender.is_closed());
        if open { REQUEST_BYTES } else { self.opening.saturating_add(REQUEST_BYTES) }
    }

    fn close(&mut self) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
        Box::pin(async move {
            if let Some(Session { sender, driver }) = self.session.take() {
                drop(sender);
                let stop = driver.abort_handle();
                if tokio::time::timeout(CLOSE_PATIENCE, driver).await.is_err() {
                    stop.abort();
                }
            }
            self.fresh_bytes()
        })
    }
}

/// A socket that counts what passes, with a header for every read and write that moved something.
struct Counted {
    inner: TcpStream,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self, moved: usize) {
        let moved = moved as u64;
        let segments = moved.div_ceil(SEGMENT_BYTES);
        // Every second full segment is acknowledged by a bare one.
        let headers = segments.saturating_add(segments / 2).saturating_mul(SEGMENT_HEADER_BYTES);
        self.bytes.fetch_add(moved.saturating_add(headers), Ordering::Relaxed);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.count(buf.filled().len().saturating_sub(before));
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(moved)) = &written {
            self.count(*moved);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["shore.example.org:8443", "127.0.0.1:1", "[::1]:8443"] {
            assert!(Https::new(good, [0; 32]).is_ok(), "{good}");
        }
        for bad in ["shore", "shore:", "shore:99999", ":8443", "a b:1"] {
            assert!(matches!(Https::new(bad, [0; 32]), Err(HttpsError::Address(_))), "{bad}");
        }
    }

    #[test]
    fn what_answers_mean() {
        let of = |status| judge(StatusCode::from_u16(status).unwrap(), b"x\n");
        assert!(matches!(of(200), Answer::Receipt(_)));
        assert!(matches!(of(409), Answer::Tables));
        for status in [400, 413, 422] {
            assert!(matches!(of(status), Answer::RefusedBundle(_)), "{status}");
        }
        for status in [401, 403, 404, 410] {
            assert!(matches!(of(status), Answer::RefusedSender(_)), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 302, 204] {
            assert!(matches!(of(status), Answer::Later(_)), "{status}");
        }
    }
}
