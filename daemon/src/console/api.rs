//! What the console knows, as JSON and as metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dogwatch_model::{Asset, Connection, Finding};

use crate::metrics as prometheus_text;
use crate::service::board::{Board, Picture, ZoneView};

pub(super) type Shared = State<Arc<Board>>;

/// The picture without its tables.
pub(super) async fn health(State(board): Shared) -> Json<Picture> {
    Json(Picture::clone(&board.picture()))
}

/// Every finding, the most severe first.
pub(super) async fn findings(State(board): Shared) -> Json<Vec<Finding>> {
    Json(sorted_findings(&board.picture()))
}

/// Findings in the order people want them: most severe, then latest.
pub(super) fn sorted_findings(picture: &Picture) -> Vec<Finding> {
    let mut findings: Vec<Finding> = picture.findings.values().cloned().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.last_seen)));
    findings
}

/// One finding.
pub(super) async fn finding(State(board): Shared, Path(id): Path<String>) -> Response {
    match board.picture().findings.get(&id) {
        Some(finding) => Json(finding.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, format!("no finding {id}\n")).into_response(),
    }
}

/// Every device.
pub(super) async fn assets(State(board): Shared) -> Json<Vec<Asset>> {
    Json(board.picture().assets.to_vec())
}

/// One device.
pub(super) async fn asset(State(board): Shared, Path(id): Path<String>) -> Response {
    match board.picture().assets.iter().find(|asset| asset.asset_id == id) {
        Some(asset) => Json(asset.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, format!("no asset {id}\n")).into_response(),
    }
}

/// Every connection.
pub(super) async fn connections(State(board): Shared) -> Json<Vec<Connection>> {
    Json(board.picture().connections.to_vec())
}

/// Every zone.
pub(super) async fn zones(State(board): Shared) -> Json<Vec<ZoneView>> {
    Json(board.picture().zones.clone())
}

/// For Prometheus.
pub(super) async fn metrics(State(board): Shared) -> Response {
    match prometheus_text::text(&board) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
