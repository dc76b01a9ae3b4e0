//! The same by `egobox`: its mixtures of Gaussian processes and its criteria.
//!
//! Bartoli, Lafage and others' `egobox-ego` (EGO for mixed variables with constraints; several
//! objectives by `ParEGO`, by the expected hypervolume improvement or by the matrix of expected
//! improvements). It holds no state, so every proposal is made of all results anew: slower than
//! the processes of this crate, which keep what they have learnt, and without noise, but an
//! independent implementation by its authors.
//!
//! Inside, it shares its searches among the threads of rayon, and takes the first of the best
//! results in their order, so that its points do not depend on how many threads there are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use egobox_ego::{Cstr, EgorServiceFactory, MooStrategy, XType};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use search_spaces::Point;

use super::features::{Features, Kind};
use super::known::{Engine, Known};
use super::records::Table;

/// More levels than this are taken for continuous.
const LEVELS: u64 = 1_000;

/// What `egobox` proposes over the features of a space.
pub(crate) struct Egobox {
    /// What `egobox` calls the features.
    types: Vec<XType>,
    several: MooStrategy,
    objectives: usize,
}

impl Egobox {
    pub fn new(features: &Features, objectives: usize, several: MooStrategy) -> Self {
        let kind = |feature| match (features.kind(feature), features.levels(feature)) {
            (Kind::Choice, Some(levels @ ..=LEVELS)) => XType::Enum(levels as usize),
            (Kind::Ordered, Some(levels @ ..=LEVELS)) => XType::Int(0, levels as i32 - 1),
            _ => XType::Float(0.0, 1.0),
        };
        // It would have its messages written to the standard output, where `optimize ask` talks to
        // its user, unless something else hears them. Whatever does so by now remains; that fails
        // where this has been said before, to the same effect.
        log::set_logger(log::logger()).ok();
        Self { types: (0..features.len()).map(kind).collect(), several, objectives }
    }

    /// A place in the numbers of `egobox`: levels where it knows of levels.
    fn numbers(&self, features: &Features, place: &[f64]) -> Vec<f64> {
        let coordinates = place.iter().zip(&self.types).enumerate();
        coordinates
            .map(|(feature, (coordinate, kind))| match kind {
                XType::Float(..) => *coordinate,
                _ => features.level(feature, *coordinate) as f64,
            })
            .collect()
    }

    /// What it proposes; none where it has failed, or its point breaks the constraints.
    fn suggested(
        &self,
        known: &Known,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        let (features, records) = (&known.features, &known.records);
        let mut all = records.objectives(true);
        all.values.push(records.infeasibility().values.swap_remove(0));
        let mut table = all.part(known.limits.points, &vec![1.0; features.len()]);
        // What is out is taken to be worth what is known on average.
        let averages = table.averages();
        for point in pending {
            table.places.push(features.place(point));
            let columns = table.values.iter_mut().zip(&averages);
            columns.for_each(|(column, average)| column.push(*average));
        }
        if !records.has_infeasible() {
            table.values.pop();
        }
        let (inputs, outputs) = self.arrays(features, &table)?;
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
        let numbers = row.iter().zip(&self.types).enumerate();
        let place: Vec<f64> = numbers
            .map(|(feature, (number, kind))| match kind {
                XType::Float(..) => *number,
                _ => features.coordinate(feature, number.round().max(0.0) as u64),
            })
            .collect();
        features.settle(&place).map(|(_, point)| point)
    }

    /// The rows of a table as `egobox` wants them.
    fn arrays(&self, features: &Features, table: &Table) -> Option<(Array2<f64>, Array2<f64>)> {
        let inputs: Vec<f64> =
            table.places.iter().flat_map(|row| self.numbers(features, row)).collect();
        let rows = table.places.len();
        let outputs: Vec<f64> =
            (0..rows).flat_map(|row| table.values.iter().map(move |column| column[row])).collect();
        let inputs = Array2::from_shape_vec((rows, self.types.len()), inputs).ok()?;
        let outputs = Array2::from_shape_vec((rows, table.values.len()), outputs).ok()?;
        Some((inputs, outputs))
    }
}

impl Engine for Egobox {
    fn chosen(
        &mut self,
        number: u64,
        known: &Known,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        let is_known = |point: &Point| {
            known.seen.contains(&point.hash()) || pending.iter().any(|each| each == point)
        };
        self.suggested(known, generator, pending)
            .filter(|point| !is_known(point))
            .or_else(|| known.design.point(number, generator))
    }
}
