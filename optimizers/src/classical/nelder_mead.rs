//! The simplex of Nelder and Mead, "A simplex method for function minimization", The Computer
//! Journal 7(4), 1965, with the coefficients of Gao and Han, "Implementing the Nelder-Mead simplex
//! algorithm with adaptive parameters", Comput. Optim. Appl. 51, 2012, (4.1): the more dimensions,
//! the less a simplex is stretched, contracted or shrunk in one step.
//!
//! The iterations are `argmin`'s. A simplex that has collapsed begins anew at its best vertex, as
//! long as that has helped the last time; then the run is over, and the next begins elsewhere.

use argmin::core::{IterState, State};
use argmin::solver::neldermead::NelderMead;
use argmin_math::{ArgminAdd, ArgminMul, ArgminSub};
use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

use super::axes::Axes;
use super::cost::{Aim, has_slope};
use super::runs::{Run, Source};
use super::starts::Starts;
use super::stepwise::Stepwise;
use crate::evolution::Genome;
use crate::optimizer::Told;

/// A vertex of a simplex, in coordinates.
#[derive(Clone, Debug)]
pub(crate) struct Vertex(Vec<f64>);

impl ArgminAdd<Vertex, Vertex> for Vertex {
    fn add(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }
}

impl ArgminSub<Vertex, Vertex> for Vertex {
    fn sub(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }
}

/// What `argmin` is given for the factor of contraction. It takes none above one half, but the
/// adaptive one is between that and three quarters; so vertices put it in where they are multiplied
/// by this number, which no other factor is.
const CONTRACTION: f64 = 0.499_999_999_999;

impl ArgminMul<f64, Vertex> for Vertex {
    fn mul(&self, factor: &f64) -> Self {
        let factor = match *factor {
            CONTRACTION => Coefficients::of(self.0.len()).contraction,
            factor => factor,
        };
        Self(self.0.iter().map(|a| a * factor).collect())
    }
}

/// By how much a simplex changes in one step; a reflection keeps its size.
struct Coefficients {
    expansion: f64,
    contraction: f64,
    shrinkage: f64,
}

impl Coefficients {
    /// The adaptive coefficients in so many dimensions; with one or two, those of the textbook.
    fn of(dimensions: usize) -> Self {
        let n = dimensions.max(2) as f64;
        Self { expansion: 1.0 + 2.0 / n, contraction: 0.75 - 0.5 / n, shrinkage: 1.0 - 1.0 / n }
    }
}

type Solver = NelderMead<Vertex, f64>;
type SimplexState = IterState<Vertex, (), (), (), (), f64>;

/// A simplex whose vertices are this near to the best of them has collapsed.
const COLLAPSED: f64 = 1e-6;

/// A simplex that begins anew has helped if it has lowered the cost by this share of it, and by
/// a share of what the run has gained that is not lost in rounding.
const HELPED: f64 = 1e-4;
const GAINED: f64 = 1e-9;

/// A run of simplexes.
pub(crate) struct Simplex {
    axes: Axes,
    /// The edge of a simplex at its beginning, in the unit cube.
    edge: f64,
    solver: Stepwise<Solver, SimplexState, f64, ()>,
    /// The points that were asked for last.
    asked: Vec<Vec<f64>>,
    best: (f64, Vec<f64>),
    /// The lowest cost when this simplex began, where another went before it.
    at_beginning: f64,
    /// The first cost of all.
    at_first: f64,
    /// So many points in a row were as good as on the best one.
    near: usize,
    /// How many simplexes there were.
    count: u32,
}

impl Simplex {
    /// A simplex at a genome.
    pub fn new(axes: &Axes, start: &[f64], edge: f64) -> Self {
        let start = axes.coordinates(start);
        let vertices = vertices(axes, &start, edge, 0);
        Self {
            axes: axes.clone(),
            edge,
            solver: solver(&vertices),
            asked: vertices,
            best: (f64::INFINITY, start),
            at_beginning: f64::INFINITY,
            at_first: f64::INFINITY,
            near: 0,
            count: 1,
        }
    }

    /// Whether a point cannot be told from the best one.
    fn is_near(&self, point: &[f64]) -> bool {
        let distances = point.iter().zip(&self.best.1).map(|(a, b)| (a - b).abs());
        distances.fold(0.0, f64::max) < COLLAPSED
            || self.axes.genome(point) == self.axes.genome(&self.best.1)
    }

    /// Begins anew at the best vertex, if there is a point in it.
    fn begin_anew(&mut self) -> bool {
        let (cost, best) = (self.best.0, self.best.1.clone());
        let (helped, gained) = (self.at_beginning - cost, self.at_first - cost);
        let has_helped = helped > HELPED * cost.abs() && helped > GAINED * gained;
        if !has_slope(cost) || self.count > 1 && !has_helped {
            return false;
        }
        self.at_beginning = cost;
        let vertices = vertices(&self.axes, &best, self.edge, self.count);
        self.solver = solver(&vertices);
        self.asked = vertices;
        self.near = 0;
        self.count += 1;
        true
    }
}

impl Run for Simplex {
    fn questions(&mut self) -> Vec<Genome> {
        let dimensions = self.axes.len();
        if self.asked.is_empty() {
            if !has_slope(self.best.0) || self.near > dimensions {
                if !self.begin_anew() {
                    return Vec::new();
                }
            } else {
                let wanted: Vec<Vertex> = self.solver.advance();
                self.asked = wanted.into_iter().map(|vertex| vertex.0).collect();
            }
        }
        self.asked.iter().map(|point| self.axes.genome(point)).collect()
    }

    fn answer(&mut self, costs: &[f64]) {
        if self.best.0.is_infinite() {
            self.at_first = costs[0];
        }
        for (point, cost) in std::mem::take(&mut self.asked).into_iter().zip(costs) {
            if self.is_near(&point) {
                self.near += 1;
            } else {
                self.near = 0;
            }
            if *cost < self.best.0 {
                self.best = (*cost, point);
            }
        }
        self.solver.tell(costs);
    }
}

/// The vertices of a simplex at its beginning: the start, and a step from it along each axis,
/// towards the side with more room or, every other time, from it.
fn vertices(axes: &Axes, start: &[f64], edge: f64, count: u32) -> Vec<Vec<f64>> {
    let along = |axis: usize| {
        let step = edge.max(axes.share(axis));
        let is_up = (start[axis] < 0.5) == count.is_multiple_of(2);
        let mut vertex = start.to_vec();
        vertex[axis] += if is_up { step } else { -step };
        vertex
    };
    std::iter::once(start.to_vec()).chain((0..axes.len()).map(along)).collect()
}

fn solver(vertices: &[Vec<f64>]) -> Stepwise<Solver, SimplexState, f64, ()> {
    let Coefficients { expansion, shrinkage, .. } = Coefficients::of(vertices.len() - 1);
    let solver = NelderMead::new(vertices.iter().cloned().map(Vertex).collect());
    let solver = solver.with_gamma(expansion).and_then(|solver| solver.with_rho(CONTRACTION));
    let solver = solver.and_then(|solver| solver.with_sigma(shrinkage));
    Stepwise::new(solver.expect("factors within their bounds"), IterState::new(), ())
}

/// Simplexes at starting points.
pub(crate) struct Simplexes {
    pub starts: Starts,
    pub edge: f64,
}

impl Source for Simplexes {
    fn scout(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<Genome> {
        self.starts.scout(axes, generator)
    }

    fn start(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<(Box<dyn Run>, Aim)> {
        let start = self.starts.next(axes, generator)?;
        Some((Box::new(Simplex::new(axes, &start, self.edge)), Aim::First))
    }

    fn offer(&mut self, axes: &Axes, point: &Point, told: &Told) {
        self.starts.offer(axes, point, told);
    }
}
