//! The algorithms that learn, by name.

use std::sync::Arc;

use search_spaces::{Point, Space};

use crate::bayes;
use crate::classical;
use crate::cmaes;
use crate::evolution;
use crate::optimizer::{Strategy, Told};
use crate::options::Reader;
use crate::tpe;

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
    Any,
}

/// Reads the options of an algorithm and makes it; says what is allowed where it cannot.
pub(crate) type Make = fn(&mut Reader<'_>, &Task<'_>) -> Result<Box<dyn Strategy>, String>;

/// An algorithm that learns.
pub(crate) struct Entry {
    pub name: &'static str,
    /// What it does, in one line, for help and messages.
    pub about: &'static str,
    pub objectives: Objectives,
    /// How many trials may be open when one is asked, unless the user says.
    pub lag: u64,
    /// Makes it, with its options.
    pub make: Make,
}

/// All of them.
pub(crate) const STRATEGIES: &[Entry] = &[
    Entry {
        name: "nsga2",
        about: "evolution by non-dominated rank and crowding; several objectives",
        objectives: Objectives::Any,
        lag: 32,
        make: evolution::nsga2,
    },
    Entry {
        name: "nsga3",
        about: "evolution by rank and evenly spread directions; three objectives or more",
        objectives: Objectives::Any,
        lag: 32,
        make: evolution::nsga3,
    },
    Entry {
        name: "smsemoa",
        about: "evolution by hypervolume; two or three objectives, the best spread front",
        objectives: Objectives::Any,
        lag: 64,
        make: evolution::smsemoa,
    },
    Entry {
        name: "moead",
        about: "evolution by decomposition into many single objectives; several objectives",
        objectives: Objectives::Any,
        lag: 64,
        make: evolution::moead,
    },
    Entry {
        name: "tpe",
        about: "densities of the good and of the other trials; any space, few trials",
        objectives: Objectives::Any,
        lag: 16,
        make: tpe::tpe,
    },
    Entry {
        name: "bayes",
        about: "Gaussian processes and expected improvement; for trials that take long",
        objectives: Objectives::Any,
        lag: 4,
        make: bayes::bayes,
    },
    Entry {
        name: "nelder-mead",
        about: "simplexes that roll downhill from the best starts found; one objective, numbers",
        objectives: Objectives::One,
        lag: 1,
        make: classical::nelder_mead,
    },
    Entry {
        name: "pso",
        about: "a particle swarm, drawn to the best points that it has been at",
        objectives: Objectives::One,
        lag: 12,
        make: classical::pso,
    },
    Entry {
        name: "annealing",
        about: "walkers that take ever smaller steps, and ever fewer of them uphill; one objective",
        objectives: Objectives::One,
        lag: 1,
        make: classical::annealing,
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
    /// Whether it can handle so many objectives.
    pub fn handles(&self, objectives: usize) -> bool {
        match self.objectives {
            Objectives::One => objectives == 1,
            Objectives::Any => true,
        }
    }

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
            _ => (self.make)(reader, task).map_err(|error| format!("{name}: {error}")),
        }
    }
}
