//! What has succeeded: the memories of scale and crossover of SHADE.
//!
//! Tanabe and Fukunaga, "Success-history based parameter adaptation for differential evolution",
//! CEC 2013, in the form of L-SHADE (CEC 2014).

use rand_chacha::ChaCha8Rng;

use crate::draw::{below, cauchy, normal};

/// How one challenger was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Control {
    /// The scale of the differences, F.
    pub scale: f64,
    /// The probability of taking over a gene of the mutant, CR.
    pub crossover: f64,
}

/// The memories, and the successes of the generation.
#[derive(Clone, Debug)]
pub(crate) struct History {
    memories: [Memory; MEMORIES],
    /// The memory that is written next.
    next: usize,
    /// With what the merit was improved by.
    successes: Vec<(Control, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    scale: f64,
    /// None where crossover has come to an end: it is then zero for good.
    crossover: Option<f64>,
}

/// H of the paper.
const MEMORIES: usize = 6;

/// The scale of the draws around a memory.
const SPREAD: f64 = 0.1;

impl Default for History {
    fn default() -> Self {
        let memory = Memory { scale: 0.5, crossover: Some(0.5) };
        Self { memories: [memory; MEMORIES], next: 0, successes: Vec::new() }
    }
}

impl History {
    /// Draws near one of the memories (equations 1 and 2).
    pub fn draw(&self, generator: &mut ChaCha8Rng) -> Control {
        let memory = self.memories[below(generator, MEMORIES)];
        let crossover = memory
            .crossover
            .map_or(0.0, |mean| (mean + SPREAD * normal(generator)).clamp(0.0, 1.0));
        let scale = loop {
            let drawn = memory.scale + SPREAD * cauchy(generator);
            if drawn > 0.0 {
                break drawn.min(1.0);
            }
        };
        Control { scale, crossover }
    }

    /// A challenger was better, by so much; infinitely, where the two have no numbers to compare.
    pub fn succeeded(&mut self, control: Control, gain: f64) {
        self.successes.push((control, gain));
    }

    /// Ends a generation: one memory becomes the weighted Lehmer mean of what succeeded
    /// (equations 7 to 9 and algorithm 1).
    pub fn learn(&mut self) {
        let largest = self.successes.iter().map(|(_, gain)| *gain).filter(|gain| gain.is_finite());
        let largest = largest.fold(0.0, f64::max);
        let successes = self.successes.drain(..).map(|(control, gain)| {
            let weight = if gain.is_finite() { gain } else { largest };
            (control, if largest > 0.0 { weight / largest } else { 1.0 })
        });
        let (mut scales, mut crossovers, mut any) = ([0.0; 2], [0.0; 2], false);
        for (control, weight) in successes {
            any = true;
            for (sums, value) in
                [(&mut scales, control.scale), (&mut crossovers, control.crossover)]
            {
                sums[0] += weight * value * value;
                sums[1] += weight * value;
            }
        }
        if !any {
            return;
        }
        let memory = &mut self.memories[self.next];
        memory.scale = scales[0] / scales[1];
        memory.crossover =
            memory.crossover.filter(|_| crossovers[1] > 0.0).map(|_| crossovers[0] / crossovers[1]);
        self.next = (self.next + 1) % MEMORIES;
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn draws_move_to_what_has_succeeded() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut history = History::default();
        for _ in 0..MEMORIES {
            // The greater success counts nine times as much: means of 0.87 and 0.13.
            history.succeeded(Control { scale: 0.9, crossover: 0.1 }, 9.0);
            history.succeeded(Control { scale: 0.3, crossover: 0.2 }, 1.0);
            history.learn();
        }
        let draws: Vec<Control> = (0..2000).map(|_| history.draw(&mut generator)).collect();
        let mean = draws.iter().map(|each| each.crossover).sum::<f64>() / 2000.0;
        assert!((0.1..0.16).contains(&mean), "{mean}");
        let large = draws.iter().filter(|each| each.scale > 0.7).count();
        assert!(large > 1500, "{large} of 2000");
        assert!(draws.iter().all(|each| each.scale > 0.0 && each.scale <= 1.0));
    }

    #[test]
    fn a_crossover_that_has_ended_stays_at_zero() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut history = History::default();
        for _ in 0..MEMORIES {
            history.succeeded(Control { scale: 0.5, crossover: 0.0 }, 1.0);
            history.learn();
        }
        history.succeeded(Control { scale: 0.5, crossover: 0.9 }, f64::INFINITY);
        history.learn();
        assert!((0..50).all(|_| history.draw(&mut generator).crossover == 0.0));
    }

    #[test]
    fn without_success_nothing_changes() {
        let mut history = History::default();
        history.learn();
        assert_eq!(history.next, 0);
    }
}
