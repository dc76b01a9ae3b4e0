//! The algorithms by name.

use std::fmt;
use std::sync::Arc;

use search_spaces::{Sequence, Space, nearest};

use crate::cube::CubeSearch;
use crate::distinct::Distinct;
use crate::grid::GridSearch;
use crate::latin_hypercube::LatinHypercube;
use crate::optimizer::Optimizer;
use crate::random::RandomSearch;
use crate::sobol::SobolSequence;

/// An algorithm and its options, as written on the command line: `grid`, `grid:shuffle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Grid { shuffle: bool },
    Random,
    Sobol,
    LatinHypercube,
}

/// Where the points of a study come from.
pub enum Plan {
    /// From their number alone.
    Sequence(Arc<dyn Sequence>),
    /// From an optimizer.
    Optimizer {
        /// It.
        optimizer: Box<dyn Optimizer>,
        /// Whether what it is told changes what it asks; if not, nothing has to wait for it.
        learns: bool,
    },
}

/// Name, what it does, for help and messages.
const NAMES: [(&str, &str); 5] = [
    ("grid", "every combination, the last parameter fastest"),
    ("grid:shuffle", "every combination, in an order shuffled by the seed"),
    ("random", "independent uniform points"),
    ("sobol", "scrambled Sobol sequence: an even spread, at any length"),
    ("lhs", "Latin hypercube: every parameter evenly sampled; needs --trials"),
];

impl Algorithm {
    /// The algorithm of a name.
    ///
    /// # Errors
    /// The name is unknown; says which there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let kind = match name {
            "grid" => Kind::Grid { shuffle: false },
            "grid:shuffle" => Kind::Grid { shuffle: true },
            "random" => Kind::Random,
            "sobol" => Kind::Sobol,
            "lhs" => Kind::LatinHypercube,
            unknown => {
                let names = NAMES.map(|(name, _)| name);
                let hint = nearest(unknown, names)
                    .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
                let names = names.join(", ");
                return Err(format!("found \"{unknown}\"{hint}, allowed: {names}"));
            }
        };
        Ok(Self { kind })
    }

    /// All names, each with one line of what it does.
    #[must_use]
    pub fn names() -> &'static [(&'static str, &'static str)] {
        &NAMES
    }

    /// Makes the plan for a space.
    ///
    /// `trials` is the number of trials that the study is limited to; Latin hypercubes are
    /// divided by it.
    ///
    /// # Errors
    /// The algorithm cannot plan this space; says why and what to do.
    pub fn plan(&self, space: &Arc<Space>, seed: u64, trials: Option<u64>) -> Result<Plan, String> {
        let dimensions = space.parameters().len();
        let shared = || Arc::clone(space);
        let sequence: Arc<dyn Sequence> = match self.kind {
            Kind::Grid { shuffle } => Arc::new(GridSearch::new(shared(), shuffle.then_some(seed))?),
            Kind::Random => Arc::new(RandomSearch::new(shared(), seed)),
            Kind::Sobol if dimensions > SobolSequence::MAX_DIMENSIONS => {
                let most = SobolSequence::MAX_DIMENSIONS;
                return Err(format!(
                    "sobol has {most} dimensions at most and the space has {dimensions}; \
                     take random or lhs"
                ));
            }
            Kind::Sobol => {
                Arc::new(CubeSearch::new(shared(), SobolSequence::new(dimensions, seed)))
            }
            Kind::LatinHypercube => {
                if let Some(trials) = trials.filter(|n| *n > LatinHypercube::MAX_SAMPLES) {
                    let most = LatinHypercube::MAX_SAMPLES;
                    return Err(format!("lhs has {most} strata at most, found {trials} trials"));
                }
                let trials = trials.filter(|trials| *trials > 0).ok_or(
                    "lhs divides every parameter into as many parts as there are trials: \
                     say how many with --trials N",
                )?;
                Arc::new(CubeSearch::new(shared(), LatinHypercube::new(trials, dimensions, seed)))
            }
        };
        // Where the space is finite, no point is evaluated twice.
        if space.cardinality().is_some() && !sequence.is_distinct() {
            let optimizer = Box::new(Distinct::new(sequence, space, seed));
            return Ok(Plan::Optimizer { optimizer, learns: false });
        }
        Ok(Plan::Sequence(sequence))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.kind {
            Kind::Grid { shuffle: false } => "grid",
            Kind::Grid { shuffle: true } => "grid:shuffle",
            Kind::Random => "random",
            Kind::Sobol => "sobol",
            Kind::LatinHypercube => "lhs",
        })
    }
}
