//! Solvers of `argmin`, turned inside out: they ask for costs instead of calling for them.
//!
//! A solver of `argmin` calls the cost function in the midst of an iteration. Here, an iteration
//! begins on a copy of the solver. Where it wants a cost that is not known yet, the point is noted,
//! the copy is thrown away, and the iteration begins anew once the cost has been told. What a
//! solver does is a function of its state and of the costs, so each attempt repeats the one before
//! it and comes a little further. This takes no thread and no channel; an iteration makes few
//! calls, and repeating it is nothing beside an evaluation.

use std::borrow::Borrow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use argmin::core::{CostFunction, Error, Problem, SendAlias, Solver, State, SyncAlias};

/// What a solver takes for its problem: it knows the costs that have been told, and notes the
/// points whose costs are wanted next. It never fails and never says that a cost is not a number;
/// solvers answer both with a panic.
#[derive(Debug)]
pub(crate) struct Oracle<P, F, M> {
    /// The costs of this iteration so far, in the order in which they were asked for.
    costs: Vec<F>,
    notes: Mutex<Notes<P>>,
    /// For a solver that leaves it to its problem how to move from point to point.
    moves: Mutex<M>,
}

#[derive(Debug)]
struct Notes<P> {
    /// So many costs have been asked for and known.
    used: usize,
    wanted: Vec<P>,
}

impl<P: Clone, F: Copy + From<f64>, M> Oracle<P, F, M> {
    /// How to move.
    pub fn moves(&self) -> MutexGuard<'_, M> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The costs of points that do not depend on each other. What follows the first unknown cost is
    /// void, and so is what stands for the cost itself.
    fn look_up<Q: Borrow<P>>(&self, points: &[Q]) -> Vec<F> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &self.costs[notes.used..];
        if let Some(costs) = known.get(..points.len()) {
            notes.used += points.len();
            return costs.to_vec();
        }
        if notes.wanted.is_empty() {
            assert!(known.is_empty(), "points that are asked for together are told together");
            notes.wanted.extend(points.iter().map(|point| point.borrow().clone()));
        }
        vec![F::from(0.0); points.len()]
    }
}

impl<P: Clone, F: Copy + From<f64>, M> CostFunction for Oracle<P, F, M> {
    type Param = P;
    type Output = F;

    fn cost(&self, point: &P) -> Result<F, Error> {
        Ok(self.look_up(&[point])[0])
    }

    fn bulk_cost<Q>(&self, points: &[Q]) -> Result<Vec<F>, Error>
    where
        Q: Borrow<P> + SyncAlias,
        F: SendAlias,
        Self: SyncAlias,
    {
        Ok(self.look_up(points))
    }
}

/// A solver in the midst of its work.
pub(crate) struct Stepwise<S, I, F, M> {
    solver: S,
    state: I,
    moves: M,
    costs: Vec<F>,
    is_initialised: bool,
}

impl<S, I, F, M> Stepwise<S, I, F, M>
where
    S: Clone,
    I: State + Clone,
    F: Copy + From<f64>,
    M: Clone,
{
    /// A solver at its beginning.
    pub fn new(solver: S, state: I, moves: M) -> Self {
        Self { solver, state, moves, costs: Vec::new(), is_initialised: false }
    }

    /// Goes on as far as the known costs carry, to the points whose costs are wanted next. They do
    /// not depend on each other.
    pub fn advance<P: Clone>(&mut self) -> Vec<P>
    where
        S: Solver<Oracle<P, F, M>, I>,
    {
        loop {
            let mut solver = self.solver.clone();
            let mut problem = Problem::new(Oracle {
                costs: std::mem::take(&mut self.costs),
                notes: Mutex::new(Notes { used: 0, wanted: Vec::new() }),
                moves: Mutex::new(self.moves.clone()),
            });
            let step = match self.is_initialised {
                true => solver.next_iter(&mut problem, self.state.clone()),
                false => solver.init(&mut problem, self.state.clone()),
            };
            let oracle = problem.take_problem().expect("solvers leave the problem in place");
            let notes = oracle.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
            if !notes.wanted.is_empty() {
                self.costs = oracle.costs;
                return notes.wanted;
            }
            let (mut state, _) = step.expect("solvers that are told costs do not fail");
            state.update();
            self.solver = solver;
            self.state = state;
            self.moves = oracle.moves.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.is_initialised = true;
        }
    }

    /// Tells the next costs, in the order of the points.
    pub fn tell(&mut self, costs: &[f64]) {
        assert!(costs.iter().all(|cost| !cost.is_nan()), "costs can be compared");
        self.costs.extend(costs.iter().map(|cost| F::from(*cost)));
    }
}
