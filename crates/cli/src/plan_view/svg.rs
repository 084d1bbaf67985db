//! The plan as a picture for slides and READMEs: jobs as boxes from left to right as data flows, in the colours of their phases, the
//! critical path drawn in ink.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use charmer_compose::engine::job::Phase;

use crate::text::{count, duration, harmless};

use super::Plan;
use super::colours::{ink, tint};
use super::layered::Drawing;

const MARGIN: f64 = 36.0;
const HEADER: f64 = 104.0;
const LEGEND_ROW: f64 = 26.0;
const BOX_HEIGHT: f64 = 44.0;
const BOX_PADDING: f64 = 11.0;
const COLUMN_GAP: f64 = 46.0;
const NAME_SIZE: f64 = 13.0;
const SCOPE_SIZE: f64 = 11.0;
const INK: &str = "#1b2430";
const MUTED: &str = "#667386";
const EDGE: &str = "#b4bdca";
const FONT: &str = "Inter, 'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif";

pub fn picture(plan: &Plan) -> String {
    let critical: BTreeSet<(usize, usize)> = plan.critical_edges().collect();
    let drawing = Drawing::new(&plan.needs, &critical, BOX_HEIGHT);
    let page = Page::new(plan, &drawing);
    let mut svg = Svg::begin(page.width, page.height);
    title(&mut svg, plan);
    lanes(&mut svg, plan, &drawing, &page);
    edges(&mut svg, plan, &drawing, &page);
    for place in 0..plan.jobs.len() {
        job_box(&mut svg, plan, &drawing, &page, place);
    }
    legend(&mut svg, plan, &page);
    svg.end()
}

/// Where columns are, and how big the picture is.
struct Page {
    /// Left edge and width of each column.
    columns: Vec<(f64, f64)>,
    width: f64,
    height: f64,
    graph_height: f64,
}

impl Page {
    fn new(plan: &Plan, drawing: &Drawing) -> Self {
        let mut widths = vec![80.0_f64; drawing.layers];
        for spot in &drawing.spots {
            if let Some(node) = spot.node {
                widths[spot.layer] = widths[spot.layer].max(box_width(plan, node));
            }
        }
        let mut x = MARGIN + COLUMN_GAP / 4.0;
        let mut columns = Vec::with_capacity(widths.len());
        for width in widths {
            columns.push((x, width));
            x += width + COLUMN_GAP;
        }
        // Wide enough for the title, even over three jobs.
        let width = (x - COLUMN_GAP * 0.75 + MARGIN).max(760.0);
        let legend_rows = legend_entries(plan, width).last().map_or(0.0, |entry| entry.row as f64 + 1.0);
        let height = HEADER + drawing.height + 48.0 + legend_rows * LEGEND_ROW + MARGIN;
        Self { columns, width, height, graph_height: drawing.height }
    }
}

fn title(svg: &mut Svg, plan: &Plan) {
    let work: f64 = plan.jobs.iter().map(|job| job.estimate).sum();
    svg.text(MARGIN, 44.0, 22.0, INK, "600", &plan.title);
    let sum = format!(
        "{}, about {} of work, {} on the critical path",
        count(plan.jobs.len(), "job"),
        duration(work),
        duration(plan.critical.seconds)
    );
    svg.text(MARGIN, 66.0, 13.0, MUTED, "400", &sum);
}

/// A band behind each column, in the colour of its phase where all its jobs have the same.
fn lanes(svg: &mut Svg, plan: &Plan, drawing: &Drawing, page: &Page) {
    for (layer, &(x, width)) in page.columns.iter().enumerate() {
        let nodes = drawing.spots.iter().filter(|spot| spot.layer == layer).filter_map(|spot| spot.node);
        let phases: BTreeSet<Phase> = nodes.map(|node| plan.jobs[node].phase).collect();
        let colour = if let [only] = phases.iter().collect::<Vec<_>>()[..] { ink(*only) } else { "#8a94a6".to_owned() };
        let (left, width) = (x - COLUMN_GAP / 4.0, width + COLUMN_GAP / 2.0);
        let (top, height) = (HEADER - 20.0, page.graph_height + 40.0);
        svg.element(format_args!(
            r#"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="14" fill="{colour}" fill-opacity="0.045"/>"#
        ));
    }
}

fn edges(svg: &mut Svg, plan: &Plan, drawing: &Drawing, page: &Page) {
    let mut critical: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (from, to) in plan.critical_edges() {
        critical.extend(drawing.path(from, to).windows(2).map(|pair| (pair[0], pair[1])));
    }
    let usual = drawing.links.iter().copied().filter(|link| !critical.contains(link));
    strokes(svg, drawing, page, usual, EDGE, 1.5, "arrow");
    strokes(svg, drawing, page, critical.iter().copied(), INK, 2.6, "arrow-critical");
}

fn strokes(
    svg: &mut Svg,
    drawing: &Drawing,
    page: &Page,
    links: impl Iterator<Item = (usize, usize)>,
    colour: &str,
    width: f64,
    arrow: &str,
) {
    svg.element(format_args!(r#"<g fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round">"#));
    for (from, to) in links {
        let (start, end) = (&drawing.spots[from], &drawing.spots[to]);
        let (x, column) = page.columns[start.layer];
        // A passage is crossed on its own height.
        let across = if start.node.is_none() { x } else { x + column };
        let (x1, y1) = (x + column, start.y + HEADER);
        let is_node = end.node.is_some();
        let (x2, y2) = (page.columns[end.layer].0 - if is_node { 6.0 } else { 0.0 }, end.y + HEADER);
        let bend = (x2 - x1) * 0.5;
        let marker = if is_node { format!(r#" marker-end="url(#{arrow})""#) } else { String::new() };
        svg.element(format_args!(
            r#"<path d="M{across:.1} {y1:.1}H{x1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}"{marker}/>"#,
            x1 + bend,
            x2 - bend,
        ));
    }
    svg.element(format_args!("</g>"));
}

fn job_box(svg: &mut Svg, plan: &Plan, drawing: &Drawing, page: &Page, place: usize) {
    let job = &plan.jobs[place];
    let spot = &drawing.spots[place];
    let (x, width) = page.columns[spot.layer];
    let y = spot.y + HEADER - BOX_HEIGHT / 2.0;
    let critical = plan.critical.jobs.contains(&place);
    let (fill, phase_ink) = (tint(job.phase), ink(job.phase));
    let (border, border_width) = if critical { (INK, 2.4) } else { (phase_ink.as_str(), 1.4) };
    let dashes = if job.failable { r#" stroke-dasharray="6 4""# } else { "" };
    svg.element(format_args!("<g><title>{}</title>", escaped(&tooltip(plan, place))));
    svg.element(format_args!(
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{BOX_HEIGHT}" rx="9" fill="{fill}" stroke="{border}" stroke-width="{border_width}"{dashes}/>"#
    ));
    let (name, scope) = label(plan, place);
    let left = x + BOX_PADDING;
    svg.text(left, y + 18.5, NAME_SIZE, &phase_ink, "600", &name);
    svg.text(left, y + 34.5, SCOPE_SIZE, INK, "400", &scope);
    let right = x + width - BOX_PADDING;
    svg.element(format_args!(
        r#"<text x="{right:.1}" y="{:.1}" font-size="{SCOPE_SIZE}" fill="{MUTED}" text-anchor="end">{}</text></g>"#,
        y + 18.5,
        escaped(&duration(job.estimate))
    ));
}

fn tooltip(plan: &Plan, place: usize) -> String {
    let job = &plan.jobs[place];
    let needs: Vec<&str> = job.needs.iter().map(charmer_compose::engine::JobId::as_str).collect();
    let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
    format!("{}\nneeds {needs}{}", job.job, if job.failable { "\nmay fail" } else { "" })
}

/// The two lines of a box: what the job does, and for what.
fn label(plan: &Plan, place: usize) -> (String, String) {
    let id = plan.jobs[place].job.as_str();
    let (name, scope) = id.split_once(':').unwrap_or((id, "whole compose"));
    (name.to_owned(), scope.to_owned())
}

fn box_width(plan: &Plan, place: usize) -> f64 {
    let (name, scope) = label(plan, place);
    let first = text_width(&name, NAME_SIZE) * 1.08 + text_width(&duration(plan.jobs[place].estimate), SCOPE_SIZE) + 12.0;
    first.max(text_width(&scope, SCOPE_SIZE)) + 2.0 * BOX_PADDING
}

/// What text may take in the widest of the fonts.
fn text_width(text: &str, size: f64) -> f64 {
    console::measure_text_width(text) as f64 * size * 0.62
}

/// A phase in the legend.
struct LegendEntry {
    phase: Option<Phase>,
    text: String,
    x: f64,
    row: usize,
}

/// Phases, the critical path (no phase), and what may fail (no phase), in rows as wide as the picture.
fn legend_entries(plan: &Plan, width: f64) -> Vec<LegendEntry> {
    let phases = plan.phases().into_iter().map(|(phase, jobs)| (Some(phase), format!("{phase} {}", jobs.len())));
    let others = [(None, "critical path".to_owned()), (None, "may fail".to_owned())];
    let (mut x, mut row) = (MARGIN, 0);
    let entries = phases.chain(others).map(|(phase, text)| {
        let entry_width = 44.0 + text_width(&text, 12.0);
        if x + entry_width > width - MARGIN && x > MARGIN {
            (x, row) = (MARGIN, row + 1);
        }
        let entry = LegendEntry { phase, text, x, row };
        x += entry_width;
        entry
    });
    entries.collect()
}

fn legend(svg: &mut Svg, plan: &Plan, page: &Page) {
    let top = HEADER + page.graph_height + 56.0;
    for entry in legend_entries(plan, page.width) {
        let (x, y) = (entry.x, top + entry.row as f64 * LEGEND_ROW);
        match entry.phase {
            Some(phase) => svg.element(format_args!(
                r#"<rect x="{x:.1}" y="{y:.1}" width="18" height="14" rx="4" fill="{}" stroke="{}" stroke-width="1.4"/>"#,
                tint(phase),
                ink(phase)
            )),
            None if entry.text == "critical path" => svg.element(format_args!(
                r#"<path d="M{x:.1} {:.1}h18" stroke="{INK}" stroke-width="2.6" stroke-linecap="round"/>"#,
                y + 7.0
            )),
            None => svg.element(format_args!(
                r##"<rect x="{x:.1}" y="{y:.1}" width="18" height="14" rx="4" fill="#ffffff" stroke="{MUTED}" stroke-width="1.4" stroke-dasharray="4 3"/>"##
            )),
        }
        svg.text(x + 25.0, y + 11.0, 12.0, INK, "400", &entry.text);
    }
}

/// The document as it is written.
struct Svg {
    text: String,
}

impl Svg {
    fn begin(width: f64, height: f64) -> Self {
        let mut svg = Self { text: String::new() };
        svg.element(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="{FONT}">"#
        ));
        for (name, colour) in [("arrow", EDGE), ("arrow-critical", INK)] {
            svg.element(format_args!(
                r#"<marker id="{name}" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L8 4L0 7.5z" fill="{colour}"/></marker>"#
            ));
        }
        svg.element(format_args!(r##"<rect width="100%" height="100%" fill="#ffffff"/>"##));
        svg
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("a string can be written to");
    }

    fn text(&mut self, x: f64, y: f64, size: f64, colour: &str, weight: &str, text: &str) {
        let text = escaped(text);
        self.element(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" fill="{colour}" font-weight="{weight}">{text}</text>"#
        ));
    }

    fn end(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// Text that cannot leave its element.
fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(harmless).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
