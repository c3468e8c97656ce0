//! Tells open pages that something changed: one word by server-sent events, the page then fetches itself anew.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};

/// A page that slept through more changes than this is told once that it did.
const BACKLOG: usize = 64;

/// The channel from ingest to pages.
#[derive(Debug)]
pub(crate) struct Live {
    sender: broadcast::Sender<String>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }

    /// Says that a vessel has news. Nobody listening is fine.
    pub(crate) fn changed(&self, vessel_id: &str) {
        let _ = self.sender.send(vessel_id.to_owned());
    }

    /// The stream one page listens to.
    pub(crate) fn listen(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let changes = BroadcastStream::new(self.sender.subscribe()).map(|vessel| {
            // Lagging behind is a change, too, of nobody knows which vessel.
            Ok(Event::default().event("changed").data(vessel.unwrap_or_default()))
        });
        Sse::new(changes).keep_alive(KeepAlive::default())
    }
}
