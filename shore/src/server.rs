//! The listeners.
//!
//! Ships reach `--listen` over TLS 1.3 and find the upload and `/healthz`. Pages and JSON are served to this machine only: over the TLS
//! address when the peer is loopback, and over plain HTTP on `--pages`, which must be a loopback address. That holds until there is a login.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use dogwatch_bundle::MAX_BODY_BYTES;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::home::Home;
use crate::ingest::Register;
use crate::{api, pages};

/// Most connections at once on each listener.
const MAX_CONNECTIONS: usize = 512;
/// A peer that does not finish its handshake or its headers in this time is hung up on.
const PATIENCE: Duration = Duration::from_secs(30);
/// A request must be whole in this time: a satellite link at 300 B/s carries the largest bundle in a quarter of an hour.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Header and signature of a bundle around its body.
const FRAME_BYTES: usize = 256;

/// Why a listener cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Pages were asked for on an address that others can reach.
    #[error(
        "--pages {0}: pages have no login yet, so they are served on a loopback address only, such as 127.0.0.1:8080"
    )]
    PagesNotLoopback(SocketAddr),
    /// The certificate and key do not fit.
    #[error("TLS")]
    Tls(#[from] rustls::Error),
}

/// Binds an address.
///
/// # Errors
/// When it is taken or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

/// Binds the address for pages over plain HTTP.
///
/// # Errors
/// When it is not a loopback address, or taken.
pub async fn bind_pages(address: SocketAddr) -> Result<TcpListener, ServerError> {
    if address.ip().is_loopback() { bind(address).await } else { Err(ServerError::PagesNotLoopback(address)) }
}

fn ship_routes() -> Router<Arc<Register>> {
    Router::new()
        .route("/v1/batches", post(api::batch).layer(DefaultBodyLimit::max(MAX_BODY_BYTES + FRAME_BYTES)))
        .route("/healthz", get(api::healthz))
}

fn people_routes() -> Router<Arc<Register>> {
    Router::new()
        .route("/", get(pages::fleet))
        .route("/findings", get(pages::findings))
        .route("/vessels/{vessel}", get(pages::vessel))
        .route("/vessels/{vessel}/assets", get(pages::assets))
        .route("/vessels/{vessel}/findings/{finding}", get(pages::finding))
        .route("/static/{file}", get(pages::file))
        .route("/v1/vessels", get(api::vessels))
        .route("/v1/vessels/{vessel}", get(api::vessel))
        .route("/v1/vessels/{vessel}/assets", get(api::assets))
        .route("/v1/vessels/{vessel}/findings/{finding}", get(api::finding))
        .route("/v1/findings", get(api::findings))
        .route("/v1/events", get(api::events))
        .layer(middleware::from_fn(loopback_only))
}

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// Lets only this machine through, and only when the browser was told to ask this machine: another site's name that resolves to 127.0.0.1
/// must not read the pages through a visitor's browser.
async fn loopback_only(request: Request, next: Next) -> Response {
    let here = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.is_loopback());
    let asked = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback_name);
    if !here || !asked {
        return (StatusCode::FORBIDDEN, "pages are for this machine only until there is a login\n").into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in SAFETY {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Whether a Host header names this machine.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.split(':').next().unwrap_or(""),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What browsers are told: nothing from elsewhere, no framing, no guessing.
const SAFETY: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// Serves ships, and people on this machine, over TLS until `stop` says so.
///
/// # Errors
/// When certificate and key do not fit.
pub async fn serve_tls(
    listener: TcpListener,
    home: &Home,
    register: Arc<Register>,
    stop: watch::Receiver<bool>,
) -> Result<(), ServerError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![home.certificate.clone()], home.tls_key.clone_key())?;
    // A ticket costs about 250 bytes on the link; a ship opens one connection at a time and needs one.
    config.send_tls13_tickets = 1;
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let app = ship_routes().merge(people_routes()).with_state(register);
    accept_loop(listener, Some(acceptor), app, stop).await;
    Ok(())
}

/// Serves pages and JSON over plain HTTP until `stop` says so. The listener comes from [`bind_pages`].
pub async fn serve_pages(listener: TcpListener, register: Arc<Register>, stop: watch::Receiver<bool>) {
    let app = people_routes().route("/healthz", get(api::healthz)).with_state(register);
    accept_loop(listener, None, app, stop).await;
}

async fn accept_loop(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|&stop| stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: wait for some connection to end instead of spinning.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, app, stop) = (tls.clone(), app.clone(), stop.clone());
        tokio::spawn(async move {
            connection(stream, peer, tls, app, stop).await;
            drop(place);
        });
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    app: Router,
    stop: watch::Receiver<bool>,
) {
    // Small answers must not wait for a full segment.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return serve(stream, peer, app, stop).await };
    match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, peer, app, stop).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
    }
}

async fn serve<S>(stream: S, peer: SocketAddr, app: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = app.layer(axum::Extension(Peer(peer.ip())));
    let mut served = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
    );
    tokio::select! {
        served = served.as_mut() => {
            if let Err(error) = served {
                tracing::debug!(%peer, %error, "connection ended");
            }
            return;
        }
        () = tokio::time::sleep(REQUEST_PATIENCE) => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
    // Finish the answer that is under way, take no further request. Event streams never finish, so they are cut.
    served.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(Duration::from_secs(1), served).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for (host, want) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("localhost:1", true),
            ("[::1]:8443", true),
            ("127.9.9.9", true),
            ("example.org", false),
            ("localhost.example.org", false),
            ("10.0.0.1:8080", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_name(host), want, "{host}");
        }
    }
}
