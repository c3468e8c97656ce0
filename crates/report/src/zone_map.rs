//! The zone map: who talks to whom, as a drawing for a page and for print. Zones stand in rows by trust, the untrusted above, as in the zone and
//! conduit diagrams that class asks for; a line is talk that was seen, with an arrow to the side that serves.
//!
//! Plain SVG 1.1 with presentation attributes only: no style sheet, no script, no font of its own. A page may recolour it by the class names.

use std::fmt::Write as _;

use dogwatch_model::Severity;

/// One zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapZone {
    /// Its id.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// Trust: `ot`, `it`, `untrusted`.
    pub class: String,
    /// Devices seen in it.
    pub devices: usize,
}

/// Talk from one zone to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapLink {
    /// Zone of the side that opens or asks.
    pub from: String,
    /// Zone of the side that serves.
    pub to: String,
    /// Bytes in both directions: the width of the line.
    pub bytes: u64,
    /// The worst open finding between the two.
    pub worst: Option<Severity>,
}

const WIDTH: i32 = 960;
const BOX_WIDTH: i32 = 204;
const BOX_HEIGHT: i32 = 76;
const ROW_STEP: i32 = 160;
const MARGIN: i32 = 36;
/// Zones beside each other.
const PER_ROW: usize = 4;
/// Longest line of a name that fits into a box, in letters; a name has at most two lines.
const LINE_CHARS: usize = 23;

struct Placed<'z> {
    zone: &'z MapZone,
    /// Centre.
    x: i32,
    /// Upper edge.
    y: i32,
    row: usize,
}

/// Draws the map. Links between zones it is not given are left out.
#[must_use]
pub fn zone_map_svg(zones: &[MapZone], links: &[MapLink]) -> String {
    let (placed, rows) = place(zones);
    // arcs of the last row hang below it
    let height = MARGIN * 2 + BOX_HEIGHT + ROW_STEP * i32::try_from(rows.saturating_sub(1)).unwrap_or(0) + 24;
    let mut svg = String::new();
    // writing to a String cannot fail
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"sans-serif\">\
         <title>Zones and who talks to whom</title>\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerUnits=\"userSpaceOnUse\" markerWidth=\"12\" \
         markerHeight=\"12\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#566371\"/></marker></defs>"
    );
    let find = |id: &str| placed.iter().find(|entry| entry.zone.id == id);
    // the worst are drawn last, on top
    let mut order: Vec<&MapLink> = links.iter().filter(|link| link.from != link.to).collect();
    order.sort_by_key(|link| (link.worst, link.bytes));
    for link in order {
        if let (Some(from), Some(to)) = (find(&link.from), find(&link.to)) {
            draw_link(&mut svg, link, from, to);
        }
    }
    for entry in &placed {
        draw_zone(&mut svg, entry);
    }
    svg.push_str("</svg>");
    svg
}

fn place(zones: &[MapZone]) -> (Vec<Placed<'_>>, usize) {
    let rank = |class: &str| match class {
        "untrusted" => 0,
        "it" => 1,
        _ => 2,
    };
    let mut placed = Vec::new();
    let mut row = 0;
    for wanted in 0..=2 {
        let class: Vec<&MapZone> = zones.iter().filter(|zone| rank(&zone.class) == wanted).collect();
        // rows of even length look calmer than a full one and a rest
        let lines = class.len().div_ceil(PER_ROW).max(1);
        for chunk in class.chunks(class.len().div_ceil(lines).max(1)) {
            let step = WIDTH / i32::try_from(chunk.len()).unwrap_or(1).max(1);
            for (index, zone) in (0_i32..).zip(chunk) {
                let y = MARGIN + ROW_STEP * i32::try_from(row).unwrap_or(0);
                placed.push(Placed { zone, x: step / 2 + step * index, y, row });
            }
            row += 1;
        }
    }
    (placed, row)
}

fn draw_link(svg: &mut String, link: &MapLink, from: &Placed<'_>, to: &Placed<'_>) {
    // the two directions of a pair are drawn beside each other
    let aside = if from.zone.id < to.zone.id { -12 } else { 12 };
    let lean = |a: i32, b: i32| (b - a).signum() * 30 + aside;
    let (x1, x2) = (from.x + lean(from.x, to.x), to.x + lean(to.x, from.x));
    let (y1, c1, c2, y2) = if from.row == to.row {
        let (edge, depth) = (from.y + BOX_HEIGHT, 34 + ((from.x - to.x).abs() / 12) + aside);
        (edge, edge + depth, edge + depth, edge + 2)
    } else if from.row < to.row {
        let (start, end) = (from.y + BOX_HEIGHT, to.y - 2);
        (start, (start + end) / 2, (start + end) / 2, end)
    } else {
        let (start, end) = (from.y, to.y + BOX_HEIGHT + 2);
        (start, (start + end) / 2, (start + end) / 2, end)
    };
    // a decade of bytes is half a pixel
    let width = 1.0 + 0.5 * (link.bytes.max(1) as f64).log10();
    let (class, colour) = match link.worst {
        Some(severity) => (format!("link sev-{}", severity.as_str()), colour(severity)),
        None => ("link".to_owned(), "#566371"),
    };
    let _ = write!(
        svg,
        "<path class=\"{class}\" d=\"M{x1} {y1}C{x1} {c1} {x2} {c2} {x2} {y2}\" fill=\"none\" stroke=\"{colour}\" \
         stroke-width=\"{width:.1}\" stroke-opacity=\"0.85\" marker-end=\"url(#arrow)\"><title>{} to {}",
        escaped(&link.from),
        escaped(&link.to)
    );
    if let Some(severity) = link.worst {
        let _ = write!(svg, ": {} finding", severity.as_str());
    }
    svg.push_str("</title></path>");
}

const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#98091f",
        Severity::High => "#c05400",
        Severity::Medium => "#9a7800",
        Severity::Low => "#1f6143",
        Severity::Info => "#566371",
    }
}

fn draw_zone(svg: &mut String, entry: &Placed<'_>) {
    let zone = entry.zone;
    let (left, top) = (entry.x - BOX_WIDTH / 2, entry.y);
    let dashes = if zone.class == "untrusted" { " stroke-dasharray=\"6 4\"" } else { "" };
    let class = match zone.class.as_str() {
        "untrusted" => "box untrusted",
        "it" => "box it",
        _ => "box ot",
    };
    let lines = two_lines(&zone.label);
    let upper = if lines.len() > 1 { top + 24 } else { top + 33 };
    let devices = if zone.devices == 1 { "1 device seen".to_owned() } else { format!("{} devices seen", zone.devices) };
    let _ = write!(
        svg,
        "<g class=\"{class}\"><title>{}</title>\
         <rect x=\"{left}\" y=\"{top}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"#ffffff\" stroke=\"#566371\"{dashes}/>\
         <text class=\"sub\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"13\" fill=\"#566371\">{devices}</text>",
        escaped(&zone.label),
        x = entry.x,
        y = upper + 18 * i32::try_from(lines.len()).unwrap_or(1) + 2,
    );
    for (index, line) in (0_i32..).zip(&lines) {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"15\" font-weight=\"600\" fill=\"#16202a\">{}</text>",
            entry.x,
            upper + 18 * index,
            escaped(line)
        );
    }
    svg.push_str("</g>");
}

/// A name on at most two lines, broken between words where there are any.
fn two_lines(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in name.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let is_cut = lines.len() > 2;
    lines.truncate(2);
    for line in &mut lines {
        if line.chars().count() > LINE_CHARS {
            *line = line.chars().take(LINE_CHARS - 1).chain(['…']).collect();
        }
    }
    if let (true, Some(line)) = (is_cut, lines.last_mut())
        && !line.ends_with('…')
    {
        line.push('…');
    }
    lines
}

fn escaped(text: &str) -> String {
    text.chars()
        // what XML 1.0 does not allow at all would make the whole drawing unreadable
        .filter(|letter| !letter.is_control())
        .fold(String::new(), |mut out, letter| {
            match letter {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(id: &str, class: &str) -> MapZone {
        MapZone { id: id.to_owned(), label: id.to_owned(), class: class.to_owned(), devices: 1 }
    }

    fn link(from: &str, to: &str) -> MapLink {
        MapLink { from: from.to_owned(), to: to.to_owned(), bytes: 1_000, worst: None }
    }

    #[test]
    fn every_zone_and_every_link_between_known_zones_is_drawn() {
        let zones: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .into_iter()
            .map(|id| zone(id, "ot"))
            .chain([zone("o", "untrusted")])
            .collect();
        let links = [link("a", "b"), link("b", "a"), link("a", "o"), link("a", "a"), link("a", "unheard-of")];
        let svg = zone_map_svg(&zones, &links);
        assert_eq!(svg.matches("<rect").count(), 7);
        assert_eq!(svg.matches("class=\"link\"").count(), 3, "inside a zone and to nowhere are not drawn");
    }

    #[test]
    fn boxes_do_not_cover_each_other_and_stay_inside() {
        let zones: Vec<_> =
            (0..11).map(|index| zone(&format!("z{index}"), ["ot", "it", "untrusted"][index % 3])).collect();
        let (placed, _) = place(&zones);
        assert_eq!(placed.len(), 11);
        for (index, one) in placed.iter().enumerate() {
            assert!(one.x - BOX_WIDTH / 2 >= 0 && one.x + BOX_WIDTH / 2 <= WIDTH);
            for other in &placed[index + 1..] {
                assert!((one.x - other.x).abs() >= BOX_WIDTH || (one.y - other.y).abs() >= BOX_HEIGHT);
            }
        }
    }

    #[test]
    fn long_names_are_broken_and_cut() {
        assert_eq!(two_lines("Crew Wi-Fi"), ["Crew Wi-Fi"]);
        assert_eq!(two_lines("Main engine, generators, alarm system"), ["Main engine,", "generators, alarm…"]);
        assert_eq!(two_lines(&"x".repeat(40))[0].chars().count(), LINE_CHARS);
        assert_eq!(two_lines(""), [""]);
    }

    #[test]
    fn names_are_text() {
        let mut hostile = zone("x", "ot");
        hostile.label = "</svg><script>'\"&\u{1}".to_owned();
        let svg = zone_map_svg(&[hostile], &[]);
        assert!(!svg.contains("<script") && !svg.contains('\u{1}'), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
    }
}
