//! Search spaces: parameters, the constraints between them, points, and templates.
//!
//! This room knows what may be tried, not how to search it and not how to evaluate it. Nothing in
//! it reads a clock, draws a random number or touches a file: it turns text into a checked
//! [`Template`] and numbers into [`Point`]s.
//!
//! * A template is read in two stages. [`Document`] keeps what was written, with file and line of
//!   every value, and lays the command line's overrides over it; [`Template::read`] gives it its
//!   meaning, and what it returns cannot be invalid. Each simulator reads its own table through
//!   the same [`Section`], which refuses every key that nobody asked for.
//! * A [`Space`] maps the unit cube to points and back exactly ([`Space::decode`],
//!   [`Space::encode`]), so that optimizers deal in numbers from [0, 1) only. Integers, steps,
//!   logarithmic scales, labels and conditions are all behind that map.
//! * A [`Grid`] maps an index to a point in mixed radix, without a list of points anywhere.
//! * [`Constraint`]s are checked before a point is evaluated, [`OutcomeConstraint`]s on its
//!   metrics afterwards, [`PruningRule`]s on its reports in between; a [`Target`] is a condition on
//!   metrics at which a study ends. All, and the backtester's strategies, share the grammar of [`expr`].
//!   Constraints that contradict each other are refused on proof, by interval arithmetic; merely
//!   rare points are no reason to refuse.
//! * A [`Guard`] holds a running trial against others, by the [`Standing`]s that a [`Measure`]
//!   makes of their reports.
//!
//! Deliberately absent: dependent ranges (write a constraint), permutations, and any notion of
//! which point to try next.
//!
//! ```
//! use search_spaces::{Document, Space, Value};
//!
//! let text = "fast = { int = [2, 4] }\nslow = { int = [3, 5] }\nconstraints = ['fast < slow']";
//! let document = Document::parse("example.toml", text)?;
//! let space = Space::read(document.section())?;
//! let grid = space.grid().expect("every parameter is discrete");
//! let points: Vec<_> = (0..grid.len()).filter_map(|index| grid.point(&space, index)).collect();
//! assert_eq!(grid.len(), 9);
//! assert_eq!(points.len(), 6); // (2,3) (2,4) (2,5) (3,4) (3,5) (4,5)
//! assert_eq!(points[0].values(), [Value::Int(2), Value::Int(3)]);
//! # Ok::<(), search_spaces::TemplateError>(())
//! ```

mod aggregate;
mod constraint;
mod difference;
mod document;
mod domain;
mod enqueue;
mod error;
pub mod expr;
mod feasibility;
mod forecast;
mod grid;
mod guard;
mod interval;
mod library;
mod parameter;
mod pruning_rule;
mod section;
mod sequence;
mod signed_rank;
mod space;
mod standing;
mod step;
mod target;
mod template;
mod value;
mod variation;

pub use aggregate::{Aggregate, Moments};
pub use constraint::{Constraint, OutcomeConstraint};
pub use difference::Difference;
pub use document::Document;
pub use domain::{Domain, Scale};
pub use error::{TemplateError, nearest};
pub use forecast::{Forecast, Trail};
pub use grid::Grid;
pub use guard::{Amount, Bar, Course, Guard, Patience, Pause, Rival, Rivals, Watched};
pub use library::{TEMPLATES, template};
pub use parameter::Parameter;
pub use pruning_rule::PruningRule;
pub use section::Section;
pub use sequence::Sequence;
pub use space::{Space, unit_from_bits};
pub use standing::{Measure, Standing};
pub use step::Step;
pub use target::Target;
pub use template::{Direction, Objective, Template, check_study_name};
pub use value::{Point, Value};
pub use variation::Variation;
