//! The console aboard: pages, the same as JSON, `/metrics`, and a stream of changes. Served from the binary, nothing from outside.

mod api;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::service::board::Board;

/// Serves the console until `stop` says so.
pub async fn serve(listener: TcpListener, board: Arc<Board>, mut stop: watch::Receiver<bool>) {
    let ended = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router(board)).with_graceful_shutdown(ended).await {
        tracing::error!(%error, "the console ended");
    }
}

/// Every address of the console.
pub fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/api/health", get(api::health))
        .route("/api/findings", get(api::findings))
        .route("/api/findings/{id}", get(api::finding))
        .route("/api/assets", get(api::assets))
        .route("/api/connections", get(api::connections))
        .route("/api/zones", get(api::zones))
        .route("/metrics", get(api::metrics))
        .with_state(board)
}
