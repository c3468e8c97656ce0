//! The console aboard: pages, the same as JSON, `/metrics`, and a stream of changes. Served from the binary, nothing from outside.
//!
//! It reads the [`Board`] and changes nothing: there is no login yet, so there is nothing to decide here.

mod advisories;
mod api;
mod assets;
mod connections;
mod events;
mod findings;
mod incidents;
mod look;
mod overview;
mod zones;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dogwatch_web::{SAFETY_HEADERS, Theme, local_path, static_file, tag};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::service::board::Board;
use look::Look;

/// Pages that may listen for changes at the same time. Those past it ask again later.
const MOST_LISTENERS: usize = 64;

/// What every address of the console is given.
#[derive(Debug, Clone)]
struct Console {
    board: Arc<Board>,
    stop: watch::Receiver<bool>,
    listeners: Arc<Semaphore>,
}

impl FromRef<Console> for Arc<Board> {
    fn from_ref(console: &Console) -> Self {
        Self::clone(&console.board)
    }
}

/// Serves the console until `stop` says so.
pub async fn serve(listener: TcpListener, board: Arc<Board>, mut stop: watch::Receiver<bool>) {
    let app = routes(board, stop.clone());
    let ended = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(ended).await {
        tracing::error!(%error, "the console ended");
    }
}

/// Every address of the console, for as long as it is held.
pub fn router(board: Arc<Board>) -> Router {
    routes(board, watch::channel(false).1)
}

fn routes(board: Arc<Board>, stop: watch::Receiver<bool>) -> Router {
    let console = Console { board, stop, listeners: Arc::new(Semaphore::new(MOST_LISTENERS)) };
    Router::new()
        .route("/", get(overview::page))
        .route("/findings", get(findings::list))
        .route("/findings/{id}", get(findings::card))
        .route("/incidents", get(incidents::list))
        .route("/assets", get(assets::list))
        .route("/assets.csv", get(assets::csv))
        .route("/assets/{id}", get(assets::page))
        .route("/connections", get(connections::list))
        .route("/connections.csv", get(connections::csv))
        .route("/zones", get(zones::page))
        .route("/events", get(events::stream))
        .route("/display", get(display))
        .route("/static/{file}", get(file))
        .route("/api/health", get(api::health))
        .route("/api/findings", get(api::findings))
        .route("/api/findings/{id}", get(api::finding))
        .route("/api/incidents", get(incidents::json))
        .route("/api/assets", get(api::assets))
        .route("/api/assets/{id}", get(api::asset))
        .route("/api/connections", get(api::connections))
        .route("/api/zones", get(api::zones))
        .route("/metrics", get(api::metrics))
        .fallback(nowhere)
        .layer(middleware::from_fn(safe))
        .with_state(console)
}

/// Every answer carries the safety headers; what does not say otherwise is not kept by the browser.
async fn safe(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SAFETY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `GET /display?theme=&back=`: remembers how bright the pages are and goes back.
async fn display(look: Look) -> Response {
    let theme = Theme::from_word(look.param("theme").unwrap_or_default());
    let back = local_path(look.param("back").unwrap_or("/")).to_owned();
    (StatusCode::SEE_OTHER, [(header::SET_COOKIE, theme.cookie()), (header::LOCATION, back)]).into_response()
}

/// `GET /static/{file}`. The address names the content, so the browser may keep it for good.
async fn file(Path(name): Path<String>, headers: HeaderMap, look: Look) -> Response {
    let Some(file) = static_file(&name) else {
        return look.nothing_here("There is no such file in this program.");
    };
    let tag = format!("\"{}\"", tag(file.text));
    let keep = if look.param("v").is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let cache = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, keep.to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, cache).into_response();
    }
    (cache, [(header::CONTENT_TYPE, file.content_type)], file.text).into_response()
}

/// Any other address.
async fn nowhere(look: Look) -> Response {
    look.nothing_here("This console has no page at that address. It may be an old bookmark or a slip of the pen.")
}
