//! The front page, for the officer who plugs the box in on a busy day: is the mirror port right, is anything wrong on the ship, does it go ashore.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dogwatch_model::{Finding, Severity};
use dogwatch_web::{Count, When, bytes, count, number_of, word};

use super::api::{Shared, sorted_findings};
use super::findings::{Row, Rows, is_open};
use super::look::Look;
use crate::mirror::Verdict;
use crate::service::board::{ImportsView, Picture, SourceView, UplinkView};

/// Findings shown here; the others are one step away.
const WORST: usize = 5;
/// Declared but unheard devices named here.
const UNHEARD: usize = 12;

/// How an answer is meant to feel; the word of its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Wait,
    Bad,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "is-good",
            Self::Wait => "is-wait",
            Self::Bad => "is-bad",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Wait => "…",
            Self::Bad => "!",
        }
    }
}

/// A headline with what to do.
pub(super) struct Answer {
    pub(super) tone: Tone,
    pub(super) headline: String,
    pub(super) text: String,
    pub(super) remedy: &'static str,
    /// Severity of the worst finding, when it is about findings.
    pub(super) worst: Option<Severity>,
}

impl Answer {
    fn style(&self) -> String {
        self.worst.map_or_else(|| self.tone.class().to_owned(), |worst| format!("sev-{}", worst.as_str()))
    }
}

const fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Good | Verdict::LineGood => Tone::Good,
        Verdict::Waiting => Tone::Wait,
        _ => Tone::Bad,
    }
}

/// How urgent a verdict is: the headline is about the worst.
const fn urgency(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Good | Verdict::LineGood => 0,
        Verdict::Waiting => 1,
        Verdict::Losing => 2,
        Verdict::OneWay => 3,
        Verdict::OnlyGroups => 4,
        Verdict::LineUnreadable => 4,
        Verdict::Silent | Verdict::LineSilent => 5,
        Verdict::Down | Verdict::LineDown => 6,
    }
}

const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good | Verdict::LineGood => "Right",
        Verdict::Waiting => "Too early to tell",
        Verdict::Silent | Verdict::LineSilent => "Nothing arrives",
        Verdict::LineUnreadable => "Nothing readable",
        Verdict::LineDown => "Device is not there",
        Verdict::OnlyGroups => "Not a mirror port",
        Verdict::OneWay => "One direction only",
        Verdict::Losing => "Losing frames",
        Verdict::Down => "Interface is down",
    }
}

/// Is the mirror port right?
pub(super) fn mirror_answer(sources: &[SourceView]) -> Answer {
    let Some(worst) = sources.iter().max_by_key(|source| urgency(source.verdict)) else {
        return Answer {
            tone: Tone::Bad,
            headline: "No mirror port is set up".to_owned(),
            text: "The box listens to nothing.".to_owned(),
            remedy: "Name the interface in a [[source]] table of the settings file and start the service again.",
            worst: None,
        };
    };
    let wrong = sources.iter().filter(|source| tone_of(source.verdict) == Tone::Bad).count();
    let headline = match (tone_of(worst.verdict), sources.len()) {
        (Tone::Good, 1) => "Yes, the mirror port is right".to_owned(),
        (Tone::Good, 2) => "Yes, both mirror ports are right".to_owned(),
        (Tone::Good, all) => format!("Yes, all {all} mirror ports are right"),
        (Tone::Wait, _) => "Listening: not known yet".to_owned(),
        (Tone::Bad, 1) => format!("No: {}", lower_first(verdict_word(worst.verdict))),
        (Tone::Bad, all) => format!("{wrong} of {all} mirror ports need you"),
    };
    let text = match (tone_of(worst.verdict), sources.len()) {
        (Tone::Good, 2..) => "They show other devices talking, in both directions, without loss.".to_owned(),
        (Tone::Bad, 2..) => format!("{}: {}", worst.name, worst.meaning),
        _ => worst.meaning.to_owned(),
    };
    Answer { tone: tone_of(worst.verdict), headline, text, remedy: worst.remedy, worst: None }
}

/// Is anything wrong on the ship? "No findings" and "saw nothing" are different answers.
pub(super) fn findings_answer(picture: &Picture, open: &[Finding], mirror: Tone) -> Answer {
    let frames: u64 = picture.sources.iter().map(|source| source.frames).sum();
    let read = format!(
        "{} from {} read since {} UTC.",
        number_of(frames, "frame", "frames"),
        number_of(picture.assets.len() as u64, "device", "devices"),
        dogwatch_web::utc(picture.started)
    );
    let (tone, headline, text) = match open.first() {
        Some(worst) => {
            let headline = number_of(open.len() as u64, "open finding", "open findings");
            (if worst.severity >= Severity::High { Tone::Bad } else { Tone::Wait }, headline, read)
        }
        None if frames == 0 => (
            Tone::Wait,
            "Saw nothing".to_owned(),
            "Not one frame has been read, so nothing can be said about the ship. This is not the same as “no findings”."
                .to_owned(),
        ),
        None if mirror == Tone::Bad => (
            Tone::Wait,
            "No findings, but not everything was seen".to_owned(),
            format!("{read} Until the mirror port is right this says little."),
        ),
        None => (Tone::Good, "No findings".to_owned(), format!("{read} Nothing in it calls for attention.")),
    };
    Answer { tone, headline, text, remedy: "", worst: open.first().map(|worst| worst.severity) }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// One capture source as the page shows it.
struct Source<'a> {
    view: &'a SourceView,
    picture: &'a Picture,
}

impl Source<'_> {
    const fn tone(&self) -> &'static str {
        tone_of(self.view.verdict).class()
    }

    const fn verdict(&self) -> &'static str {
        verdict_word(self.view.verdict)
    }

    fn rate(&self) -> String {
        format!("{:.0}", self.view.frames_per_second)
    }

    fn frames(&self) -> String {
        count(self.view.frames)
    }

    fn lost(&self) -> String {
        count(self.view.dropped_kernel.saturating_add(self.view.dropped_interface))
    }

    fn last(&self) -> Option<When> {
        Some(When { at: self.view.last_frame?, now: self.picture.now })
    }

    fn vlans(&self) -> String {
        let vlans: Vec<String> = self.view.vlans.iter().map(ToString::to_string).collect();
        if vlans.is_empty() { "none".to_owned() } else { vlans.join(", ") }
    }
}

/// A square with one state in it.
struct Tile {
    is_bad: bool,
    heading: &'static str,
    big: String,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    picture: &'a Picture,
    mirror: Answer,
    traffic: String,
    findings: Answer,
    sources: Vec<Source<'a>>,
    counts: Vec<Count>,
    worst: Rows,
    open: usize,
    tiles: Vec<Tile>,
    unheard: Vec<(&'a str, Vec<&'a str>)>,
    unheard_more: usize,
    protocols: Vec<(&'static str, String)>,
    errors: Vec<(&'static str, &'static str, String)>,
}

impl Overview<'_> {
    fn since(&self) -> String {
        dogwatch_web::utc(self.picture.started)
    }
}

/// `GET /`.
pub(super) async fn page(State(board): Shared, look: Look) -> Response {
    let picture = board.picture();
    let open: Vec<Finding> = sorted_findings(&picture).into_iter().filter(is_open).collect();
    let mirror = mirror_answer(&picture.sources);
    let (unheard, unheard_more) = unheard(&picture);
    let mut protocols: Vec<_> = picture.protocols.iter().map(|(name, messages)| (*messages, *name)).collect();
    protocols.sort_unstable_by(|one, other| other.cmp(one));
    let body = Overview {
        findings: findings_answer(&picture, &open, mirror.tone),
        traffic: traffic(&picture.sources),
        mirror,
        sources: picture.sources.iter().map(|view| Source { view, picture: &picture }).collect(),
        counts: Count::all(open.iter().map(|finding| finding.severity)),
        open: open.len(),
        worst: Rows { rows: open.into_iter().take(WORST).map(|finding| Row::new(finding, picture.now)).collect() },
        tiles: tiles(&picture),
        unheard,
        unheard_more,
        protocols: protocols.into_iter().map(|(messages, name)| (name, count(messages))).collect(),
        errors: picture.parse_errors.iter().map(|(protocol, kind, times)| (*protocol, *kind, count(*times))).collect(),
        picture: &picture,
    };
    look.show(&picture.vessel, "/", "Overview", &body)
}

/// How much arrives and how much of it is lost; empty when nothing ever arrived.
fn traffic(sources: &[SourceView]) -> String {
    let rate: f64 = sources.iter().map(|source| source.frames_per_second).sum();
    let lost = sources
        .iter()
        .fold(0_u64, |sum, source| sum.saturating_add(source.dropped_kernel).saturating_add(source.dropped_interface));
    if sources.iter().all(|source| source.frames == 0) {
        return String::new();
    }
    let lost = if lost == 0 { "none lost".to_owned() } else { format!("{} lost since the start", count(lost)) };
    format!("{rate:.0} frames a second, {lost}.")
}

/// Declared devices that have not been heard, by zone, bounded; and how many more there are.
fn unheard(picture: &Picture) -> (Vec<(&str, Vec<&str>)>, usize) {
    let mut room = UNHEARD;
    let mut told = Vec::new();
    for zone in &picture.zones {
        let names: Vec<&str> = zone.not_heard.iter().take(room).map(String::as_str).collect();
        room -= names.len();
        if !names.is_empty() {
            told.push((zone.label.as_str(), names));
        }
    }
    let all: usize = picture.zones.iter().map(|zone| zone.not_heard.len()).sum();
    (told, all - (UNHEARD - room))
}

fn devices_tile(picture: &Picture) -> Tile {
    let declared: usize = picture.zones.iter().map(|zone| zone.declared).sum();
    let heard: usize = picture.zones.iter().map(|zone| zone.declared_seen).sum();
    let mut lines = vec![number_of(picture.connections.len() as u64, "connection", "connections")];
    if declared > 0 {
        lines.push(format!("{heard} of {declared} declared devices heard"));
    }
    Tile { is_bad: false, heading: "Devices seen", big: count(picture.assets.len() as u64), lines }
}

fn link_tile(link: &UplinkView) -> Tile {
    if !link.configured {
        let lines = vec!["Findings stay on this ship.".to_owned()];
        return Tile { is_bad: false, heading: "Link ashore", big: "Not set up".to_owned(), lines };
    }
    let waiting: u64 = link.waiting.iter().sum();
    let mut lines = Vec::new();
    if waiting == 0 {
        lines.push("Everything has been received ashore.".to_owned());
    } else {
        let [critical, high, routine, bulk] = link.waiting;
        lines.push(format!(
            "{} waiting ({critical} critical, {high} high, {routine} routine, {bulk} bulk), the oldest for {}",
            number_of(waiting, "record", "records"),
            duration(link.oldest_unsent_s)
        ));
    }
    let allowed = if link.bytes_allowed == 0 { String::new() } else { format!(" of {}", bytes(link.bytes_allowed)) };
    lines.push(format!("{}{allowed} used today", bytes(link.bytes_today)));
    if let Some(error) = &link.last_error {
        lines.push(format!("Last attempt: {error}"));
    }
    let big = match link.state.as_str() {
        "" => "Starting".to_owned(),
        "idle" => "Working".to_owned(),
        other => other.chars().take(1).flat_map(char::to_uppercase).chain(other.chars().skip(1)).collect(),
    };
    let is_bad = link.last_error.is_some() && link.state != "idle" && link.state != "sending";
    Tile { is_bad, heading: "Link ashore", big, lines }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn tiles(picture: &Picture) -> Vec<Tile> {
    let mut tiles = vec![devices_tile(picture), link_tile(&picture.uplink), store_tile(picture), policy_tile(picture)];
    if !picture.imports.files.is_empty() {
        tiles.push(imports_tile(&picture.imports));
    }
    tiles
}

/// What people brought aboard: nobody reads a log to learn that a list is empty.
fn imports_tile(imports: &ImportsView) -> Tile {
    let errors = imports.files.iter().filter(|file| file.error.is_some()).count();
    let mut lines = Vec::new();
    if imports.is_old {
        lines.push("A file gives nothing any more; what was read before stays in force.".to_owned());
    }
    for file in &imports.files {
        lines.push(match (&file.error, &file.first_skipped) {
            (Some(error), _) => format!("{}: {error}", file.file),
            (None, Some(first)) => {
                let (left_out, loaded) = (count(file.skipped), count(file.loaded));
                format!("{}: {loaded} loaded, {left_out} left out, the first at {first}", file.file)
            }
            (None, None) => format!("{}: {} loaded", file.file, count(file.loaded)),
        });
    }
    let big = match errors {
        0 => number_of(imports.files.len() as u64, "file", "files"),
        errors => format!("{errors} of {} cannot be read", number_of(imports.files.len() as u64, "file", "files")),
    };
    Tile { is_bad: errors > 0 || imports.is_old, heading: "Imported lists", big, lines }
}

fn store_tile(picture: &Picture) -> Tile {
    let store = &picture.store;
    let mut lines: Vec<String> = store.notes.clone();
    if store.bytes > 0 {
        lines.push(format!("{} on disk", bytes(store.bytes)));
    }
    if let Some(used) = store.disk_used {
        lines.push(format!("disk {:.0} % full", used * 100.0));
    }
    if let Some(used) = store.queue_used.filter(|used| *used >= 0.01) {
        lines.push(format!("queue for the shore {:.0} % full", used * 100.0));
    }
    if !picture.is_clock_trusted {
        lines.push("The clock of this box is in doubt: times may be wrong. Set its time source.".to_owned());
    }
    let big = if store.healthy { "Working" } else { "Cannot write" };
    if !store.healthy {
        lines.push("New findings are shown nowhere until this works: look for a full or failing disk.".to_owned());
    }
    Tile {
        is_bad: !store.healthy || !picture.is_clock_trusted,
        heading: "Store on this box",
        big: big.to_owned(),
        lines,
    }
}

fn policy_tile(picture: &Picture) -> Tile {
    let Some(file) = &picture.policy else {
        let lines = vec!["Zones are not known; only what needs no policy is found.".to_owned()];
        return Tile { is_bad: false, heading: "Zone policy", big: "None".to_owned(), lines };
    };
    let mut modes: Vec<&str> = picture.zones.iter().map(|zone| zone.mode).collect();
    modes.sort_unstable();
    modes.dedup();
    let mut lines = vec![format!("Ship state: {}", word(picture.ship_state)), file.clone()];
    let view = &picture.policy_view;
    if let Some(problem) = view.refused.first().and_then(|problem| problem.lines().next()) {
        lines.insert(0, format!("The file was changed and has errors; the policy before it stays in force. {problem}"));
    }
    if view.would_alert.0 > 0 {
        lines.push(format!(
            "Only counted, because their zone is watched: {}",
            number_of(view.would_alert.0, "kind of finding", "kinds of findings")
        ));
    }
    Tile {
        is_bad: !view.refused.is_empty(),
        heading: "Zone policy",
        big: modes.iter().map(|mode| mode_word(mode)).collect::<Vec<_>>().join(", "),
        lines,
    }
}

fn mode_word(mode: &str) -> &str {
    match mode {
        "enforce" => "Enforced",
        "watch" => "Watched only",
        "learn" => "Learning",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::CaptureTime;

    use super::*;

    fn source(verdict: Verdict, frames: u64) -> SourceView {
        SourceView {
            name: "mir0".to_owned(),
            interface: "eth1".to_owned(),
            up: verdict != Verdict::Down,
            frames,
            bytes: 0,
            dropped_kernel: 0,
            dropped_interface: 0,
            failures: 0,
            frames_per_second: 0.0,
            last_frame: None,
            vlans: Vec::new(),
            verdict,
            meaning: verdict.meaning(),
            remedy: verdict.remedy(),
        }
    }

    #[test]
    fn the_headline_is_about_the_worst_port() {
        assert_eq!(mirror_answer(&[]).tone, Tone::Bad);
        let one = mirror_answer(&[source(Verdict::Good, 1)]);
        assert_eq!((one.tone, one.headline.as_str()), (Tone::Good, "Yes, the mirror port is right"));
        let two = mirror_answer(&[source(Verdict::Good, 1), source(Verdict::OnlyGroups, 1)]);
        assert_eq!((two.tone, two.headline.as_str()), (Tone::Bad, "1 of 2 mirror ports need you"));
        assert_eq!(two.remedy, Verdict::OnlyGroups.remedy());
        assert_eq!(mirror_answer(&[source(Verdict::Good, 1), source(Verdict::Waiting, 0)]).tone, Tone::Wait);
    }

    #[test]
    fn no_findings_and_saw_nothing_are_different_answers() {
        let told = |verdict, frames| {
            let mut picture = Picture::empty(CaptureTime(0));
            picture.sources = vec![source(verdict, frames)];
            let answer = findings_answer(&picture, &[], mirror_answer(&picture.sources).tone);
            (answer.tone, answer.headline)
        };
        assert_eq!(told(Verdict::Good, 9), (Tone::Good, "No findings".to_owned()));
        assert_eq!(told(Verdict::Silent, 0), (Tone::Wait, "Saw nothing".to_owned()));
        assert_eq!(told(Verdict::OnlyGroups, 9), (Tone::Wait, "No findings, but not everything was seen".to_owned()));
    }
}
