//! The space of a study: its parameters, which of them are active where, and which points count.

use crate::constraint::Constraint;
use crate::domain::Domain;
use crate::error::TemplateError;
use crate::expr::ExprError;
use crate::feasibility::{Feasibility, feasibility};
use crate::grid::Grid;
use crate::parameter::Parameter;
use crate::section::Section;
use crate::value::{Point, Value};

/// Parameters, the conditions under which they are active, and the constraints between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    constraints: Vec<Constraint>,
    /// The conditional parameters, each after those that its condition mentions.
    conditional: Vec<usize>,
}

/// Spaces with at most this many points are searched whole for one that meets the constraints.
const EXHAUSTIVE: u128 = 1 << 20;

impl Space {
    /// A space of parameters that are always active, without constraints.
    ///
    /// # Panics
    /// If two parameters have the same name.
    #[must_use]
    pub fn new(parameters: Vec<Parameter>) -> Self {
        let mut names: Vec<&str> = parameters.iter().map(Parameter::name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two parameters of one name");
        Self { parameters, constraints: Vec::new(), conditional: Vec::new() }
    }

    /// Reads the table `[space]`: a table for each parameter, and `constraints`.
    ///
    /// # Errors
    /// Any fault of a parameter, a condition or a constraint; conditions that depend on each
    /// other in a circle; constraints that are known to be met by no point, because every point
    /// of a small space was tried or because interval arithmetic proves it.
    pub fn read(mut section: Section<'_>) -> Result<Self, TemplateError> {
        let names: Vec<String> =
            section.keys().into_iter().filter(|key| key != "constraints").collect();
        if names.is_empty() {
            return Err(section.missing("", "one or more parameters"));
        }
        let mut space = Self::new(Vec::new());
        let mut conditions = Vec::new();
        for name in &names {
            check_name(&section, name)?;
            let mut table = section.section(name)?.expect("the key is there");
            space.parameters.push(Parameter::read(name, &mut table)?);
            conditions.push(table.text("when")?);
            table.finish()?;
        }
        let compile = |at: &Section<'_>, key: &str, source: &str, parameters: &[Parameter]| {
            Constraint::compile(source, parameters).map_err(|error: ExprError| {
                at.error(key, error.found_in(source), condition_on(parameters))
            })
        };
        for (index, source) in conditions.iter().enumerate() {
            let Some(source) = source else { continue };
            let table = section.section(&names[index])?.expect("the key is there");
            let when = compile(&table, "when", source, &space.parameters)?;
            space.parameters[index].when = Some(when);
        }
        for source in section.texts("constraints")?.unwrap_or_default() {
            let constraint = compile(&section, "constraints", &source, &space.parameters)?;
            space.constraints.push(constraint);
        }
        space.conditional = space.order_of_conditions().map_err(|index| {
            let name = space.parameters[index].name();
            section.error(name, "a condition that depends on itself", "conditions without a circle")
        })?;
        if let Some(how) = space.contradiction() {
            let sources: Vec<&str> = space.constraints.iter().map(Constraint::source).collect();
            let found = format!("{sources:?}, which no point meets{how}");
            return Err(section.error("constraints", found, "constraints that some point meets"));
        }
        section.finish()?;
        Ok(space)
    }

    /// Conditional parameters in an order in which each follows those that it depends on, or
    /// one that depends on itself.
    fn order_of_conditions(&self) -> Result<Vec<usize>, usize> {
        let conditional =
            |index: &usize| -> Option<&Constraint> { self.parameters[*index].when.as_ref() };
        let mut waiting: Vec<usize> =
            (0..self.parameters.len()).filter(|index| conditional(index).is_some()).collect();
        let mut order = Vec::new();
        while let Some(first) = waiting.first().copied() {
            let ready = waiting.iter().position(|index| {
                let when = conditional(index).expect("only conditional ones wait");
                when.mentions().iter().all(|mentioned| !waiting.contains(mentioned))
            });
            let Some(ready) = ready else { return Err(first) };
            order.push(waiting.remove(ready));
        }
        Ok(order)
    }

    /// How it is known that no point meets the constraints, as the end of a message; none where
    /// some point does or that is not known.
    fn contradiction(&self) -> Option<String> {
        if self.constraints.is_empty() {
            return None;
        }
        if let (Some(size @ 0..=EXHAUSTIVE), Ok(grid)) = (self.cardinality(), self.grid()) {
            let found = (0..grid.len()).any(|index| grid.point(self, index).is_some());
            return (!found).then(|| format!(" (all {size} tried)"));
        }
        (feasibility(self) == Feasibility::Infeasible).then(String::new)
    }

    /// The conditional parameters, each after those that its condition mentions.
    pub(crate) fn conditional(&self) -> &[usize] {
        &self.conditional
    }

    /// The parameters, in the order of the template.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The constraints between them.
    #[must_use]
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// The position of a parameter.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name() == name)
    }

    /// The number of combinations of values, before constraints and conditions; none where a
    /// parameter is continuous.
    #[must_use]
    pub fn cardinality(&self) -> Option<u128> {
        self.parameters.iter().try_fold(1u128, |product, parameter| {
            Some(product.saturating_mul(u128::from(parameter.domain().levels()?)))
        })
    }

    /// The grid over the space.
    ///
    /// # Errors
    /// The name of a continuous parameter that has no `points`, or a grid of more than 2^63.
    pub fn grid(&self) -> Result<Grid, String> {
        Grid::new(self)
    }

    /// The point at these coordinates of the unit cube, with the parameters whose condition
    /// does not hold set inactive. Constraints are not looked at.
    ///
    /// # Panics
    /// If there is not one coordinate in [0, 1) per parameter.
    #[must_use]
    pub fn decode(&self, unit: &[f64]) -> Point {
        assert_eq!(unit.len(), self.parameters.len(), "one coordinate per parameter");
        let value = |(parameter, unit): (&Parameter, &f64)| parameter.domain().decode(*unit);
        self.point(self.parameters.iter().zip(unit).map(value).collect())
    }

    /// The point with these values, of which those of parameters whose condition does not hold
    /// are set inactive. Constraints are not looked at.
    #[must_use]
    pub fn point(&self, values: Vec<Value>) -> Point {
        let mut point = Point::new(values);
        self.deactivate(&mut point);
        point
    }

    /// Coordinates of the unit cube that decode to `point`; one half for inactive parameters.
    ///
    /// # Panics
    /// If the point does not belong to the space.
    #[must_use]
    pub fn encode(&self, point: &Point) -> Vec<f64> {
        let unit = |(parameter, value): (&Parameter, &Value)| match value {
            Value::Inactive => 0.5,
            value => parameter.domain().encode(*value),
        };
        self.parameters.iter().zip(point.values()).map(unit).collect()
    }

    /// Sets inactive every parameter whose condition does not hold.
    pub(crate) fn deactivate(&self, point: &mut Point) {
        for &index in &self.conditional {
            let when = self.parameters[index].when.as_ref().expect("conditional");
            if when.holds(point) != Some(true) {
                point.values_mut()[index] = Value::Inactive;
            }
        }
    }

    /// Whether `point` meets the constraints. One that mentions an inactive parameter counts
    /// as met.
    #[must_use]
    pub fn satisfies(&self, point: &Point) -> bool {
        self.constraints.iter().all(|constraint| constraint.holds(point) != Some(false))
    }

    /// Whether `point` belongs to the space: every value from its domain, inactive exactly where
    /// the condition does not hold, and the constraints met.
    #[must_use]
    pub fn contains(&self, point: &Point) -> bool {
        let allowed = |(parameter, value): (&Parameter, &Value)| match value {
            Value::Inactive => parameter.when.is_some(),
            value => parameter.domain().contains(*value),
        };
        let active_where_due = |index: &usize| {
            let when = self.parameters[*index].when.as_ref().expect("conditional");
            (when.holds(point) == Some(true)) == (point.values()[*index] != Value::Inactive)
        };
        point.values().len() == self.parameters.len()
            && self.parameters.iter().zip(point.values()).all(allowed)
            && self.conditional.iter().all(active_where_due)
            && self.satisfies(point)
    }
}

/// A number in [0, 1) from the upper 53 of 64 random bits.
#[must_use]
pub fn unit_from_bits(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// What a constraint or condition may be, with an example that fits the parameters.
fn condition_on(parameters: &[Parameter]) -> String {
    let names: Vec<&str> = parameters.iter().map(Parameter::name).collect();
    let numeric = |parameter: &&Parameter| {
        matches!(parameter.domain(), Domain::Float { .. } | Domain::Int { .. })
    };
    let numbers: Vec<&Parameter> = parameters.iter().filter(numeric).collect();
    let example = match (&numbers[..], parameters) {
        ([a, b, ..], _) => format!("{} < {}", a.name(), b.name()),
        ([a], _) => format!("{} < {}", a.name(), a.text(a.domain().decode(0.5))),
        ([], [first, ..]) => match first.labels().first() {
            Some(label) => format!("{} == '{label}'", first.name()),
            None => format!("not {}", first.name()),
        },
        ([], []) => "a < b".to_owned(),
    };
    format!("a condition on {}, such as {example}", names.join(", "))
}

/// Names become columns and words of expressions.
fn check_name(section: &Section<'_>, name: &str) -> Result<(), TemplateError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let reserved = ["and", "or", "not", "true", "false"];
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(word) && !reserved.contains(&name) {
        return Ok(());
    }
    let allowed = "a name of letters, digits and '_' that starts with a letter \
                   (not and, or, not, true, false)";
    Err(section.error(name, format!("the name {name:?}"), allowed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::Document;

    fn space(text: &str) -> Result<Space, TemplateError> {
        let document = Document::parse("t.toml", text)?;
        Space::read(document.section())
    }

    const CONDITIONAL: &str = "
        filter = { choice = ['none', 'rsi', 'adx'] }
        level = { float = [20.0, 80.0], points = 4, when = \"filter == 'rsi'\" }
        deep = { int = [1, 3], when = 'level > 50' }
        hedge = { bool = true }
        constraints = ['not (hedge and level < 30)']
    ";

    #[test]
    fn a_grid_visits_every_valid_point_once() {
        let space = space(CONDITIONAL).unwrap();
        let grid = space.grid().unwrap();
        assert_eq!(grid.len(), 3 * 4 * 3 * 2);
        let points: Vec<Point> = (0..grid.len()).filter_map(|i| grid.point(&space, i)).collect();
        let mut hashes: Vec<u128> = points.iter().map(Point::hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), points.len());
        // none and adx: 2 each; rsi: levels 20 (hedge ruled out: 1) and 40 (2) leave `deep`
        // out, 60 and 80 have it three times over two.
        assert_eq!(points.len(), 4 + 1 + 2 + 12);
        assert!(points.iter().all(|point| space.contains(point)));
    }

    #[test]
    fn points_outside_are_told_apart() {
        let space = space(CONDITIONAL).unwrap();
        let point =
            |level, deep, hedge| Point::new(vec![Value::Label(1), level, deep, Value::Bool(hedge)]);
        let (level, off) = (Value::Float(55.0), Value::Inactive);
        assert!(space.contains(&point(level, Value::Int(2), true)));
        assert!(!space.contains(&point(level, off, true)), "deep is active here");
        assert!(!space.contains(&point(level, Value::Int(9), true)), "9 is out of range");
        assert!(!space.contains(&point(Value::Float(25.0), Value::Int(1), false)), "inactive");
        assert!(!space.contains(&point(Value::Float(25.0), off, true)), "constraint");
        assert!(!space.contains(&Point::new(vec![Value::Label(1)])), "too short");
    }

    #[test]
    fn a_billion_points_cost_nothing() {
        let space = space("a = { int = [0, 999] }\nb = { int = [0, 999] }\nc = { int = [0, 999] }");
        let space = space.unwrap();
        let grid = space.grid().unwrap();
        assert_eq!(grid.len(), 1_000_000_000);
        let last = grid.point(&space, 999_999_999).unwrap();
        assert_eq!(last.values(), [Value::Int(999); 3]);
        assert_eq!(
            grid.point(&space, 1_002).unwrap().values()[1..],
            [Value::Int(1), Value::Int(2)]
        );
    }

    #[test]
    fn faults_name_key_found_and_allowed() {
        for (text, message) in [
            ("x = { float = [2, 1] }", "x.float: found an empty range [2, 1]"),
            ("x = { int = [1.5, 2] }", "x.int: found [1.5, 2], allowed: a list of whole"),
            ("x = { float = [0, 1], scale = 'log' }", "a lower bound above 0"),
            ("x = { int = [1, 9], step = 0 }", "x.step: found 0"),
            ("x = { choice = ['a', 'a'] }", "one or more different texts"),
            ("x = { int = [1, 2], flaot = [1, 2] }", "x.flaot: found an unknown key"),
            ("x = { range = [1, 2] }", "one of { float = [low, high] }"),
            ("x = { int = [1, 2], float = [1, 2] }", "found float and int"),
            ("x = 3", "x: found 3, allowed: a table"),
            ("'a b' = { bool = true }", "the name \"a b\""),
            ("and = { bool = true }", "the name \"and\""),
            ("constraints = []", "one or more parameters"),
            ("x = { int = [1, 5] }\nconstraints = ['x > y']", "unknown parameter 'y' (of x)"),
            ("x = { int = [1, 5] }\nconstraints = ['x > 3', 'x < 2']", "no point meets (all 5"),
            (
                "x = { float = [0, 1] }\nconstraints = ['x > 3']",
                "constraints: found [\"x > 3\"], which no point meets, allowed: constraints \
                 that some point meets",
            ),
            (
                "a = { int = [1, 5] }\nb = { int = [1, 5] }\nconstraints = ['a = 1']",
                "constraints: found \"a = 1\" (at column 3: unexpected '='), allowed: a condition \
                 on a, b, such as a < b",
            ),
            (
                "x = { int = [1, 5], when = 'x <' }\ny = { bool = true }",
                "x.when: found \"x <\" (at column 4: expected a value, found end), allowed: a \
                 condition on x, y, such as x < 3",
            ),
            (
                "k = { choice = ['a', 'b'] }\nconstraints = ['k == 1']",
                "(at column 1: 'k' is no number), allowed: a condition on k, such as k == 'a'",
            ),
            ("x = { bool = true, when = 'y' }\ny = { bool = true, when = 'x' }", "circle"),
            ("x = { float = [nan, 1] }", "a list of finite numbers"),
            ("x = { int = [1, 9007199254740993] }", "between -2^53 and 2^53"),
            ("x = { float = [0, 1], points = 1 }", "2 or more"),
            ("x = { float = [0, 1], points = 3, step = 0.5 }", "not both"),
            ("x = { float = [0, 1], step = 1e-30 }", "2^64 values or more, allowed: at most 2^50"),
            ("x = { float = [0, 1], step = 1e-300 }", "x.step: found 2^64 values or more"),
            ("x = { float = [0, 1], step = 1e-16 }", "at most 2^50; use a larger step"),
            ("x = { float = [1e15, 1.00000000000001e15], step = 0.1 }", "tell numbers of this"),
        ] {
            let error = space(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
            assert!(error.starts_with("t.toml"), "{error}");
        }
    }

    #[test]
    fn stepped_floats_are_read_as_decimals() {
        let space = space("x = { float = [0, 1], step = 0.3 }\ny = { float = [2, 2] }").unwrap();
        let Domain::Float { high, .. } = space.parameters()[0].domain() else { panic!("a float") };
        assert_eq!(*high, 0.9);
        assert_eq!(space.cardinality(), Some(4));
        let grid = space.grid().unwrap();
        let texts: Vec<String> = (0..grid.len())
            .map(|index| {
                let point = grid.point(&space, index).unwrap();
                space.parameters()[0].text(point.values()[0])
            })
            .collect();
        assert_eq!(texts, ["0", "0.3", "0.6", "0.9"]);
    }

    #[test]
    fn a_continuous_parameter_has_no_grid() {
        let space = space("rate = { float = [0, 1] }").unwrap();
        assert!(space.grid().unwrap_err().contains("--set space.rate.points=20"));
    }

    proptest! {
        #[test]
        fn points_encode_and_decode_to_themselves(
            unit in proptest::collection::vec(0.0..1.0f64, 4),
        ) {
            let space = space(CONDITIONAL).unwrap();
            let point = space.decode(&unit);
            prop_assert_eq!(space.decode(&space.encode(&point)), point);
        }
    }
}
