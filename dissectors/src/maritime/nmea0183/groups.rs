//! TAG block groups: lines that belong together carry `g:line-lines-id`; only the first must name the source.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Sfi};

use super::tag::Group;

/// Groups open at the same time; the oldest gives way.
const OPEN: usize = 16;
/// A group whose next line has not come by then is over.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy)]
struct Open {
    id: u32,
    lines: u16,
    /// The line seen last.
    line: u16,
    sfi: Option<Sfi>,
    at: CaptureTime,
}

/// The groups open in one flow.
pub(crate) struct Groups {
    open: [Option<Open>; OPEN],
    next: usize,
}

impl Groups {
    pub(crate) const fn new() -> Self {
        Self { open: [None; OPEN], next: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.open = [None; OPEN];
    }

    /// Takes one line; answers the source its group's first line named, and whether the line follows the one before it.
    pub(crate) fn line(&mut self, group: Group, sfi: Option<Sfi>, at: CaptureTime) -> (Option<Sfi>, bool) {
        let position = self.open.iter().position(|slot| {
            slot.is_some_and(|open| {
                open.id == group.id
                    && open.lines == group.lines
                    && (sfi.is_none() || open.sfi.is_none() || open.sfi == sfi)
            })
        });
        let fresh = Open { id: group.id, lines: group.lines, line: group.line, sfi, at };
        let Some(slot) = position.and_then(|position| self.open.get_mut(position)) else {
            self.remember(fresh);
            return (sfi, group.line == 1);
        };
        let Some(open) = *slot else { return (sfi, true) };
        if group.line == 1 || at.since(open.at) > PATIENCE {
            *slot = Some(fresh);
            return (sfi, group.line == 1);
        }
        let follows = group.line == open.line.saturating_add(1);
        let inherited = open.sfi.or(sfi);
        *slot = (group.line < group.lines).then_some(Open { line: group.line, sfi: inherited, at, ..open });
        (inherited, follows)
    }

    fn remember(&mut self, open: Open) {
        if open.lines <= 1 || open.line >= open.lines {
            return;
        }
        let at = self.open.iter().position(Option::is_none).unwrap_or(self.next);
        if let Some(slot) = self.open.get_mut(at) {
            *slot = Some(open);
        }
        self.next = at.wrapping_add(1).checked_rem(OPEN).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_inherit_the_source_and_gaps_show() {
        let sfi = Sfi::from_bytes(b"GP0001");
        let mut groups = Groups::new();
        let at = CaptureTime::from_parts(1, 0);
        let line = |line| Group { line, lines: 3, id: 7 };
        assert_eq!(groups.line(line(1), sfi, at), (sfi, true));
        assert_eq!(groups.line(line(2), None, at), (sfi, true));
        assert_eq!(groups.line(line(3), None, at), (sfi, true));
        assert_eq!(groups.line(line(3), None, at), (None, false), "the group was over");
        assert_eq!(groups.line(line(1), sfi, at), (sfi, true));
        assert_eq!(groups.line(line(3), None, at), (sfi, false), "a line is missing");
        assert_eq!(groups.line(line(1), sfi, at), (sfi, true));
        let late = CaptureTime::from_parts(9, 0);
        assert_eq!(groups.line(line(2), None, late), (None, false), "too late");
    }

    #[test]
    fn bounded() {
        let mut groups = Groups::new();
        for id in 0..1_000 {
            groups.line(Group { line: 1, lines: 2, id }, None, CaptureTime(0));
        }
        assert_eq!(groups.open.iter().flatten().count(), OPEN);
    }
}
