//! How a page was asked for, and the answer to that: whole or only its body, in which theme, or "you have it already".

use std::convert::Infallible;
use std::io::Write;

use askama::Template;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use dogwatch_web::{Notice, Page, Place, Shell, Theme, tag};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The bar of the console aboard.
const PLACES: [Place; 6] = [
    Place { href: "/", label: "Overview" },
    Place { href: "/findings", label: "Findings" },
    Place { href: "/incidents", label: "Incidents" },
    Place { href: "/assets", label: "Devices" },
    Place { href: "/connections", label: "Connections" },
    Place { href: "/zones", label: "Zones" },
];

/// What the browser said when it asked.
#[derive(Debug)]
pub(super) struct Look {
    theme: Theme,
    /// Path and query without `fragment`.
    path: String,
    params: Vec<(String, String)>,
    known: Option<String>,
    takes_gzip: bool,
}

/// A shorter text is sent as it is: it fits into one packet anyway.
const WORTH_PACKING: usize = 1_200;

impl<S: Send + Sync> FromRequestParts<S> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        // pairs, not a struct: an odd query is no reason to refuse a page
        let params = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
        Ok(Self {
            theme: text(header::COOKIE).map(Theme::from_cookies).unwrap_or_default(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            params,
            known: text(header::IF_NONE_MATCH).map(str::to_owned),
            takes_gzip: text(header::ACCEPT_ENCODING).is_some_and(takes_gzip),
        })
    }
}

impl Look {
    /// The first value of a query parameter; an empty one is none.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A whole number among the query parameters.
    pub(super) fn number(&self, name: &str) -> usize {
        self.param(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The page, or with `?fragment=1` its body only.
    pub(super) fn show(&self, ship: &str, here: &str, title: &str, body: &impl Template) -> Response {
        self.answer(StatusCode::OK, ship, here, title, body, "/events")
    }

    /// A page that says there is nothing here, and why.
    pub(super) fn nothing_here(&self, text: &str) -> Response {
        self.answer(StatusCode::NOT_FOUND, "", "", "Not found", &Notice { heading: "Nothing here", text }, "")
    }

    fn answer(
        &self,
        status: StatusCode,
        ship: &str,
        here: &str,
        title: &str,
        body: &impl Template,
        events: &str,
    ) -> Response {
        // a template fails only when a value in it cannot be formatted
        let Ok(body) = body.render() else { return broken() };
        let hash = tag(&body);
        let tag = format!("\"{hash}\"");
        if self.param("fragment").is_some() {
            let headers = [(header::ETAG, tag.clone())];
            if status == StatusCode::OK && self.known.as_ref() == Some(&tag) {
                return (StatusCode::NOT_MODIFIED, headers).into_response();
            }
            return (status, headers, self.html(body)).into_response();
        }
        let shell = Shell {
            title,
            console: "aboard",
            owner: ship,
            places: &PLACES,
            here,
            path: &self.path,
            events,
            theme: self.theme,
        };
        match (Page { shell, body: &body, tag: &hash }).render() {
            Ok(page) => (status, self.html(page)).into_response(),
            Err(_) => broken(),
        }
    }

    /// The text, packed when the browser takes that: a table of devices shrinks to a tenth.
    fn html(&self, text: String) -> Response {
        let vary = [(header::VARY, "Accept-Encoding, Cookie")];
        if self.takes_gzip && text.len() > WORTH_PACKING {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            if let Ok(packed) = packer.write_all(text.as_bytes()).and_then(|()| packer.finish()) {
                let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_ENCODING, "gzip")];
                return (vary, kind, packed).into_response();
            }
        }
        (vary, Html(text)).into_response()
    }
}

/// Whether an `Accept-Encoding` header names gzip without refusing it.
fn takes_gzip(header: &str) -> bool {
    header.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let is_refused = |quality: &str| quality.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        parts.next() == Some("gzip") && !parts.any(is_refused)
    })
}

fn broken() -> Response {
    let text = "This page could not be drawn. The watch goes on; the fault is in the console only.\n";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// A table as a file to save.
pub(super) fn csv_file(name: &'static str, table: Result<Vec<u8>, dogwatch_report::WriteError>) -> Response {
    let Ok(table) = table else { return broken() };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, table).into_response()
}
