//! Medians and the printed table.

use crate::child::Cost;
use crate::floor::Read;

/// One measured program.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) program: Vec<String>,
    pub(crate) costs: Vec<Cost>,
}

impl Contestant {
    pub(crate) const fn new(name: &'static str, program: Vec<String>) -> Self {
        Self { name, program, costs: Vec::new() }
    }

    /// Median, least and greatest CPU time.
    fn cpu(&self) -> Option<(f64, f64, f64)> {
        let mut all: Vec<f64> = self.costs.iter().map(|cost| cost.cpu_seconds).collect();
        all.sort_by(f64::total_cmp);
        Some((median(&all)?, *all.first()?, *all.last()?))
    }

    fn peak_mib(&self) -> f64 {
        self.costs.iter().map(|cost| cost.peak_kib).max().unwrap_or_default() as f64 / 1024.0
    }
}

/// The middle of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The table of one capture, ready to print. The first two contestants are the floors that the others are compared with; the one called
/// `without` is what rules are compared with.
pub(crate) fn table(contestants: &[Contestant], read: &Read, without: &str) -> String {
    let of = |name: &str| contestants.iter().find(|c| c.name == name).and_then(Contestant::cpu).map(|cpu| cpu.0);
    let bare = contestants.first().and_then(Contestant::cpu).map(|cpu| cpu.0);
    let floor = contestants.get(1).and_then(Contestant::cpu).map(|cpu| cpu.0);
    let ratio = |to: Option<f64>, cpu: f64| to.map_or_else(String::new, |to| format!("{:.3}", to / cpu));
    let mut text = format!(
        "{:<26} {:>8} {:>17} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}\n",
        "program", "CPU s", "(least-most)", "packets/s", "MB/s", "peak MiB", "x libpcap", "x floor", "x no-rules"
    );
    for contestant in contestants {
        let Some((cpu, least, most)) = contestant.cpu() else { continue };
        let rules = of(without)
            .filter(|_| contestant.name.starts_with("analyze") && contestant.name != without)
            .map_or_else(String::new, |without| format!("{:.2}", cpu / without));
        text += &format!(
            "{:<26} {:>8.3} {:>17} {:>10.0} {:>8.1} {:>9.1} {:>9} {:>9} {:>9}\n",
            contestant.name,
            cpu,
            format!("({least:.3}-{most:.3})"),
            read.packets as f64 / cpu,
            read.bytes as f64 / cpu / 1e6,
            contestant.peak_mib(),
            ratio(bare, cpu),
            ratio(floor, cpu),
            rules,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }

    #[test]
    fn ratios_are_speed_against_the_floor_and_time_against_no_rules() {
        let cost = |cpu_seconds| Cost { cpu_seconds, peak_kib: 2_048 };
        let contestant = |name, cpu| Contestant { costs: vec![cost(cpu)], ..Contestant::new(name, Vec::new()) };
        let all = [
            contestant("bare", 0.25),
            contestant("floor", 0.5),
            contestant("analyze", 2.0),
            contestant("analyze --no-rules", 1.0),
        ];
        let text = table(&all, &Read { packets: 1_000_000, bytes: 100_000_000, sliced: 0 }, "analyze --no-rules");
        let row: Vec<_> = text.lines().nth(3).unwrap().split_whitespace().collect();
        assert_eq!(row, ["analyze", "2.000", "(2.000-2.000)", "500000", "50.0", "2.0", "0.125", "0.250", "2.00"]);
    }
}
