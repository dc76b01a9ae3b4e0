//! The same by `egobox`: its mixtures of Gaussian processes and its criteria.
//!
//! Bartoli, Lafage and others' `egobox-ego` (EGO for mixed variables with constraints; several
//! objectives by `ParEGO`, by the expected hypervolume improvement or by the matrix of expected
//! improvements). It holds no state, so every proposal is made of all results anew: slower than
//! the processes of this crate, which keep what they have learnt, and without noise, but an
//! independent implementation by its authors.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use egobox_ego::{Cstr, EgorServiceFactory, MooStrategy, XType};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use search_spaces::{Point, Space};

use super::features::{Features, Kind};
use super::records::{Records, Table};
use super::strategy::Limits;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::{Design, random_point};

/// More levels than this are taken for continuous.
const LEVELS: u64 = 1_000;

/// What `egobox` proposes over the features of a space.
pub(crate) struct Egobox {
    space: Arc<Space>,
    features: Features,
    /// What `egobox` calls the features.
    types: Vec<XType>,
    design: Design,
    several: MooStrategy,
    objectives: usize,
    limits: Limits,
    records: Records,
    seen: BTreeSet<u128>,
    /// Whether the last point learnt was known before.
    repeats: bool,
}

impl Egobox {
    pub fn new(
        space: &Arc<Space>,
        objectives: usize,
        seed: u64,
        several: MooStrategy,
        limits: Limits,
    ) -> Self {
        let features = Features::new(space);
        let kind = |feature| match (features.kind(feature), features.levels(feature)) {
            (Kind::Choice, Some(levels @ ..=LEVELS)) => XType::Enum(levels as usize),
            (Kind::Ordered, Some(levels @ ..=LEVELS)) => XType::Int(0, levels as i32 - 1),
            _ => XType::Float(0.0, 1.0),
        };
        let types = (0..features.len()).map(kind).collect();
        Self {
            space: Arc::clone(space),
            features,
            types,
            design: Design::new(space, seed),
            several,
            objectives,
            limits,
            records: Records::new(objectives),
            seen: BTreeSet::new(),
            repeats: false,
        }
    }

    /// A place in the numbers of `egobox`: levels where it knows of levels.
    fn numbers(&self, place: &[f64]) -> Vec<f64> {
        let features = place.iter().zip(&self.types).enumerate();
        features
            .map(|(feature, (coordinate, kind))| match kind {
                XType::Float(..) => *coordinate,
                _ => self.features.level(feature, *coordinate) as f64,
            })
            .collect()
    }

    /// What it proposes; none where it has failed, or its point breaks the constraints.
    fn suggested(&self, generator: &mut ChaCha8Rng, pending: &[Point]) -> Option<Point> {
        let mut all = self.records.objectives(true);
        all.values.push(self.records.infeasibility().values.swap_remove(0));
        let mut table = all.part(self.limits.points, &vec![1.0; self.features.len()]);
        // What is out is taken to be worth what is known on average.
        let averages = table.averages();
        for point in pending {
            table.places.push(self.features.place(point));
            let columns = table.values.iter_mut().zip(&averages);
            columns.for_each(|(column, average)| column.push(*average));
        }
        if !self.records.has_infeasible() {
            table.values.pop();
        }
        let (inputs, outputs) = self.arrays(&table)?;
        let constraints = outputs.ncols() - self.objectives;
        let seed = generator.next_u64();
        // It panics where its processes cannot be fitted; then a point of the design will do.
        let suggested = catch_unwind(AssertUnwindSafe(|| {
            let service = EgorServiceFactory::<Cstr>::optimize()
                .configure(|config| {
                    config
                        .n_obj(self.objectives)
                        .n_cstr(constraints)
                        .seed(seed)
                        .configure_moo(|several| several.strategy(self.several.clone()))
                })
                .min_within_mixint_space(&self.types)
                .ok()?;
            Some(service.suggest(&inputs, &outputs))
        }));
        let suggested = suggested.ok().flatten()?;
        let row = suggested.rows().into_iter().next()?.to_vec();
        let features = row.iter().zip(&self.types).enumerate();
        let place: Vec<f64> = features
            .map(|(feature, (number, kind))| match kind {
                XType::Float(..) => *number,
                _ => self.features.coordinate(feature, number.round().max(0.0) as u64),
            })
            .collect();
        self.features.settle(&place).map(|(_, point)| point)
    }

    /// The rows of a table as `egobox` wants them.
    fn arrays(&self, table: &Table) -> Option<(Array2<f64>, Array2<f64>)> {
        let inputs: Vec<f64> = table.places.iter().flat_map(|row| self.numbers(row)).collect();
        let rows = table.places.len();
        let outputs: Vec<f64> =
            (0..rows).flat_map(|row| table.values.iter().map(move |column| column[row])).collect();
        let inputs = Array2::from_shape_vec((rows, self.types.len()), inputs).ok()?;
        let outputs = Array2::from_shape_vec((rows, table.values.len()), outputs).ok()?;
        Some((inputs, outputs))
    }
}

impl Strategy for Egobox {
    fn propose(
        &mut self,
        number: u64,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        if self.features.len() == 0 || self.repeats {
            return random_point(&self.space, generator);
        }
        if number < self.limits.startup || self.records.complete() < 3 {
            return self.design.point(number, generator);
        }
        let known = |point: &Point| {
            self.seen.contains(&point.hash()) || pending.iter().any(|each| each == point)
        };
        self.suggested(generator, pending)
            .filter(|point| !known(point))
            .or_else(|| self.design.point(number, generator))
    }

    fn learn(&mut self, _: Origin, point: &Point, told: &Told) {
        self.repeats = !self.seen.insert(point.hash());
        if !self.repeats {
            self.records.add(self.features.place(point), told);
        }
    }
}
