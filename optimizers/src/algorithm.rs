//! The algorithms by name.

use std::fmt;
use std::sync::{Arc, LazyLock};

use search_spaces::{Sequence, Space, nearest};

use crate::ahead::Ahead;
use crate::auto;
use crate::cube::CubeSearch;
use crate::distinct::Distinct;
use crate::grid::GridSearch;
use crate::in_order::InOrder;
use crate::latin_hypercube::LatinHypercube;
use crate::optimizer::Optimizer;
use crate::options::Options;
use crate::polish::Polish;
use crate::random::RandomSearch;
use crate::search::Search;
use crate::sobol::SobolSequence;
use crate::strategies::{Entry, STRATEGIES, Task};

/// An algorithm and its options, as written on the command line: `grid`, `grid:shuffle`,
/// `nsga2:population=200`. With `+polish=200` behind it, its best trials are refined by 200 further
/// ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    kind: Kind,
    /// So many trials after its own refine the best of them.
    polish: Option<u64>,
}

/// What stands between an algorithm and the number of trials that refine its best.
const POLISH: &str = "+polish=";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Grid {
        shuffle: bool,
    },
    Random,
    Sobol,
    LatinHypercube,
    /// The place among those that learn.
    Strategy(usize, Options),
    /// Whichever suits the task.
    Auto(Options),
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

/// The one that stands for another.
const AUTO: (&str, &str) =
    ("auto", "whichever of the others suits the space, the objectives and the number of trials");

/// Name, what it does, for help and messages.
const SEQUENCES: [(&str, &str); 5] = [
    ("grid", "every combination, the last parameter fastest"),
    ("grid:shuffle", "every combination, in an order shuffled by the seed"),
    ("random", "independent uniform points"),
    ("sobol", "scrambled Sobol sequence: an even spread, at any length"),
    ("lhs", "Latin hypercube: every parameter evenly sampled; needs --trials"),
];

static NAMES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let learning = STRATEGIES.iter().map(|entry| (entry.name, entry.about));
    [AUTO].into_iter().chain(SEQUENCES).chain(learning).collect()
});

/// The part of all trials that may be open by default.
const LAG_SHARE: u64 = 64;

/// The lag of a sequence whose best trials are refined.
const SEQUENCE_LAG: u64 = 256;

impl Algorithm {
    /// The algorithm of a name, with the options behind it.
    ///
    /// # Errors
    /// The name is unknown; says which there are. Options are looked at by [`Algorithm::plan`].
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((before, trials)) = text.rsplit_once(POLISH) {
            let count = trials.parse().ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| {
                format!("found polish={trials}, allowed: a number of trials from 1")
            })?;
            return Self::parse(before)?.polished(count);
        }
        let kind = match text {
            "grid" => Kind::Grid { shuffle: false },
            "grid:shuffle" => Kind::Grid { shuffle: true },
            "random" => Kind::Random,
            "sobol" => Kind::Sobol,
            "lhs" => Kind::LatinHypercube,
            text => {
                let (name, options) = text.split_once(':').unwrap_or((text, ""));
                let found = STRATEGIES.iter().position(|entry| entry.name == name);
                if found.is_none() && name != "auto" {
                    return Err(unknown(text));
                }
                let options = match options {
                    "" => Options::default(),
                    options => {
                        Options::parse(options).map_err(|error| format!("{name}: {error}"))?
                    }
                };
                match found {
                    Some(place) => Kind::Strategy(place, options),
                    None => Kind::Auto(options),
                }
            }
        };
        Ok(Self { kind, polish: None })
    }

    /// The same algorithm, after which `trials` further ones refine the best of its own.
    ///
    /// # Errors
    /// It is refined already.
    pub fn polished(self, trials: u64) -> Result<Self, String> {
        match self.polish {
            Some(_) => Err(format!("found {self} to be polished, allowed: polishing once")),
            None => Ok(Self { polish: Some(trials), ..self }),
        }
    }

    /// How many trials refine the best ones; 0 where none do.
    #[must_use]
    pub fn polish(&self) -> u64 {
        self.polish.unwrap_or(0)
    }

    /// All names, each with one line of what it does.
    #[must_use]
    pub fn names() -> &'static [(&'static str, &'static str)] {
        &NAMES
    }

    /// How many trials may be open when a plan that learns is asked for the next, unless the
    /// user says: so many that workers are busy, and no more than a 64th of all trials, because
    /// what is chosen before anything is known is lost for the search.
    #[must_use]
    pub fn lag(&self, trials: Option<u64>) -> u64 {
        let most = trials.map_or(u64::MAX, |trials| (trials / LAG_SHARE).max(1));
        match (self.entry(), self.polish) {
            (Some(entry), _) => entry.lag.min(most),
            // A sequence loses nothing by it, and what refines its best waits where it has to.
            (None, Some(_)) => SEQUENCE_LAG,
            (None, None) => 1,
        }
    }

    /// Whether its points depend on results.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.entry().is_some() || self.polish.is_some()
    }

    fn entry(&self) -> Option<&'static Entry> {
        match self.kind {
            Kind::Strategy(place, _) => Some(&STRATEGIES[place]),
            _ => None,
        }
    }

    /// The algorithm that `auto` stands for in a task, and why in one line; any other stays as
    /// it is, and needs no reason.
    ///
    /// # Errors
    /// An option of `auto` is wrong; says what is allowed.
    pub fn resolved(&self, task: &Task<'_>) -> Result<(Self, Option<String>), String> {
        let Kind::Auto(options) = &self.kind else { return Ok((self.clone(), None)) };
        let mut reader = options.reader();
        // Without a word on it, the cost of a trial takes no part.
        let cost = reader.number("cost", 0.0..=1e9, -1.0).and_then(|cost| {
            reader.finish()?;
            Ok((cost >= 0.0).then_some(cost))
        });
        let cost = cost.map_err(|error| format!("auto: {error}"))?;
        let pick = auto::pick(task, cost);
        let found = Self { polish: self.polish, ..Self::parse(pick.name)? };
        Ok((found, Some(pick.reason)))
    }

    /// Makes the plan for a task.
    ///
    /// # Errors
    /// The algorithm cannot plan it; says why and what to do.
    pub fn plan(&self, task: &Task<'_>) -> Result<Plan, String> {
        let Some(polish) = self.polish else { return self.own_plan(task) };
        let limit = match task.trials {
            Some(trials) if trials <= polish => {
                return Err(format!(
                    "of {trials} trials, {polish} are to refine the best of the others, and there \
                     are none; say --trials N with more"
                ));
            }
            trials => trials.map(|trials| trials - polish),
        };
        let plan = self.own_plan(&Task { trials: limit, ..task.clone() })?;
        if limit.is_none() && !ends(&plan, task.space) {
            return Err(format!(
                "{polish} trials are to refine the best ones when all others are done, and there \
                 is no end to those; say how many there are with --trials N"
            ));
        }
        let known = task.known.clone();
        let polished = Polish::new(plan, limit, polish, task.space, task.seed, known);
        Ok(Plan::Optimizer { optimizer: Box::new(polished), learns: true })
    }

    /// The plan without what refines it.
    fn own_plan(&self, task: &Task<'_>) -> Result<Plan, String> {
        if matches!(self.kind, Kind::Auto(_)) {
            // What it stands for, and not once more what refines it.
            return self.resolved(task)?.0.own_plan(task);
        }
        let &Task { space, seed, trials, .. } = task;
        let dimensions = space.parameters().len();
        let shared = || Arc::clone(space);
        let sequence: Arc<dyn Sequence> = match &self.kind {
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
                // Given points take their trials from the whole, and leave no gap in the cube.
                let given = task.first.len() as u64;
                let trials = strata(trials)?.saturating_sub(given).max(1);
                Arc::new(CubeSearch::new(shared(), LatinHypercube::new(trials, dimensions, seed)))
            }
            Kind::Strategy(place, options) => {
                let mut reader = options.reader();
                let strategy = STRATEGIES[*place].strategy(&mut reader, task)?;
                reader.finish().map_err(|error| format!("{}: {error}", STRATEGIES[*place].name))?;
                let first = task.first.clone();
                let optimizer = Box::new(Search::new(strategy, space, seed, &task.known, first));
                return Ok(Plan::Optimizer { optimizer, learns: true });
            }
            Kind::Auto(_) => unreachable!("it was resolved"),
        };
        if !task.known.is_empty() {
            return Err(format!(
                "{self} learns nothing from results; take auto or one of {}",
                STRATEGIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
            ));
        }
        let sequence = Ahead::of(&task.first, sequence);
        // Where the space is finite, no point is evaluated twice.
        if space.cardinality().is_some() && !sequence.is_distinct() {
            let optimizer = Box::new(Distinct::new(sequence, space, seed));
            return Ok(Plan::Optimizer { optimizer, learns: false });
        }
        Ok(Plan::Sequence(sequence))
    }
}

impl Plan {
    /// The same plan for a study with a pruner, whose jobs depend on results even where its points
    /// do not.
    #[must_use]
    pub fn learning(self) -> Self {
        let optimizer = match self {
            Self::Sequence(sequence) => Box::new(InOrder::new(sequence)),
            Self::Optimizer { optimizer, .. } => optimizer,
        };
        Self::Optimizer { optimizer, learns: true }
    }
}

/// Whether a plan ends by itself.
fn ends(plan: &Plan, space: &Space) -> bool {
    match plan {
        Plan::Sequence(sequence) if sequence.end().is_some() => true,
        _ => space.cardinality().is_some(),
    }
}

/// The parts that a Latin hypercube divides every parameter into.
fn strata(trials: Option<u64>) -> Result<u64, String> {
    if let Some(trials) = trials.filter(|n| *n > LatinHypercube::MAX_SAMPLES) {
        let most = LatinHypercube::MAX_SAMPLES;
        return Err(format!("lhs has {most} strata at most, found {trials} trials"));
    }
    trials.filter(|trials| *trials > 0).ok_or_else(|| {
        "lhs divides every parameter into as many parts as there are trials: \
         say how many with --trials N"
            .to_owned()
    })
}

fn unknown(text: &str) -> String {
    let names = NAMES.iter().map(|(name, _)| *name);
    let hint = nearest(text, names.clone())
        .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
    let names: Vec<&str> = names.collect();
    format!("found \"{text}\"{hint}, allowed: {}", names.join(", "))
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Grid { shuffle: false } => out.write_str("grid"),
            Kind::Grid { shuffle: true } => out.write_str("grid:shuffle"),
            Kind::Random => out.write_str("random"),
            Kind::Sobol => out.write_str("sobol"),
            Kind::LatinHypercube => out.write_str("lhs"),
            Kind::Strategy(place, options) if options.is_empty() => {
                out.write_str(STRATEGIES[*place].name)
            }
            Kind::Strategy(place, options) => {
                write!(out, "{}:{options}", STRATEGIES[*place].name)
            }
            Kind::Auto(options) if options.is_empty() => out.write_str("auto"),
            Kind::Auto(options) => write!(out, "auto:{options}"),
        }?;
        self.polish.map_or(Ok(()), |trials| write!(out, "{POLISH}{trials}"))
    }
}
