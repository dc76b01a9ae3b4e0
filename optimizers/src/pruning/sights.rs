//! What a trial has to show at a rung.

use search_spaces::{Amount, Course, Forecast, Trail};

use super::Run;

/// What the reports of a trial amounted to at a rung, and half of the way to it: where it stands,
/// and how fast it gets there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    pub earlier: Vec<f64>,
    pub present: Vec<f64>,
}

impl Sight {
    /// Whether it may become as good as the best; not where nothing is known of how trials end.
    pub fn is_promising(&self, forecast: Option<&Forecast>) -> bool {
        forecast.is_some_and(|it| it.is_promising(&self.earlier, &self.present))
    }
}

/// The step of the earlier amount.
pub(super) fn halfway(rung: u64) -> u64 {
    (rung / 2).max(1)
}

/// What a trial had to show at each of the rungs that it came to, in their order.
pub(super) fn sights(run: &Run, rungs: &[u64], course: Course) -> Vec<Sight> {
    let mut amount = Amount::new(course);
    let mut trail = Trail::default();
    for (step, standing) in &run.reports {
        trail.push(*step, amount.after(&standing.objectives));
    }
    let sight = |rung: &u64| {
        let present = trail.at(*rung)?.to_vec();
        Some(Sight { earlier: trail.at(halfway(*rung))?.to_vec(), present })
    };
    rungs.iter().map_while(sight).collect()
}

/// What a whole trial amounts to: its last report, or all of them where that is what counts.
pub(super) fn end(run: &Run, course: Course) -> Vec<f64> {
    run.amount(match course {
        Course::All(aggregate) => Course::All(aggregate),
        Course::Last | Course::Best => Course::Last,
    })
}
