//! Files of rules: lines put together, each read or left out with the reason.

use hashbrown::HashSet;

use super::condition::{Buffer, Condition};
use super::draft::Draft;
use super::header::{Carrier, Heads};
use super::search::Key;
use super::{MOST, Signature, Variables, options};
use crate::import::{FileReport, bounded};

/// Longest rule read.
const LONGEST: usize = 32 << 10;
/// Characters of a rule that are shown.
const SHOWN: usize = 1_500;
/// Regular expressions of all rules: each may take half a MiB once it is asked.
const MOST_EXPRESSIONS: usize = 2_048;
/// Rules without a piece to search for that a few ports sort.
const MOST_BY_PORT: usize = 1_024;
/// And those that nothing sorts: each is looked at with every packet it reaches.
const MOST_UNSORTED: usize = 64;

/// Rules read so far.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    heads: Heads,
    rules: Vec<Signature>,
    known: HashSet<(u64, u64)>,
    expressions: usize,
    by_port: usize,
    unsorted: usize,
}

/// Whether a text looks like a file of rules.
#[must_use]
pub(crate) fn looks_like_rules(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches(['#', ' ', '\t'])).take(2_000);
    lines.any(|line| is_rule(line) && ["msg", "sid", "content"].iter().any(|word| line.contains(word)))
}

/// Whether a line begins like a rule.
fn is_rule(line: &str) -> bool {
    let action = line.split_ascii_whitespace().next().unwrap_or_default();
    line.contains('(') && (does_alert(action) || matches!(action, "pass" | "log" | "activate" | "dynamic"))
}

/// What would block there is told here: nothing is ever blocked.
fn does_alert(action: &str) -> bool {
    matches!(action, "alert" | "drop" | "reject" | "rejectsrc" | "rejectdst" | "rejectboth" | "sdrop")
}

impl Collected {
    pub(crate) fn new(variables: Variables) -> Self {
        Self { heads: Heads::new(variables), ..Self::default() }
    }

    pub(crate) fn into_rules(self) -> Vec<Signature> {
        self.rules
    }

    /// Reads a file.
    pub(crate) fn read(&mut self, text: &str, report: &mut FileReport) {
        let mut lines = (1_u64..).zip(text.lines());
        let mut switched_off = 0_u64;
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                switched_off = switched_off.saturating_add(u64::from(is_rule(comment.trim_start_matches(['#', ' ']))));
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let mut whole = line.to_owned();
            while let Some(more) = whole.strip_suffix('\\') {
                let more = more.len();
                let Some((_, next)) = lines.next() else { break };
                whole.truncate(more);
                if whole.len() <= LONGEST {
                    whole.push_str(next.trim());
                }
            }
            self.line(number, &whole, report);
        }
        if switched_off > 0 {
            report.notes.push(format!("{switched_off} rule(s) are switched off in the file with `#`"));
        }
    }

    fn line(&mut self, number: u64, line: &str, report: &mut FileReport) {
        if self.rules.len() >= MOST {
            return report.skip(number, &called(line, None), format!("more than {MOST} rules"));
        }
        let mut draft = Draft::default();
        draft.generator = 1;
        match self.rule(line, &mut draft) {
            Ok(rule) => {
                self.rules.push(Signature { file: report.file.as_str().into(), line: number, ..rule });
                report.loaded = report.loaded.saturating_add(1);
            }
            Err(why) => report.skip(number, &called(line, draft.sid), why),
        }
    }

    fn rule(&mut self, line: &str, draft: &mut Draft) -> Result<Signature, String> {
        if line.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes"));
        }
        let (head, body) = line.split_once('(').ok_or("no rule: it has no bracket")?;
        let body = body.trim_end().strip_suffix(')').ok_or("no rule: its bracket is not closed")?;
        let options = options::split(body);
        // the number first, so that whatever is left out is left out by its name
        draft.sid = options.iter().find(|(name, _)| *name == "sid").and_then(|(_, value)| value.parse().ok());
        let (action, head) = head.trim().split_once(char::is_whitespace).ok_or("no rule: it has no head")?;
        if !does_alert(action) {
            return Err(format!("action `{}`", bounded(action, 20)));
        }
        let header = self.heads.read(head)?;
        for (name, value) in options {
            draft.take(name, value)?;
        }
        draft.check()?;
        let sid = draft.sid.ok_or("no sid")?;
        if self.known.contains(&(draft.generator, sid)) {
            return Err("a rule of this sid stands before it".to_owned());
        }
        let is_of_packets = draft.size.is_some() || matches!(header.carrier, Carrier::Udp | Carrier::Icmp);
        let mut conditions = draft.parts.iter().flat_map(|(_, conditions)| conditions);
        let is_of_stream = !is_of_packets && !conditions.any(Condition::is_anchored);
        let priority = draft.priority();
        let rule = Signature {
            sid,
            revision: draft.revision,
            message: bounded(&draft.message, 300).into(),
            class: draft.class.take().map(Into::into),
            priority,
            file: "".into(),
            line: 0,
            text: bounded(line, SHOWN).into(),
            threshold: draft.threshold,
            header,
            flow: draft.flow,
            size: draft.size,
            parts: std::mem::take(&mut draft.parts).into_iter().map(|(buffer, list)| (buffer, list.into())).collect(),
            is_of_stream,
        };
        self.weigh(&rule, draft.expressions)?;
        self.known.insert((draft.generator, sid));
        Ok(rule)
    }

    /// Whether there is room for what the rule costs.
    fn weigh(&mut self, rule: &Signature, expressions: usize) -> Result<(), String> {
        let all = self.expressions.saturating_add(expressions);
        if all > MOST_EXPRESSIONS {
            return Err(format!("more than {MOST_EXPRESSIONS} regular expressions"));
        }
        let (count, most, what) = match Key::of(rule) {
            Key::Piece(..) => {
                self.expressions = all;
                return Ok(());
            }
            Key::ToPorts(_) | Key::FromPorts(_) => (&mut self.by_port, MOST_BY_PORT, "of one port"),
            Key::Nothing(Buffer::Payload) => (&mut self.unsorted, MOST_UNSORTED, "of many ports"),
            Key::Nothing(_) => (&mut self.by_port, MOST_BY_PORT, "of names"),
        };
        if *count >= most {
            return Err(format!("more than {most} rules {what} without three bytes that can be searched for"));
        }
        *count = count.saturating_add(1);
        self.expressions = all;
        Ok(())
    }
}

/// What a left-out rule is called.
fn called(line: &str, sid: Option<u64>) -> String {
    sid.map_or_else(|| bounded(line, 60), |sid| format!("sid {sid}"))
}
