//! Tells open pages that the picture changed. It carries a number only: what a page shows, it fetches itself.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Console;

/// Shortest time between two words to the same page.
const PACE: Duration = Duration::from_secs(1);

/// `GET /events`.
pub(super) async fn stream(State(console): State<Console>) -> Response {
    let Console { board, mut stop, listeners } = console;
    let Ok(place) = listeners.try_acquire_owned() else {
        let text = "too many pages are listening already; this one renews itself when it is loaded again\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], text).into_response();
    };
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(1);
    tokio::spawn(async move {
        let _place = place;
        let mut changes = board.subscribe();
        loop {
            let count = *changes.borrow_and_update();
            let word = Event::default().event("picture").data(count.to_string());
            // closes with the page, and with the console: an open page must not hold up a stop
            tokio::select! {
                sent = sender.send(Ok(word)) => if sent.is_err() { return },
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = sender.closed() => return,
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
                () = stopped(&mut stop) => return,
            }
        }
    });
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response()
}

/// Ends when the console is told to stop; never when nobody can tell it any more.
async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
