//! The live part of the terminal as text: phase bars, running jobs, and how long it may still take. Pure; drawing is elsewhere.

use charmer_compose::engine::event::Unit;

use crate::paint::{Paint, Tone};
use crate::text::{count, fit, harmless, pad, rough_duration, size};

use super::run::{JobState, PhaseCount, Run, Transfer};

/// A phase's cell: name, bar, count.
const CELL_WIDTH: usize = 32;
const PHASE_BAR: usize = 8;
const TRANSFER_BAR: usize = 16;
/// On narrower terminals words have the room of the bar.
const WIDTH_FOR_TRANSFER_BAR: usize = 80;

/// The terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub width: usize,
    pub height: usize,
}

/// The lines to show now, none wider than the terminal and all together no higher than half of it, but never less than three.
pub fn lines(run: &Run, now: f64, space: Space, paint: Paint) -> Vec<String> {
    if run.jobs.is_empty() || run.duration.is_some() {
        return Vec::new();
    }
    let budget = (space.height / 2).max(3);
    let mut lines = phase_rows(&run.phases(), space.width, budget / 3, paint);
    lines.extend(job_rows(run, now, space.width, budget - lines.len() - 1, paint));
    lines.push(footer(run, now, paint));
    // A line as wide as the terminal makes some terminals wrap.
    lines.into_iter().map(|line| fit(&line, space.width.saturating_sub(1))).collect()
}

/// Bars of all phases if there is room, else of those at work.
fn phase_rows(phases: &[PhaseCount], width: usize, budget: usize, paint: Paint) -> Vec<String> {
    let columns = (width / CELL_WIDTH).max(1);
    let at_work: Vec<PhaseCount> = phases.iter().filter(|phase| phase.running > 0).copied().collect();
    let shown = if phases.len() <= columns * budget { phases } else { &at_work };
    let cells: Vec<String> = shown.iter().map(|phase| phase_cell(*phase, paint)).collect();
    cells.chunks(columns).take(budget).map(|row| row.join("").trim_end().to_owned()).collect()
}

fn phase_cell(phase: PhaseCount, paint: Paint) -> String {
    let tone = match phase {
        PhaseCount { failed: 1.., .. } => Tone::Bad,
        PhaseCount { ended, total, .. } if ended == total => Tone::Good,
        PhaseCount { running: 1.., .. } => Tone::Accent,
        _ => Tone::Dim,
    };
    let name = paint.text(if tone == Tone::Accent { Tone::Strong } else { Tone::Plain }, &pad(phase.phase.name(), 14));
    let cell = format!(
        "{name} {} {}/{}",
        bar(phase.ended as f64 / phase.total as f64, PHASE_BAR, tone, paint),
        phase.ended,
        phase.total
    );
    pad(&cell, CELL_WIDTH)
}

fn bar(part: f64, width: usize, tone: Tone, paint: Paint) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats to integers saturates")]
    let full = ((part.clamp(0.0, 1.0) * width as f64) as usize).min(width);
    format!("{}{}", paint.text(tone, &"━".repeat(full)), paint.text(Tone::Dim, &"╌".repeat(width - full)))
}

/// The running jobs, those that run longest first.
fn job_rows(run: &Run, now: f64, width: usize, budget: usize, paint: Paint) -> Vec<String> {
    let mut running: Vec<(&JobState, f64)> = run.running().collect();
    running.sort_by(|left, right| left.1.total_cmp(&right.1));
    let shown = if running.len() > budget { budget.saturating_sub(1) } else { running.len() };
    let name_width =
        running[..shown].iter().map(|(job, _)| job.plan.job.as_str().chars().count()).max().unwrap_or(0).min(width * 2 / 5);
    let row = |(job, since): &(&JobState, f64)| {
        let name = pad(&fit(&harmless(job.plan.job.as_str()), name_width), name_width);
        let elapsed = format!("{:>7}", rough_duration(now - since));
        let transfer = job.transfer.as_ref().map(|transfer| transfer_text(transfer, width, paint)).unwrap_or_default();
        format!("{} {name} {} {transfer}", paint.text(Tone::Accent, "▸"), paint.text(Tone::Dim, &elapsed)).trim_end().to_owned()
    };
    let mut rows: Vec<String> = running[..shown].iter().map(row).collect();
    if shown < running.len() {
        rows.push(paint.text(Tone::Dim, &format!("  and {}", count(running.len() - shown, "more running job"))));
    }
    rows
}

fn transfer_text(transfer: &Transfer, width: usize, paint: Paint) -> String {
    if width < WIDTH_FOR_TRANSFER_BAR {
        return transfer_words(transfer);
    }
    let part = if transfer.total == 0 { 1.0 } else { transfer.done as f64 / transfer.total as f64 };
    format!(" {} {}", bar(part, TRANSFER_BAR, Tone::Accent, paint), transfer_words(transfer))
}

/// `212.4 MiB of 1.1 GiB, 12.3 MiB/s, 1:12 left`.
pub fn transfer_words(transfer: &Transfer) -> String {
    let total = || usize::try_from(transfer.total).unwrap_or(usize::MAX);
    let mut words = vec![match transfer.unit {
        Unit::Bytes => format!("{} of {}", size(transfer.done), size(transfer.total)),
        Unit::Packages => format!("{} of {}", transfer.done, count(total(), "package")),
        Unit::Files => format!("{} of {}", transfer.done, count(total(), "file")),
    }];
    if let (Unit::Bytes, Some(rate)) = (transfer.unit, transfer.rate()) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and finite")]
        words.push(size(rate as u64) + "/s");
    }
    if let Some(left) = transfer.remaining().filter(|_| transfer.done < transfer.total) {
        words.push(rough_duration(left) + " left");
    }
    words.join(", ")
}

/// `12 of 34 jobs, 3:20, about 4:10 left on the critical path (now fetch:Server), 2 warnings`.
fn footer(run: &Run, now: f64, paint: Paint) -> String {
    let jobs = format!("{} of {}", run.ended(), count(run.jobs.len(), "job"));
    let mut words = vec![paint.text(Tone::Strong, &jobs), rough_duration(now - run.started)];
    words.extend(remaining_words(run, now));
    if run.warnings > 0 {
        words.push(paint.text(Tone::Warning, &count(run.warnings, "warning")));
    }
    if run.fatal_findings > 0 {
        words.push(paint.text(Tone::Bad, &count(run.fatal_findings, "fatal finding")));
    }
    words.join(", ")
}

/// `about 4:10 left on the critical path (now fetch:Server)`, or nothing when all have ended.
pub fn remaining_words(run: &Run, now: f64) -> Option<String> {
    let chain = run.remaining(now);
    let job = harmless(run.jobs[*chain.jobs.first()?].plan.job.as_str());
    Some(format!("about {} left on the critical path (now {job})", rough_duration(chain.seconds)))
}
