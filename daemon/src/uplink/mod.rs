//! How records go ashore: from the upload queue into signed bundles, over a link that costs money by the byte and is often down.
//!
//! - Every record keeps its own sequence number, so that the urgent ones may go first without breaking the shore's count.
//! - A record is let go aboard only below the lowest number the shore has not confirmed with a signed receipt.
//! - Nothing comes back but receipts: there is no way to configure, update or command the box from ashore.
//!
//! [`Uplink::new`] wires it to a [`Queue`] and a [`Carrier`]; [`Uplink::run`] is the task. `plan` decides what goes next, `budget` whether
//! it may, `state` is what must survive a restart.

mod budget;
mod https;
mod keys;
mod packing;
mod pin;
mod plan;
mod queue;
mod retry;
mod state;
mod task;

pub use budget::Budget;
pub use https::{Https, HttpsError};
pub use keys::{KeyError, load_or_make_key};
pub use plan::{Deadlines, Pending};
pub use queue::{Queue, QueueError, Queued};
pub use task::{Answer, Carrier, Clock, Delivery, LinkState, Settings, Uplink, UplinkHandle, UplinkStatus};
