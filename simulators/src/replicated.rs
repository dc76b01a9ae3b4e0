//! Replications: another simulator, run several times for each trial.

use search_spaces::{Aggregate, Direction, Moments, Objective, Section, Template};

use crate::contract::{
    Failure, Rehearsal, Report, Session, Simulator, Trial, Unwatched, Verdict, Watcher,
};
use crate::open::{OpenError, Places, open};

/// Raised whenever the same replications amount to something else.
const SEMANTICS: u32 = 1;

/// More replications than this are certainly a typing error.
const MOST: usize = 100_000;

/// A simulator that runs another one several times for each trial, with other seeds, other
/// settings or both, and says what that amounts to.
///
/// Settings, in the table `[replications]`:
/// - `seeds`: so many seeds [1];
/// - `vary`: other values for keys of the simulator's own table, as
///   [`Section::variations`](search_spaces::Section::variations) reads them;
/// - `aggregate`: what the values of each objective are made into [`"mean"`]; other metrics are
///   their means.
///
/// The variations take turns, so that the first replications of a trial are as different from each
/// other as can be. Replication number j has the same seed in every trial of a study (common random
/// numbers), which depends on [`Trial::common`] and j alone: two points are compared under the same
/// conditions.
///
/// Its metrics are those of the simulator and, for each objective among them, `NAME_se`: the
/// standard error of the mean over the replications, NaN where there is only one. After
/// replication j it reports, at step j, the metrics of that replication by itself, with the standard
/// errors so far. A replication that fails fails the trial.
pub(crate) struct Replicated {
    /// What is run in turn, with what it is called.
    variations: Vec<(String, Box<dyn Simulator>)>,
    count: usize,
    metrics: Vec<String>,
    aggregate: Aggregate,
    /// How the values of each metric of the simulator are made into one.
    aggregates: Vec<(Aggregate, Direction)>,
    /// Which of them have a standard error.
    measured: Vec<usize>,
}

/// Runs one replication: the index of its variation, and the trial that it makes.
type Evaluate<'a> = dyn FnMut(usize, &Trial<'_>) -> Result<Vec<f64>, Failure> + 'a;

impl Replicated {
    /// Reads the table `[replications]` of a template and opens its simulator for each variation.
    ///
    /// # Errors
    /// A fault in the table, or in a variation.
    pub fn open(
        mut settings: Section<'_>,
        template: &Template,
        places: Places<'_>,
    ) -> Result<Self, OpenError> {
        let seeds = seeds(&mut settings)?;
        let aggregate = Aggregate::read(&mut settings)?;
        let mut variations: Vec<(String, Box<dyn Simulator>)> = Vec::new();
        for variation in settings.variations("vary")? {
            let document = template.document.varied(&template.simulator, &variation)?;
            let own = document.section().section_or_empty(&template.simulator)?;
            let simulator = open(&template.simulator, own, &template.space, places)?;
            variations.push((variation.to_string(), simulator));
        }
        if variations.is_empty() {
            let simulator =
                open(&template.simulator, template.settings()?, &template.space, places)?;
            variations.push((String::new(), simulator));
        }
        let inner = variations[0].1.metrics().to_vec();
        if let Some((label, other)) = variations.iter().find(|(_, other)| other.metrics() != inner)
        {
            let found = format!("the metrics {} with {label}", other.metrics().join(", "));
            let allowed = format!("those of the first for all: {}", inner.join(", "));
            return Err(settings.error("vary", found, allowed).into());
        }
        let count = seeds.saturating_mul(variations.len());
        if count > MOST {
            let found = format!("{count} replications in all");
            return Err(settings.error("", found, format!("up to {MOST}")).into());
        }
        settings.finish()?;
        let aggregates = inner.iter().map(|name| aggregated(name, &template.objectives, aggregate));
        let aggregates = aggregates.collect();
        let is_objective = |name: &String| objective(name, &template.objectives).is_some();
        let measured = (0..inner.len()).filter(|index| is_objective(&inner[*index])).collect();
        let metrics = with_errors(inner, &measured);
        Ok(Self { variations, count, metrics, aggregate, aggregates, measured })
    }

    /// Runs the replications of a trial one after the other.
    fn replicate(
        &self,
        trial: &Trial<'_>,
        watcher: &mut dyn Watcher,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Vec<f64>, Failure> {
        let mut columns = vec![Vec::with_capacity(self.count); self.aggregates.len()];
        let mut moments = vec![Moments::default(); self.measured.len()];
        let mut add = |values: &[f64], moments: &mut [Moments]| {
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(*value);
            }
            for (moments, metric) in moments.iter_mut().zip(&self.measured) {
                moments.add(values[*metric]);
            }
        };
        // Each report was a replication by itself.
        for report in trial.earlier {
            add(&report.values, &mut moments);
        }
        for index in trial.earlier.len()..self.count {
            let seed = seed(trial.common, index);
            let own = Trial { seed, until: None, earlier: &[], ..*trial };
            let mut values = evaluate(index % self.variations.len(), &own).map_err(|failure| {
                let message = format!("{}: {}", self.name(index), failure.message);
                Failure { message, ..failure }
            })?;
            add(&values, &mut moments);
            values.extend(moments.iter().map(Moments::standard_error));
            if watcher.report(Report { step: index as u64 + 1, values }) == Verdict::Stop {
                break;
            }
        }
        let amount = |((aggregate, direction), column): (&(Aggregate, Direction), &Vec<f64>)| {
            aggregate.of(column, *direction)
        };
        let amounts = self.aggregates.iter().zip(&columns).map(amount);
        Ok(amounts.chain(moments.iter().map(Moments::standard_error)).collect())
    }

    /// A replication, for people.
    fn name(&self, index: usize) -> String {
        let (label, _) = &self.variations[index % self.variations.len()];
        let label = if label.is_empty() { String::new() } else { format!(" ({label})") };
        format!("replication {} of {}{label}", index + 1, self.count)
    }

    fn simulators(&self) -> impl Iterator<Item = &dyn Simulator> {
        self.variations.iter().map(|(_, simulator)| &**simulator)
    }
}

fn seeds(settings: &mut Section<'_>) -> Result<usize, OpenError> {
    let allowed = format!("a whole number from 1 to {MOST}");
    match settings.integer("seeds")? {
        Some(seeds) => match usize::try_from(seeds) {
            Ok(seeds) if (1..=MOST).contains(&seeds) => Ok(seeds),
            _ => Err(settings.error("seeds", seeds.to_string(), allowed).into()),
        },
        None if settings.keys().iter().any(|key| key == "vary") => Ok(1),
        None => Err(settings.missing("seeds", format!("{allowed}, or the key vary")).into()),
    }
}

fn objective<'a>(metric: &str, objectives: &'a [Objective]) -> Option<&'a Objective> {
    objectives.iter().find(|objective| objective.metric == metric)
}

/// How the values of a metric are made into one: the aggregate is for objectives.
fn aggregated(
    metric: &str,
    objectives: &[Objective],
    aggregate: Aggregate,
) -> (Aggregate, Direction) {
    match objective(metric, objectives) {
        Some(objective) => (aggregate, objective.direction),
        None => (Aggregate::Mean, Direction::Minimize),
    }
}

/// The metrics, and the standard errors of some of them.
fn with_errors(mut metrics: Vec<String>, measured: &Vec<usize>) -> Vec<String> {
    for index in measured {
        let mut name = format!("{}_se", metrics[*index]);
        while metrics.contains(&name) {
            name.push('_');
        }
        metrics.push(name);
    }
    metrics
}

/// The seed of a replication, which all trials share.
fn seed(common: u64, index: usize) -> u64 {
    let mut message = [0; 16];
    message[..8].copy_from_slice(&common.to_le_bytes());
    message[8..].copy_from_slice(&(index as u64).to_le_bytes());
    let hash = blake3::keyed_hash(b"optimize: seeds, replications v1", &message);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

/// What all variations name, each once, in the order in which they do.
fn union(lists: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut all = Vec::new();
    for name in lists.flatten() {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

impl Simulator for Replicated {
    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(b"replicated");
        part(&SEMANTICS.to_le_bytes());
        part(&(self.count as u64).to_le_bytes());
        for ((aggregate, direction), name) in self.aggregates.iter().zip(&self.metrics) {
            part(name.as_bytes());
            part(aggregate.text().as_bytes());
            part(direction.name().as_bytes());
        }
        for index in &self.measured {
            part(&(*index as u64).to_le_bytes());
        }
        // Messages name the variations, so that these are part of the results.
        for (label, simulator) in &self.variations {
            part(label.as_bytes());
            part(&simulator.fingerprint());
        }
        *hasher.finalize().as_bytes()
    }

    fn session(&self) -> Box<dyn Session + '_> {
        let sessions = self.simulators().map(Simulator::session).collect();
        Box::new(ReplicatedSession { replicated: self, sessions })
    }

    fn files(&self) -> Vec<String> {
        union(self.simulators().map(Simulator::files))
    }

    fn data_sets(&self) -> Vec<String> {
        union(self.simulators().map(Simulator::data_sets))
    }

    fn ready(&self) -> Result<(), Failure> {
        self.simulators().try_for_each(Simulator::ready)
    }

    fn abandon(&self) {
        self.simulators().for_each(Simulator::abandon);
    }

    fn reports(&self) -> bool {
        true
    }

    fn steps(&self) -> Option<u64> {
        Some(self.count as u64)
    }

    fn replicates(&self) -> Option<Aggregate> {
        Some(self.aggregate)
    }

    fn continues(&self) -> bool {
        true
    }

    fn rehearse(&self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Rehearsal {
        let mut seen = Vec::new();
        let mut index = 0;
        let result = self.replicate(trial, watcher, &mut |variation, own| {
            let (_, simulator) = &self.variations[variation];
            let rehearsal = simulator.rehearse(own, &mut Unwatched);
            if !rehearsal.seen.is_empty() {
                let name = format!("{}, seed {}", self.name(index), own.seed);
                seen.push(("replication".to_owned(), name));
                seen.extend(rehearsal.seen);
            }
            index += 1;
            rehearsal.result
        });
        Rehearsal { result, seen }
    }
}

struct ReplicatedSession<'a> {
    replicated: &'a Replicated,
    /// One for each variation.
    sessions: Vec<Box<dyn Session + 'a>>,
}

impl Session for ReplicatedSession<'_> {
    fn run(&mut self, trial: &Trial<'_>, watcher: &mut dyn Watcher) -> Result<Vec<f64>, Failure> {
        let sessions = &mut self.sessions;
        self.replicated.replicate(trial, watcher, &mut |variation, own| {
            sessions[variation].run(own, &mut Unwatched)
        })
    }
}
