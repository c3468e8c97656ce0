//! Waits until a file was changed and is whole: the one loop behind the policy and behind what is imported.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// How often files are looked at. They must look the same twice, so that one half written is not read: a change is known after two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often a stop or a signal is looked for.
const STEP: Duration = Duration::from_millis(100);

/// When a file was written last, and how long it is; `None` when it cannot be asked.
pub(super) type Stamp = Option<(SystemTime, u64)>;

/// How a file looks now.
pub(super) fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len()))
}

/// Calls `hand_over` when what `look` gives has changed from `seen` and settled, or when `reload` asks for it (then with `true`); ends with `stop`,
/// or when `hand_over` says that nobody takes it any more. With `is_changed` the first look that finds all settled counts as a change.
pub(super) fn follow<S: PartialEq>(
    look: impl Fn() -> S,
    (mut seen, mut is_changed): (S, bool),
    (reload, stop): (&AtomicBool, &AtomicBool),
    mut hand_over: impl FnMut(bool) -> bool,
) {
    let mut waited = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        waited = waited.saturating_add(STEP);
        let is_asked = reload.swap(false, Ordering::Relaxed);
        if waited < LOOK_EVERY && !is_asked {
            continue;
        }
        waited = Duration::ZERO;
        let now = look();
        let is_settled = now == seen;
        is_changed |= !is_settled;
        seen = now;
        if is_asked || (is_changed && is_settled) {
            is_changed = false;
            if !hand_over(is_asked) {
                return;
            }
        }
    }
}
