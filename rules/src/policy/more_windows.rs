//! Maintenance windows from a file of their own: opened for one analysis, or for work that came up after the policy was written. They are read by the
//! same code and held against the same names as the windows of the policy, and only silence: no line of the policy waits for them.

use std::collections::HashMap;

use super::diagnostic::{Code, Report};
use super::parse::{Names, Spans};
use super::reader::Section;
use super::types::{AssetIx, AssetPlan, GroupPlan, WindowIx, ZoneIx};
use super::{Diagnostic, Policy, parse_conduits};

impl Policy {
    /// Adds the `[[window]]` tables of a text; `file` is only its name for messages. Gives every problem found; with an error nothing is added.
    pub fn add_windows(&mut self, text: &str, file: &str) -> Vec<Diagnostic> {
        let mut report = Report::new(text, file);
        let document = match toml_edit::Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                report.error(Code::P000, &span, error.message().replace('\n', " "), "");
                return report.finish();
            }
        };
        let top = Section::open(&mut report, document.as_table(), "a file of windows", 0..0, &["format", "window"]);
        let windows = parse_conduits::windows(&mut report, &top, &mut self.names(), &mut Spans::default());
        if !report.has_errors() {
            self.windows.extend(windows);
        }
        report.finish()
    }

    /// The names that a file beside the policy may refer to.
    fn names(&self) -> Names {
        let zones = self.zones.iter().enumerate().map(|(at, zone)| (zone.id.clone(), (ZoneIx::at(at), zone.line)));
        let asset = |(at, asset): (usize, &AssetPlan)| (asset.id.clone(), (AssetIx::at(at), asset.line));
        let group = |group: &GroupPlan| (group.id.clone(), (group.members.clone(), 0));
        let windows = self.windows.iter().enumerate();
        Names {
            zones: zones.collect(),
            assets: self.assets.iter().enumerate().map(asset).collect(),
            groups: self.groups.iter().map(group).collect::<HashMap<_, _>>(),
            windows: windows.map(|(at, window)| (window.id.clone(), (WindowIx::at(at), window.line))).collect(),
            redundancy: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::CaptureTime;

    use super::*;
    use crate::policy::{End, check};

    const POLICY: &str = "format = 1\nmode = \"enforce\"\n[vessel]\nname = \"T\"\n[[zone]]\nid = \"engine\"\nlabel = \"E\"\nfunction = \"propulsion\"\n\
                          class = \"ot\"\ncriticality = \"high\"\ndevices = \"fixed\"\nsubnet = [\"10.0.2.0/24\"]\n";
    const WINDOW: &str = "[[window]]\nid = \"MW-9\"\nkind = \"service\"\nfrom = 2027-05-21T07:00:00Z\nto = 2027-05-21T15:00:00Z\nzones = [\"engine\"]\n\
                          who = \"J. Doe\"\napproved_by = \"Chief engineer\"\n";

    #[test]
    fn a_window_from_another_file_silences_and_a_wrong_one_changes_nothing() {
        let at = CaptureTime::parse_rfc3339("2027-05-21T08:00:00Z").unwrap();
        let mut policy = check(POLICY, "policy.toml", at).policy.unwrap();
        let end = End { zone: policy.zone_named("engine"), ..End::default() };
        let wrong = policy.add_windows(&WINDOW.replace("\"engine\"", "\"engin\""), "windows.toml");
        assert!(wrong.iter().any(|problem| problem.code == Code::P002 && problem.line == 6), "{wrong:?}");
        assert!(policy.windows.is_empty() && policy.silenced("DW-1001", &end, at).is_none());
        assert!(policy.add_windows(WINDOW, "windows.toml").is_empty());
        assert!(policy.silenced("DW-1001", &end, at).is_some());
        assert!(policy.silenced("DW-6001", &end, at).is_none(), "nothing else is silenced");
        assert!(policy.add_windows(WINDOW, "windows.toml").iter().any(|problem| problem.code == Code::P003), "twice");
    }
}
