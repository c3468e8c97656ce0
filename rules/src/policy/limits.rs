//! What is limited in time: windows, exceptions, accepted findings.

use std::time::Duration;

use dogwatch_model::CaptureTime;

use super::Policy;
use super::ends::End;
use super::types::{Accept, LineHome, Window, ZoneIx};
use super::words::WindowKind;

/// What a window keeps quiet for its zones and hosts. Never DW-6001, DW-5xxx or health.
const SILENCED: [&str; 5] = ["DW-1001", "DW-1005", "DW-2007", "DW-3001", "DW-3008"];

/// Something that ends soon or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// What it is.
    pub kind: ExpiringKind,
    /// Its id; for a line `conduit/number`, for an accepted finding the detection.
    pub id: String,
    /// When it ends or ended.
    pub ends: CaptureTime,
    /// Who answers for it.
    pub owner: String,
    /// Line of the file.
    pub line: u32,
}

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpiringKind {
    /// An exception.
    Exception,
    /// A line of a conduit with an end.
    Line,
    /// An accepted finding.
    Accept,
}

impl Policy {
    /// The windows that are open for a zone.
    pub fn windows_open(&self, zone: ZoneIx, at: CaptureTime) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(move |window| window.is_open(at) && window.zones.contains(&zone))
    }

    /// A window that is open for a zone.
    #[must_use]
    pub fn window_open(&self, zone: ZoneIx, at: CaptureTime) -> Option<&Window> {
        self.windows_open(zone, at).next()
    }

    /// Whether a window of kind `service` is open for a zone (detection DW-2007).
    #[must_use]
    pub fn service_window_open(&self, zone: ZoneIx, at: CaptureTime) -> Option<&Window> {
        self.windows_open(zone, at).find(|window| window.kind == WindowKind::Service)
    }

    /// The window that keeps a detection quiet at this end now, if one does.
    #[must_use]
    pub fn silenced(&self, detection: &str, end: &End, at: CaptureTime) -> Option<&Window> {
        if !SILENCED.contains(&detection) {
            return None;
        }
        self.windows_open(end.zone?, at).find(|window| window.hosts.matches(end))
    }

    /// The entry by which a finding of a detection about this end is known and accepted now.
    #[must_use]
    pub fn accepted(&self, detection: &str, end: &End, at: CaptureTime) -> Option<&Accept> {
        let fits = |accept: &&Accept| {
            accept.detection == detection && accept.cve.is_empty() && at <= accept.until && accept.asset.matches(end)
        };
        self.accepts.iter().find(fits)
    }

    /// The entry by which a person says that this end is not affected by a vulnerability, as long as it holds.
    #[must_use]
    pub fn not_affected(&self, cve: &str, end: &End, at: CaptureTime) -> Option<&Accept> {
        let names = |accept: &Accept| accept.cve.iter().any(|marked| marked.eq_ignore_ascii_case(cve));
        self.accepts.iter().find(|accept| names(accept) && at <= accept.until && accept.asset.matches(end))
    }

    /// Exceptions, lines and accepted findings that end within `within` of `at` or have ended before, the earliest first.
    #[must_use]
    pub fn expiring(&self, at: CaptureTime, within: Duration) -> Vec<Expiring> {
        let until = at.plus(within);
        let mut found = Vec::new();
        for line in &self.lines {
            let window = line.when.window.and_then(|window| self.window(window)).map(|window| window.to);
            let (kind, id) = match &line.home {
                LineHome::Exception { id } => (ExpiringKind::Exception, id.clone()),
                LineHome::Conduit { conduit, number } => {
                    let id = self.conduit(*conduit).map_or("?", |conduit| &conduit.id);
                    (ExpiringKind::Line, format!("{id}/{number}"))
                }
            };
            let by_window = window.filter(|_| kind == ExpiringKind::Exception);
            let ends = [line.until, by_window].into_iter().flatten().min();
            if let Some(ends) = ends.filter(|ends| *ends <= until) {
                found.push(Expiring { kind, id, ends, owner: line.owner.clone(), line: line.line });
            }
        }
        for accept in self.accepts.iter().filter(|accept| accept.until <= until) {
            let (ends, owner) = (accept.until, accept.owner.clone());
            found.push(Expiring {
                kind: ExpiringKind::Accept,
                id: accept.detection.clone(),
                ends,
                owner,
                line: accept.line,
            });
        }
        found.sort_by_key(|entry| (entry.ends, entry.line));
        found
    }
}
