//! How far a study is, on a terminal or in a log.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::{Best, Contradiction, Counts};

use crate::logs;

/// A snapshot of a running study.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// How the trials ended.
    pub counts: Counts,
    /// Of those evaluated, the ones that were there when this run began.
    pub resumed: u64,
    /// How much of the total is done.
    pub done: u64,
    /// What is aimed at, where that is known: trials, or numbers of the plan.
    pub total: Option<u64>,
    /// The best value of each objective.
    pub best: Vec<Best>,
    /// Trials on the frontier.
    pub frontier: u64,
    /// Trials per second, lately.
    pub rate: f64,
    /// The first trial that failed, and why.
    pub first_failure: Option<(u64, String)>,
    /// Trials that were run a second time to compare.
    pub audited: u64,
    /// Trials that should have been, and were not yet.
    pub audit_left: u64,
    /// Trials that gave two different results.
    pub contradicted: u64,
    /// The first hundred of them.
    pub contradictions: Vec<Contradiction>,
    /// Why running the study again may give another table.
    pub tainted: Option<String>,
    /// What ended the study early.
    pub reason: Option<String>,
    /// Jobs pushed and not answered.
    pub jobs_in_flight: u64,
    /// Trials of the table that the view lacks.
    pub view_lag: u64,
    /// Whether all trials are done, and the last of them are being written.
    pub is_writing: bool,
}

impl Progress {
    /// Time left at the present speed, where the end is known.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done);
        let seconds = left as f64 / self.rate;
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn details(&self) -> String {
        let mut parts = Vec::new();
        if self.is_writing {
            parts.push("writing the last trials to DuckDB".to_owned());
        }
        for best in &self.best {
            parts.push(format!("best {} {}", best.metric, short(best.value)));
        }
        parts.push(format!("frontier {}", self.frontier));
        let Counts { failed, pruned, infeasible, .. } = self.counts;
        if let Some(saved) = self.counts.saved() {
            parts.push(format!("{:.0} % saved", 100.0 * saved));
        }
        for (count, name) in [
            (failed, "failed"),
            (pruned, "pruned"),
            (infeasible, "infeasible"),
            (self.contradicted, "not repeatable"),
        ] {
            if count > 0 {
                parts.push(format!("{} {name}", thousands(count)));
            }
        }
        parts.join(" · ")
    }
}

/// A number in as few characters as tell it apart: five significant digits.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.4e}");
    }
    let decimals = (4.0 - libm::floor(libm::log10(size))).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A whole number with a comma between thousands.
#[must_use]
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as people say it: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A speed as people say it: `1,234 trials/s`, `2.8 trials/s`, `4.2 s a trial`.
#[must_use]
pub fn speed(rate: f64) -> String {
    match rate {
        _ if rate >= 20.0 => format!("{} trials/s", thousands(rate as u64)),
        _ if rate >= 1.0 => format!("{rate:.1} trials/s"),
        _ if rate > 0.0 => {
            let time = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(LONGEST);
            format!("{} a trial", duration(time))
        }
        _ => "no trial yet".to_owned(),
    }
}

/// A longer time than this is not foretold.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// Shows progress: a bar where standard error is a terminal, a line now and then elsewhere.
pub struct Display {
    bar: Option<ProgressBar>,
    lines: u32,
    ticks_to_line: u32,
}

/// In a log, lines get rarer, up to one in so many looks.
const RAREST_LINE: u32 = 600;

impl Display {
    /// A display for a study with this many trial numbers. Programs that read standard error have
    /// metrics and `status.json` instead.
    #[must_use]
    pub fn new(is_terminal: bool, quiet: bool, total: Option<u64>) -> Self {
        let quiet = quiet || logs::is_json();
        let bar = (is_terminal && !quiet).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(total, target);
            let template = match total {
                Some(_) => "{bar:30.cyan} {human_pos}/{human_len} {prefix}\n{wide_msg}",
                None => "{spinner} {human_pos} {prefix}\n{wide_msg}",
            };
            let style = ProgressStyle::with_template(template).expect("a valid template");
            bar.set_style(style.progress_chars("━╸─"));
            bar
        });
        logs::write_above(bar.clone());
        Self { bar, lines: if quiet { u32::MAX } else { 0 }, ticks_to_line: 10 }
    }

    /// Shows a snapshot; called about ten times a second.
    pub fn show(&mut self, progress: &Progress) {
        let left = match progress.time_left() {
            Some(left) if left < LONGEST => format!(", {} left", duration(left)),
            _ => String::new(),
        };
        let rate = format!("{}{left}", speed(progress.rate));
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done);
            bar.set_prefix(rate);
            bar.set_message(progress.details());
            bar.tick();
            return;
        }
        self.ticks_to_line = self.ticks_to_line.saturating_sub(1);
        if self.ticks_to_line > 0 || self.lines == u32::MAX {
            return;
        }
        self.lines += 1;
        self.ticks_to_line = (20 * self.lines).min(RAREST_LINE);
        let of = progress.total.map_or(String::new(), |total| format!("/{}", thousands(total)));
        let numbers = thousands(progress.done);
        crate::say!("{numbers}{of} trials · {rate} · {}", progress.details());
    }

    /// Takes the bar away, so that other lines can follow.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            logs::write_above(None);
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.580_388_3, "0.58039"),
            (51_657.783, "51658"),
            (-0.000_012_3, "-1.2300e-5"),
            (1e9, "1.0000e9"),
            (100.0, "100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
    }

    #[test]
    fn speeds_are_as_people_say_them() {
        for (rate, text) in
            [(1234.5, "1,234 trials/s"), (2.84, "2.8 trials/s"), (0.25, "4.0 s a trial")]
        {
            assert_eq!(speed(rate), text);
        }
        assert_eq!(speed(0.0), "no trial yet");
    }

    #[test]
    fn durations_are_as_people_say_them() {
        for (seconds, text) in
            [(0.85, "850 ms"), (12.34, "12.3 s"), (245.0, "4 min 05 s"), (7800.0, "2 h 10 min")]
        {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
    }
}
