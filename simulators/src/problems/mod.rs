//! Closed-form test problems with known optima: one file per problem or family, one table of all.

mod ackley;
mod branin;
mod dtlz;
mod ellipsoid;
mod hartmann6;
mod rastrigin;
mod rosenbrock;
mod sphere;
mod table;
mod zdt;

pub(crate) use table::{Count, Definition, Optimum, PROBLEMS, find};
