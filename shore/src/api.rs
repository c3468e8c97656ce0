//! The HTTP interface: the upload for ships, JSON for other programs.
//!
//! Lists are paged by key: `next` in an answer is the `after` of the next request, absent on the last page.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dogwatch_model::{FindingStatus, Severity};
use serde::{Deserialize, Serialize};

use crate::ingest::{Refusal, Register};
use crate::repo::{FindingKey, FindingQuery, RepoError};

/// Version of the JSON answers.
const SCHEMA: u32 = 1;
/// Rows of a page when the request does not say.
pub(crate) const PAGE_ROWS: u32 = 50;
const MAX_PAGE_ROWS: u32 = 500;

/// Content type of bundles and receipts.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// What every handler works with.
pub(crate) type Shared = State<Arc<Register>>;

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `POST /v1/batches`: a bundle in, a receipt out.
pub(crate) async fn batch(State(register): Shared, body: Bytes) -> Response {
    match register.take(&body, now_ms()).await {
        Ok(receipt) => ([(header::CONTENT_TYPE, OCTETS)], receipt).into_response(),
        Err(refusal) => {
            let (status, word) = match &refusal {
                Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
                Refusal::UnknownKey => (StatusCode::FORBIDDEN, "key"),
                Refusal::Tables => (StatusCode::CONFLICT, "tables"),
                Refusal::Later(_) => (StatusCode::SERVICE_UNAVAILABLE, "later"),
            };
            match &refusal {
                Refusal::Later(error) => tracing::error!(error = error as &dyn std::error::Error, "bundle not taken"),
                other => tracing::warn!(reason = word, error = other as &dyn std::error::Error, "bundle refused"),
            }
            (status, word).into_response()
        }
    }
}

/// `GET /healthz`: 200 when the register can answer.
pub(crate) async fn healthz(State(register): Shared) -> Response {
    match register.repo.ping().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

/// An answer that cannot be given.
#[derive(Debug)]
pub(crate) enum Failure {
    NotFound,
    BadRequest(&'static str),
    Repo(RepoError),
}

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        Self::Repo(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not found\n").into_response(),
            Self::BadRequest(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
            Self::Repo(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "the register is in trouble; see its log\n").into_response()
            }
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Page<T> {
    schema: u32,
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Single<T> {
    schema: u32,
    #[serde(flatten)]
    item: T,
}

/// `GET /v1/vessels`.
pub(crate) async fn vessels(State(register): Shared) -> Result<Response, Failure> {
    let items = register.repo.vessels().await?;
    Ok(Json(Page { schema: SCHEMA, items, next: None }).into_response())
}

/// `GET /v1/vessels/{vessel}`.
pub(crate) async fn vessel(State(register): Shared, Path(vessel): Path<String>) -> Result<Response, Failure> {
    let item = register.repo.vessel(&vessel).await?.ok_or(Failure::NotFound)?;
    Ok(Json(Single { schema: SCHEMA, item }).into_response())
}

/// What a list of findings may be asked for, by page and API alike. Unknown names are ignored; empty values are as good as none.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct FindingParams {
    pub(crate) vessel: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

/// The word of a closed list, as its JSON form has it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

impl FindingParams {
    pub(crate) fn query(&self) -> Result<FindingQuery, Failure> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let severity = given(&self.severity).map(|text| {
            word::<Severity>(&text).ok_or(Failure::BadRequest("severity: info, low, medium, high or critical"))
        });
        let statuses = match given(&self.status).as_deref() {
            None | Some("any") => Vec::new(),
            Some("open") => vec![FindingStatus::New, FindingStatus::Acknowledged],
            Some(text) => vec![
                word(text)
                    .ok_or(Failure::BadRequest("status: open, any, new, acknowledged, suppressed or resolved"))?,
            ],
        };
        let after = given(&self.after).map(|text| read_key(&text).ok_or(Failure::BadRequest("after: not a page key")));
        Ok(FindingQuery {
            vessel_id: given(&self.vessel),
            severity: severity.transpose()?,
            statuses,
            after: after.transpose()?,
            limit: self.limit.unwrap_or(PAGE_ROWS).clamp(1, MAX_PAGE_ROWS),
        })
    }
}

/// A page key as text: time, finding, vessel. Ids hold no dot before the last part.
pub(crate) fn key_text(last_ms: i64, finding: &str, vessel: &str) -> String {
    format!("{last_ms}.{finding}.{vessel}")
}

fn read_key(text: &str) -> Option<FindingKey> {
    let (last_ms, rest) = text.split_once('.')?;
    let (finding, vessel) = rest.split_once('.')?;
    Some(FindingKey { last_ms: last_ms.parse().ok()?, finding_id: finding.to_owned(), vessel_id: vessel.to_owned() })
}

/// `GET /v1/findings?vessel=&severity=&status=&after=&limit=`.
pub(crate) async fn findings(
    State(register): Shared,
    Query(params): Query<FindingParams>,
) -> Result<Response, Failure> {
    let query = params.query()?;
    let items = register.repo.findings(&query).await?;
    let full = items.len() >= query.limit as usize;
    let next = items
        .last()
        .filter(|_| full)
        .map(|last| key_text(last.finding.last_seen.millis(), &last.finding.finding_id, &last.vessel_id));
    Ok(Json(Page { schema: SCHEMA, items, next }).into_response())
}

/// `GET /v1/vessels/{vessel}/findings/{finding}`.
pub(crate) async fn finding(
    State(register): Shared,
    Path((vessel, finding)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let item = register.repo.finding(&vessel, &finding).await?.ok_or(Failure::NotFound)?;
    Ok(Json(Single { schema: SCHEMA, item }).into_response())
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct AssetParams {
    /// Name and id of the last row, joined by a line feed (names hold none).
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

impl AssetParams {
    pub(crate) fn after(&self) -> Option<(&str, &str)> {
        self.after.as_deref().and_then(|after| after.rsplit_once('\n'))
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(PAGE_ROWS).clamp(1, MAX_PAGE_ROWS)
    }
}

/// `GET /v1/vessels/{vessel}/assets`.
pub(crate) async fn assets(
    State(register): Shared,
    Path(vessel): Path<String>,
    Query(params): Query<AssetParams>,
) -> Result<Response, Failure> {
    let items = register.repo.assets(&vessel, params.after(), params.limit()).await?;
    let full = items.len() >= params.limit() as usize;
    let next = items.last().filter(|_| full).map(|last| format!("{}\n{}", last.display_name(), last.asset_id));
    Ok(Json(Page { schema: SCHEMA, items, next }).into_response())
}

/// `GET /v1/events`: tells when something changed.
pub(crate) async fn events(State(register): Shared) -> Response {
    register.live.listen().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let params = |severity: &str, status: &str, after: &str| FindingParams {
            severity: Some(severity.into()),
            status: Some(status.into()),
            after: Some(after.into()),
            ..FindingParams::default()
        };
        let query = params("high", "open", "5.fnd_1.ship.one").query().unwrap();
        assert_eq!(query.severity, Some(Severity::High));
        assert_eq!(query.statuses.len(), 2);
        let key = query.after.unwrap();
        assert_eq!((key.last_ms, key.finding_id.as_str(), key.vessel_id.as_str()), (5, "fnd_1", "ship.one"));
        assert!(params("", "", "").query().unwrap().severity.is_none());
        for bad in [params("worst", "", ""), params("", "closed", ""), params("", "", "x.y.z")] {
            assert!(matches!(bad.query(), Err(Failure::BadRequest(_))));
        }
    }
}
