//! The algorithms that learn, by name.

use std::sync::Arc;

use search_spaces::{Point, Space};

use crate::cmaes;
use crate::evolution;
use crate::optimizer::{Strategy, Told};
use crate::options::Reader;

/// What an algorithm is to plan for.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The space.
    pub space: &'a Arc<Space>,
    /// How many objectives there are.
    pub objectives: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// The number of trials that the study is limited to.
    pub trials: Option<u64>,
    /// Points to be evaluated before any other.
    pub first: Vec<Point>,
    /// Results of an earlier study over the same space and objectives.
    pub known: Vec<(Point, Told)>,
}

impl<'a> Task<'a> {
    /// A task with one objective, and nothing to begin with.
    #[must_use]
    pub fn new(space: &'a Arc<Space>, seed: u64, trials: Option<u64>) -> Self {
        Self { space, objectives: 1, seed, trials, first: Vec::new(), known: Vec::new() }
    }
}

/// How many objectives an algorithm can handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objectives {
    One,
    TwoOrMore,
    Any,
}

/// An algorithm that learns.
pub(crate) struct Entry {
    pub name: &'static str,
    /// What it does, in one line, for help and messages.
    pub about: &'static str,
    pub objectives: Objectives,
    /// How many trials may be open when one is asked, unless the user says.
    pub lag: u64,
    /// Makes it, with its options.
    pub make: fn(&mut Reader<'_>, &Task<'_>) -> Result<Box<dyn Strategy>, String>,
}

/// All of them.
pub(crate) const STRATEGIES: &[Entry] = &[
    Entry {
        name: "nsga2",
        about: "evolution by non-dominated rank and crowding; several objectives",
        objectives: Objectives::Any,
        lag: 64,
        make: evolution::nsga2,
    },
    Entry {
        name: "cmaes",
        about: "a normal distribution that learns the problem's shape; restarts; one objective",
        objectives: Objectives::One,
        lag: 64,
        make: cmaes::cmaes,
    },
    Entry {
        name: "de",
        about: "differential evolution that adapts to what succeeds (L-SHADE); one objective",
        objectives: Objectives::One,
        lag: 16,
        make: evolution::de,
    },
];

impl Entry {
    /// Makes the algorithm for a task.
    ///
    /// # Errors
    /// It cannot handle the task, or an option is wrong; says what is allowed.
    pub fn strategy(
        &self,
        reader: &mut Reader<'_>,
        task: &Task<'_>,
    ) -> Result<Box<dyn Strategy>, String> {
        let name = self.name;
        match (self.objectives, task.objectives) {
            (Objectives::One, 2..) => Err(format!(
                "{name} minimises one objective and the study has {}; take nsga2, or choose one \
                 with --objective",
                task.objectives
            )),
            (Objectives::TwoOrMore, 1) => Err(format!(
                "{name} is for two objectives or more and the study has one; take another \
                 algorithm, or add an objective with --objective"
            )),
            _ => (self.make)(reader, task).map_err(|error| format!("{name}: {error}")),
        }
    }
}
