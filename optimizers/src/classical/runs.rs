//! Solvers side by side: who is asked for the next point, and what becomes of its cost.
//!
//! A run that waits for costs cannot say where it wants to go next, so that one run alone keeps one
//! worker busy, or as many as it asks for at once. Several fill what a lag leaves open. The eldest
//! that has a question comes first: where each trial is told before the next is asked, there is one
//! run at a time and no trial is lost to the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Point, Space};

use super::axes::Axes;
use super::cost::{Aim, OUTSIDE};
use crate::evolution::Genome;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::random_point;

/// A solver on its way from a starting point.
pub(crate) trait Run: Send {
    /// The genomes whose costs it needs next; none where it has come to its end. They are asked
    /// for once, and their costs do not depend on each other.
    fn questions(&mut self) -> Vec<Genome>;

    /// Tells the costs of the last questions, in their order.
    fn answer(&mut self, costs: &[f64]);
}

/// Where runs come from.
pub(crate) trait Source: Send {
    /// A point to be evaluated before the next run starts; none where there are enough.
    fn scout(&mut self, _: &Axes, _: &mut ChaCha8Rng) -> Option<Genome> {
        None
    }

    /// The next run, and what it minimises. None where no point is found to start it at.
    fn start(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<(Box<dyn Run>, Aim)>;

    /// Learns of a point that no run has asked for.
    fn offer(&mut self, axes: &Axes, point: &Point, told: &Told);
}

/// A strategy of runs side by side.
pub(crate) struct Runs<S> {
    space: Arc<Space>,
    axes: Axes,
    source: S,
    /// How many there are at most.
    most: usize,
    /// By their number, the eldest first.
    running: BTreeMap<u64, Asking>,
    started: u64,
    /// For proposals of runs that are out: the run, and the place among its questions.
    out: BTreeMap<u64, (u64, usize)>,
}

/// A run and its questions.
struct Asking {
    run: Box<dyn Run>,
    aim: Aim,
    questions: Vec<Question>,
    unanswered: usize,
}

enum Question {
    Open(Genome),
    Out,
    Answered(f64),
}

/// After so many questions in a row that took no trial, because their points break the constraints,
/// the trial goes to a random point.
const DETOURS: u32 = 20_000;

impl<S: Source> Runs<S> {
    /// At most so many runs over a space.
    pub fn new(space: &Arc<Space>, source: S, most: usize) -> Self {
        Self {
            space: Arc::clone(space),
            axes: Axes::new(space),
            source,
            most,
            running: BTreeMap::new(),
            started: 0,
            out: BTreeMap::new(),
        }
    }

    /// The next question that takes a trial. None where all runs wait.
    fn question(&mut self, generator: &mut ChaCha8Rng) -> Result<(u64, usize, Point), Stuck> {
        for _ in 0..DETOURS {
            let mut running = self.running.iter_mut();
            let open = running.find_map(|(run, asking)| Some((*run, asking.open()?)));
            let Some((run, (place, genome))) = open else {
                self.start(generator)?;
                continue;
            };
            match self.axes.genes().point(&genome) {
                Some(point) => return Ok((run, place, point)),
                None => self.answer(run, place, OUTSIDE),
            }
        }
        Err(Stuck::Lost)
    }

    fn start(&mut self, generator: &mut ChaCha8Rng) -> Result<(), Stuck> {
        if self.running.len() == self.most {
            return Err(Stuck::Waiting);
        }
        let (run, aim) = self.source.start(&self.axes, generator).ok_or(Stuck::Lost)?;
        let mut asking = Asking { run, aim, questions: Vec::new(), unanswered: 0 };
        if asking.go_on() {
            self.running.insert(self.started, asking);
            self.started += 1;
        }
        Ok(())
    }

    fn answer(&mut self, run: u64, place: usize, cost: f64) {
        let asking = self.running.get_mut(&run).expect("runs end when they have no question left");
        asking.questions[place] = Question::Answered(cost);
        asking.unanswered -= 1;
        if asking.unanswered == 0 && !asking.go_on() {
            self.running.remove(&run);
        }
    }
}

/// Why there is no question.
enum Stuck {
    /// Every run waits for costs.
    Waiting,
    /// Nothing is found that meets the constraints.
    Lost,
}

impl Asking {
    /// A question that nobody has taken, which is now taken.
    fn open(&mut self) -> Option<(usize, Genome)> {
        let open = |question: &Question| matches!(question, Question::Open(_));
        let place = self.questions.iter().position(open)?;
        match std::mem::replace(&mut self.questions[place], Question::Out) {
            Question::Open(genome) => Some((place, genome)),
            _ => None,
        }
    }

    /// Hands over the answers and takes the next questions; says whether there are any.
    fn go_on(&mut self) -> bool {
        let cost = |question: &Question| match question {
            Question::Answered(cost) => Some(*cost),
            _ => None,
        };
        let costs: Vec<f64> = self.questions.iter().filter_map(cost).collect();
        if !costs.is_empty() {
            self.run.answer(&costs);
        }
        self.questions = self.run.questions().into_iter().map(Question::Open).collect();
        self.unanswered = self.questions.len();
        self.unanswered > 0
    }
}

impl<S: Source> Strategy for Runs<S> {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        if self.axes.len() == 0 {
            return random_point(&self.space, generator);
        }
        let scout = self.source.scout(&self.axes, generator);
        if let Some(point) = scout.and_then(|genome| self.axes.genes().point(&genome)) {
            return Some(point);
        }
        match self.question(generator) {
            Ok((run, place, point)) => {
                self.out.insert(number, (run, place));
                Some(point)
            }
            Err(Stuck::Waiting) => None,
            Err(Stuck::Lost) => random_point(&self.space, generator),
        }
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let asked = match origin {
            Origin::Proposed(number) => self.out.remove(&number),
            Origin::Given => None,
        };
        match asked {
            Some((run, place)) => {
                let cost = self.running[&run].aim.cost(told);
                self.answer(run, place, cost);
            }
            None => self.source.offer(&self.axes, point, told),
        }
    }
}
