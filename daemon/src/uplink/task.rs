//! The task: looks what waits, packs it, hands it to the carrier, believes only signed receipts.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dogwatch_bundle::{BundleError, Encoded, Outcome, PublicKey, Receipt, SigningKey};
use dogwatch_model::TimeSource;
use tokio::sync::{Notify, watch};

use super::budget::Budget;
use super::packing::{Core, Formed, Outgoing};
use super::plan::Deadlines;
use super::queue::{Queue, QueueError};
use super::retry::Backoff;
use super::state::State;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes a day the link may carry for us, both ways.
    pub daily_bytes: NonZeroU64,
    /// How long records wait for company.
    pub deadlines: Deadlines,
    /// Shortest wait after a failure.
    pub retry_shortest: Duration,
    /// Longest wait after failures.
    pub retry_longest: Duration,
    /// Wait after the shore refused for good: somebody may have enrolled the key meanwhile.
    pub parked_retry: Duration,
    /// How often the queue is looked at when nobody calls [`UplinkHandle::wake`].
    pub poll_every: Duration,
    /// Most records in a bundle.
    pub max_records: usize,
    /// Largest bundle: what is lost when the link breaks in the middle of one.
    pub max_bundle_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            daily_bytes: NonZeroU64::new(1_000_000).unwrap_or(NonZeroU64::MIN),
            deadlines: Deadlines::default(),
            retry_shortest: Duration::from_secs(5),
            retry_longest: Duration::from_secs(15 * 60),
            parked_retry: Duration::from_secs(6 * 3_600),
            poll_every: Duration::from_secs(5),
            max_records: 1_000,
            max_bundle_bytes: 16 << 10,
        }
    }
}

/// What the shore (or the link) answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Bytes that should be a receipt.
    Receipt(Vec<u8>),
    /// Table entries did not fit: begin a new generation.
    Tables,
    /// This bundle will never be taken.
    RefusedBundle(String),
    /// Nothing of us will be taken until a person acts ashore.
    RefusedSender(String),
    /// No answer, or not now.
    Later(String),
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What came back.
    pub answer: Answer,
    /// Bytes it moved over the link, both ways.
    pub wire_bytes: u64,
}

/// A way ashore. The same bundle bytes go over any of them.
pub trait Carrier: Send + 'static {
    /// Carries a bundle and brings back the answer. Must end by itself when the link is dead.
    fn deliver<'a>(&'a mut self, bundle: &'a [u8]) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;
    /// Bytes the next delivery will cost beside its bundle.
    fn overhead_bytes(&self) -> u64;
    /// Ends the session, if any; returns the bytes that took.
    fn close(&mut self) -> Pin<Box<dyn Future<Output = u64> + Send + '_>>;
}

/// Milliseconds since 1970 by the ship's clock, and where that clock gets its time from.
pub type Clock = Arc<dyn Fn() -> (i64, TimeSource) + Send + Sync>;

/// What the uplink is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkState {
    /// Nothing is due.
    #[default]
    Idle,
    /// A bundle is under way.
    Sending,
    /// The last attempt failed; next one at this time.
    Waiting {
        /// Milliseconds since 1970.
        until_ms: i64,
    },
    /// The shore refuses us; next attempt at this time.
    Parked {
        /// Milliseconds since 1970.
        until_ms: i64,
    },
    /// Today's bytes are used up.
    OutOfBudget,
    /// The queue cannot be read or written.
    QueueFailed,
}

/// Figures for the console, the metrics and health records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UplinkStatus {
    /// What it is doing.
    pub state: LinkState,
    /// Records waiting: critical, high, routine, bulk.
    pub waiting: [u64; 4],
    /// Age of the oldest of them, milliseconds.
    pub oldest_unsent_ms: i64,
    /// Age of the oldest of them that is critical or high, milliseconds.
    pub oldest_urgent_ms: i64,
    /// Bytes used today.
    pub bytes_today: u64,
    /// Bytes allowed a day.
    pub bytes_allowed: u64,
    /// Bytes since the program started.
    pub bytes_total: u64,
    /// Bundles receipted since the program started.
    pub bundles: u64,
    /// Records receipted since the program started.
    pub records: u64,
    /// Failed attempts since the program started.
    pub retries: u64,
    /// Records replaced by a note because they could not be packed.
    pub unpackable: u64,
    /// When the last receipt came, milliseconds since 1970.
    pub last_receipt_ms: Option<i64>,
    /// Shore's clock minus ours at the last receipt, milliseconds: a hint, nothing is set by it.
    pub shore_clock_ahead_ms: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Records set aside because the shore refused their bundle for good; a person must act.
    pub parked: u64,
    /// The shore has other content under our numbers: a cloned disk or a stolen key.
    pub forked: bool,
}

/// Talks to a running uplink.
#[derive(Debug, Clone)]
pub struct UplinkHandle {
    wake: Arc<Notify>,
    now: Arc<std::sync::atomic::AtomicBool>,
    status: watch::Receiver<UplinkStatus>,
}

impl UplinkHandle {
    /// Says that the queue has something new. Cheap; call it after every append.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends whatever waits, due or not, and without waiting out a failure (`dogwatch uplink now`).
    pub fn send_now(&self) {
        self.now.store(true, std::sync::atomic::Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// The figures; changes can be awaited.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<UplinkStatus> {
        self.status.clone()
    }
}

/// The uplink task.
pub struct Uplink<C> {
    core: Arc<Mutex<Core>>,
    carrier: C,
    settings: Settings,
    shore: PublicKey,
    ship: PublicKey,
    clock: Clock,
    budget: Budget,
    backoff: Backoff,
    /// No attempt before this time.
    not_before_ms: i64,
    last_attempt_ms: i64,
    parked_all: bool,
    /// The time of day when it was read last.
    seen_ms: i64,
    outgoing: Option<Outgoing>,
    wake: Arc<Notify>,
    now: Arc<std::sync::atomic::AtomicBool>,
    status: watch::Sender<UplinkStatus>,
}

impl<C> std::fmt::Debug for Uplink<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uplink").field("shore", &self.shore).field("ship", &self.ship).finish_non_exhaustive()
    }
}

/// A clock that goes back by less than this was corrected, not set.
const SLEWED_MS: i64 = 60_000;

/// What to do after a step.
enum Next {
    Again,
    Wait(Duration, LinkState),
}

impl<C: Carrier> Uplink<C> {
    /// Wires an uplink. `shore` is the public key that signs receipts.
    ///
    /// # Errors
    /// When the queue cannot give the saved state.
    pub fn new(
        settings: Settings,
        key: SigningKey,
        shore: PublicKey,
        queue: Arc<dyn Queue>,
        carrier: C,
        clock: Clock,
    ) -> Result<(Self, UplinkHandle), QueueError> {
        let epoch = queue.epoch();
        let saved = queue.load_state()?;
        let state = match &saved {
            None => State::fresh(epoch),
            Some(bytes) => State::read(bytes, epoch).unwrap_or_else(|| {
                tracing::warn!("saved uplink state is damaged: tables are sent anew");
                State::fresh(epoch)
            }),
        };
        let budget = Budget::new(settings.daily_bytes.get(), state.day, state.used);
        let ship = key.public();
        let core = Core::new(queue, key, state);
        let (status, watched) = watch::channel(UplinkStatus::default());
        let wake = Arc::new(Notify::new());
        let now = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let handle = UplinkHandle { wake: Arc::clone(&wake), now: Arc::clone(&now), status: watched };
        let backoff = Backoff::new(settings.retry_shortest, settings.retry_longest);
        let uplink = Self {
            core: Arc::new(Mutex::new(core)),
            carrier,
            settings,
            shore,
            ship,
            clock,
            budget,
            backoff,
            not_before_ms: i64::MIN,
            last_attempt_ms: i64::MIN,
            parked_all: false,
            seen_ms: i64::MIN,
            outgoing: None,
            wake,
            now,
            status,
        };
        Ok((uplink, handle))
    }

    /// Runs until `stop` says so.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let step = tokio::select! {
                step = self.step() => step,
                _ = stop.wait_for(|&stop| stop) => break,
            };
            let (wait, state) = match step {
                Next::Again => continue,
                Next::Wait(wait, state) => (wait, state),
            };
            let closing = self.carrier.close().await;
            self.spend(closing);
            self.publish(state);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                _ = stop.wait_for(|&stop| stop) => break,
            }
        }
        let closing = self.carrier.close().await;
        self.spend(closing);
        if let Err(error) = self.save().await {
            tracing::warn!(error = &*error, "uplink state not saved");
        }
    }

    fn now_ms(&self) -> i64 {
        (self.clock)().0
    }

    async fn step(&mut self) -> Next {
        match self.try_step().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(error = &*error, "upload queue failed");
                self.status.send_modify(|status| status.last_error = Some(error.to_string()));
                Next::Wait(self.settings.poll_every, LinkState::QueueFailed)
            }
        }
    }

    async fn try_step(&mut self) -> Result<Next, QueueError> {
        self.refresh().await?;
        let now = self.now_ms();
        self.follow_clock(now);
        self.budget.turn(now);
        let asked = self.now.swap(false, std::sync::atomic::Ordering::Relaxed);
        if !asked && let Some(wait) = self.hold_back(now) {
            return Ok(wait);
        }
        if self.outgoing.is_none() {
            match self.form(asked).await? {
                Formed::Bundle(outgoing) => self.outgoing = Some(*outgoing),
                Formed::Nothing => return Ok(Next::Wait(self.until_due(now), LinkState::Idle)),
                Formed::OutOfBudget => {
                    let wait = self.settings.poll_every.min(millis(Budget::until_next_day_ms(now)));
                    return Ok(Next::Wait(wait, LinkState::OutOfBudget));
                }
            }
        }
        self.send().await
    }

    /// A clock that was set back by more than it is ever slewed: what was to wait until a time of the old clock would wait for as long as it was ahead.
    fn follow_clock(&mut self, now: i64) {
        if now < self.seen_ms.saturating_sub(SLEWED_MS) {
            tracing::info!(
                by_ms = self.seen_ms.saturating_sub(now),
                "the clock was set back: waiting times begin anew"
            );
            (self.not_before_ms, self.last_attempt_ms) = (self.not_before_ms.min(now), self.last_attempt_ms.min(now));
            self.lock().pending.set_back(now);
        }
        self.seen_ms = now;
    }

    /// Waits out a failure, unless something critical came that was not part of it.
    fn hold_back(&mut self, now: i64) -> Option<Next> {
        let until = self.not_before_ms;
        if now >= until {
            return None;
        }
        let taken = self.outgoing.as_ref().map(|outgoing| outgoing.seqs.clone()).unwrap_or_default();
        let critical = self.lock().pending.has_other_critical(&taken, now);
        let shortest = i64::try_from(self.settings.retry_shortest.as_millis()).unwrap_or(i64::MAX);
        if critical && !self.parked_all && now >= self.last_attempt_ms.saturating_add(shortest) {
            // Pack anew, with the critical one first.
            self.outgoing = None;
            return None;
        }
        let state = if self.parked_all {
            LinkState::Parked { until_ms: until }
        } else {
            LinkState::Waiting { until_ms: until }
        };
        let wait = millis(until.saturating_sub(now)).min(self.settings.poll_every);
        Some(Next::Wait(wait, state))
    }

    fn until_due(&self, now: i64) -> Duration {
        let due = self.lock().pending.next_due_ms(&self.settings.deadlines, now);
        let wait = due.map_or(self.settings.poll_every, |due| millis(due.saturating_sub(now)));
        wait.min(self.settings.poll_every).max(Duration::from_millis(1))
    }

    async fn send(&mut self) -> Result<Next, QueueError> {
        let Some(outgoing) = self.outgoing.take() else { return Ok(Next::Again) };
        // Table numbers must be on disk before they are used: see state.rs.
        self.save().await?;
        self.publish(LinkState::Sending);
        self.last_attempt_ms = self.now_ms();
        let delivery = self.carrier.deliver(&outgoing.encoded.bytes).await;
        self.spend(delivery.wire_bytes);
        match delivery.answer {
            Answer::Receipt(bytes) => match self.check(&bytes, &outgoing.encoded) {
                Ok(receipt) => self.accept(&receipt, outgoing).await,
                Err(error) => {
                    // Somebody between, or a shore with another key: the bundle counts as not delivered.
                    self.outgoing = Some(outgoing);
                    Ok(self.fail(&format!("receipt not believed: {error}")))
                }
            },
            Answer::Tables => {
                self.lock().state.forget_tables();
                Ok(self.fail("shore misses table entries; they are sent anew"))
            }
            Answer::Later(why) => {
                self.outgoing = Some(outgoing);
                Ok(self.fail(&why))
            }
            Answer::RefusedSender(why) => {
                self.outgoing = Some(outgoing);
                self.parked_all = true;
                Ok(self.park(&why))
            }
            Answer::RefusedBundle(why) => {
                let until = self.now_ms().saturating_add(as_ms(self.settings.parked_retry));
                self.lock().pending.park(&outgoing.seqs, until);
                let parked = outgoing.seqs.len() as u64;
                self.status.send_modify(|status| {
                    status.parked = status.parked.saturating_add(parked);
                    status.last_error = Some(why.clone());
                    status.retries = status.retries.saturating_add(1);
                });
                tracing::error!(records = parked, reason = %why, "shore refuses this bundle for good; its records stay queued");
                Ok(Next::Again)
            }
        }
    }

    fn check(&self, bytes: &[u8], sent: &Encoded) -> Result<Receipt, BundleError> {
        let receipt = Receipt::verify(bytes, &self.shore, &self.ship)?;
        let ours = sent.hash.starts_with(&receipt.bundle) && receipt.epoch == self.lock().state.epoch;
        if ours { Ok(receipt) } else { Err(BundleError::Malformed { what: "a receipt for another bundle" }) }
    }

    /// Lets go of what the shore holds now.
    async fn accept(&mut self, receipt: &Receipt, outgoing: Outgoing) -> Result<Next, QueueError> {
        let now = self.now_ms();
        self.backoff.reset();
        self.not_before_ms = i64::MIN;
        self.parked_all = false;
        let (records, forked) = (outgoing.seqs.len() as u64, receipt.outcome == Outcome::Quarantined);
        if forked {
            tracing::error!("the shore holds other content under our numbers: a cloned disk or a stolen key");
        }
        let shore_ms = i64::try_from(receipt.shore_ms).unwrap_or(i64::MAX);
        self.status.send_modify(|status| {
            status.bundles = status.bundles.saturating_add(1);
            status.records = status.records.saturating_add(records);
            status.last_receipt_ms = Some(now);
            status.shore_clock_ahead_ms = Some(shore_ms.saturating_sub(now));
            status.last_error = None;
            status.parked = 0;
            status.forked |= forked;
        });
        let receipt = receipt.clone();
        blocking(Arc::clone(&self.core), move |core| core.accept(&outgoing, &receipt)).await?;
        self.save().await?;
        Ok(Next::Again)
    }

    fn fail(&mut self, why: &str) -> Next {
        let wait = self.backoff.next();
        self.not_before_ms = self.now_ms().saturating_add(as_ms(wait));
        self.status.send_modify(|status| {
            status.retries = status.retries.saturating_add(1);
            status.last_error = Some(why.to_owned());
        });
        tracing::info!(reason = why, retry_in_s = wait.as_secs(), "bundle not delivered");
        Next::Wait(wait.min(self.settings.poll_every), LinkState::Waiting { until_ms: self.not_before_ms })
    }

    fn park(&mut self, why: &str) -> Next {
        self.not_before_ms = self.now_ms().saturating_add(as_ms(self.settings.parked_retry));
        self.status.send_modify(|status| {
            status.retries = status.retries.saturating_add(1);
            status.last_error = Some(why.to_owned());
        });
        tracing::error!(reason = why, "shore refuses this box; everything stays queued until somebody acts ashore");
        Next::Wait(self.settings.poll_every, LinkState::Parked { until_ms: self.not_before_ms })
    }

    fn spend(&mut self, bytes: u64) {
        self.budget.turn(self.now_ms());
        self.budget.spend(bytes);
        self.status.send_modify(|status| status.bytes_total = status.bytes_total.saturating_add(bytes));
    }

    async fn save(&mut self) -> Result<(), QueueError> {
        let (day, used) = (self.budget.day(), self.budget.used());
        blocking(Arc::clone(&self.core), move |core| {
            (core.state.day, core.state.used) = (day, used);
            core.queue.save_state(&core.state.to_bytes())
        })
        .await
    }

    async fn refresh(&mut self) -> Result<(), QueueError> {
        let now = self.now_ms();
        blocking(Arc::clone(&self.core), move |core| core.refresh(now)).await
    }

    async fn form(&mut self, asked: bool) -> Result<Formed, QueueError> {
        let (now, clock) = (self.clock)();
        let mut settings = self.settings.clone();
        if asked {
            let now = Duration::ZERO;
            settings.deadlines = Deadlines { high: now, routine: now, bulk: now, ..settings.deadlines };
        }
        let (budget, overhead) = (self.budget, self.carrier.overhead_bytes());
        blocking(Arc::clone(&self.core), move |core| core.form(&settings, now, clock, &budget, overhead)).await
    }

    fn publish(&self, state: LinkState) {
        let now = self.now_ms();
        let (waiting, oldest, urgent, unpackable) = {
            let core = self.lock();
            (core.pending.by_class(), core.pending.oldest_ms(), core.pending.oldest_urgent_ms(), core.unpackable)
        };
        let (today, allowed) = (self.budget.used(), self.budget.daily_bytes);
        self.status.send_modify(|status| {
            status.state = state;
            status.waiting = waiting;
            status.oldest_unsent_ms = oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
            status.oldest_urgent_ms = urgent.map_or(0, |urgent| now.saturating_sub(urgent).max(0));
            status.bytes_today = today;
            status.bytes_allowed = allowed;
            status.unpackable = unpackable;
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs on a thread that may block.
async fn blocking<T: Send + 'static>(
    core: Arc<Mutex<Core>>,
    work: impl FnOnce(&mut Core) -> Result<T, QueueError> + Send + 'static,
) -> Result<T, QueueError> {
    tokio::task::spawn_blocking(move || work(&mut core.lock().unwrap_or_else(PoisonError::into_inner))).await?
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
