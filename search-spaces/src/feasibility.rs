//! Whether any point meets the constraints: branch and bound over boxes.
//!
//! A box is a range for every parameter. Interval arithmetic judges the constraints on all its
//! points at once. A box on which one of them never holds is dropped; where they all hold, or one
//! of a few points tried does meet them, the space is feasible; any other box is cut in two along
//! its widest side (E. Hansen, G. W. Walster, *Global Optimization Using Interval Analysis*, 2004,
//! chapters 11 and 12). When every box was dropped, that no point meets the constraints is proved,
//! not guessed. The search is bounded, so it may also end without an answer: for want of a proof
//! a study may start.

use libm::log;

use crate::constraint::{Condition, Constraint, Function, Number};
use crate::domain::{Domain, Scale};
use crate::expr::BinaryOp;
use crate::interval::{Interval, Verdict};
use crate::parameter::Parameter;
use crate::space::Space;
use crate::value::{Point, Value};

/// What is known about the points that meet the constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feasibility {
    /// There is one.
    Feasible,
    /// There is none.
    Infeasible,
    /// Neither was found within the bound.
    Unknown,
}

/// At most so many boxes are looked at,
const MAX_BOXES: usize = 20_000;

/// and fewer of them the more there is to look at in each, counted in parameters and characters
/// of the constraints, so that the answer takes a fraction of a second for any template.
const MAX_WORK: usize = 2_000_000;

/// The values of a parameter within a box.
#[derive(Clone, Copy, Debug)]
enum Side {
    /// The numbers from one to another, both included.
    Real(f64, f64),
    /// The levels of a discrete domain from one to another, both included.
    Levels(u64, u64),
}

/// Where in its side a point that is tried lies.
#[derive(Clone, Copy)]
enum Place {
    First,
    Middle,
    Last,
}

/// Looks for a point of `space` that meets the constraints, or for a proof that there is none.
pub(crate) fn feasibility(space: &Space) -> Feasibility {
    let parameters = space.parameters();
    let reach: Vec<Vec<usize>> =
        space.constraints().iter().map(|each| reach(each, parameters)).collect();
    let conditions = parameters.iter().filter_map(Parameter::when);
    let length: usize =
        space.constraints().iter().chain(conditions).map(|c| c.source().len()).sum();
    let boxes = MAX_BOXES.min(MAX_WORK / (parameters.len() + length).max(1));
    let mut open = vec![parameters.iter().map(|each| whole_side(each.domain())).collect()];
    for _ in 0..boxes {
        let Some(sides): Option<Vec<Side>> = open.pop() else { return Feasibility::Infeasible };
        let verdicts = judge(space, &sides);
        if verdicts.contains(&Verdict::Never) {
            continue;
        }
        let meets = |place: &Place| space.satisfies(&point_at(space, &sides, *place));
        if [Place::Middle, Place::First, Place::Last].iter().any(meets) {
            return Feasibility::Feasible;
        }
        // Cutting what no unsettled constraint depends on would settle nothing.
        let unsettled = verdicts.iter().zip(&reach).filter(|(v, _)| **v == Verdict::Sometimes);
        let width = |index: &usize| relative_width(parameters[*index].domain(), sides[*index]);
        let widest = unsettled
            .flat_map(|(_, reach)| reach.iter().copied())
            .filter(|index| width(index) > 0.0)
            .max_by(|a, b| width(a).total_cmp(&width(b)).then(b.cmp(a)));
        // With no side left to cut, the box was a single point as far as it matters, and that
        // point was tried.
        let Some(widest) = widest else { continue };
        let (lower, upper) = halves(parameters[widest].domain(), sides[widest]);
        for half in [upper, lower] {
            let mut child = sides.clone();
            child[widest] = half;
            open.push(child);
        }
    }
    if open.is_empty() { Feasibility::Infeasible } else { Feasibility::Unknown }
}

/// The parameters that a constraint depends on: those that it mentions, and those that decide
/// whether these are active.
fn reach(constraint: &Constraint, parameters: &[Parameter]) -> Vec<usize> {
    let mut reach = constraint.mentions().to_vec();
    let mut next = 0;
    while let Some(&index) = reach.get(next) {
        for mentioned in parameters[index].when().map_or(&[][..], Constraint::mentions) {
            if !reach.contains(mentioned) {
                reach.push(*mentioned);
            }
        }
        next += 1;
    }
    reach
}

fn whole_side(domain: &Domain) -> Side {
    match (domain, domain.levels()) {
        (_, Some(levels)) => Side::Levels(0, levels - 1),
        (Domain::Float { low, high, .. }, None) => Side::Real(*low, *high),
        _ => unreachable!("only floats are continuous"),
    }
}

/// Whether each constraint is met on the box. One that mentions an inactive parameter is.
fn judge(space: &Space, sides: &[Side]) -> Vec<Verdict> {
    let parameters = space.parameters();
    let number = |domain: &Domain, level: u64| {
        domain.level_value(level).as_number().expect("values of domains are active")
    };
    let within: Vec<Interval> = parameters
        .iter()
        .zip(sides)
        .map(|(parameter, side)| match *side {
            Side::Real(low, high) => Interval::new(low, high),
            Side::Levels(first, last) => {
                let domain = parameter.domain();
                Interval::new(number(domain, first), number(domain, last))
            }
        })
        .collect();
    let mut active = vec![Verdict::Always; parameters.len()];
    let all_active = |active: &[Verdict], constraint: &Constraint| {
        constraint.mentions().iter().fold(Verdict::Always, |all, index| all.and(active[*index]))
    };
    for &index in space.conditional() {
        let when = parameters[index].when().expect("conditional");
        active[index] = all_active(&active, when).and(when.condition().verdict(&within));
    }
    let met = |constraint: &Constraint| {
        all_active(&active, constraint).not().or(constraint.condition().verdict(&within))
    };
    space.constraints().iter().map(met).collect()
}

impl Condition {
    /// Whether the condition holds when every parameter lies within its interval.
    fn verdict(&self, within: &[Interval]) -> Verdict {
        match self {
            Self::Constant(true) => Verdict::Always,
            Self::Constant(false) => Verdict::Never,
            Self::Flag(index) => {
                let is_true = Interval::new(1.0, 1.0);
                within[*index].compare(BinaryOp::Equal, is_true)
            }
            Self::Not(inner) => inner.verdict(within).not(),
            Self::And(a, b) => a.verdict(within).and(b.verdict(within)),
            Self::Or(a, b) => a.verdict(within).or(b.verdict(within)),
            Self::Compare(op, a, b) => a.interval(within).compare(*op, b.interval(within)),
            Self::Label(op, index, label) => {
                let label = f64::from(*label);
                within[*index].compare(*op, Interval::new(label, label))
            }
        }
    }
}

impl Number {
    /// Where the number lies when every parameter lies within its interval.
    fn interval(&self, within: &[Interval]) -> Interval {
        match self {
            Self::Constant(value) => Interval::new(*value, *value),
            Self::Input(index) => within[*index],
            Self::Negate(inner) => inner.interval(within).negate(),
            Self::Binary(op, a, b) => a.interval(within).binary(*op, b.interval(within)),
            Self::Call(Function::Abs, inner, _) => inner.interval(within).abs(),
            Self::Call(Function::Min, a, b) => a.interval(within).min(b.interval(within)),
            Self::Call(Function::Max, a, b) => a.interval(within).max(b.interval(within)),
        }
    }
}

fn point_at(space: &Space, sides: &[Side], place: Place) -> Point {
    let value = |(parameter, side): (&Parameter, &Side)| {
        let domain = parameter.domain();
        match (*side, place) {
            (Side::Real(low, _), Place::First) => Value::Float(low),
            (Side::Real(low, high), Place::Middle) => Value::Float(middle(domain, low, high)),
            (Side::Real(_, high), Place::Last) => Value::Float(high),
            (Side::Levels(first, _), Place::First) => domain.level_value(first),
            (Side::Levels(first, last), Place::Middle) => domain.level_value(first.midpoint(last)),
            (Side::Levels(_, last), Place::Last) => domain.level_value(last),
        }
    };
    let mut point = Point::new(space.parameters().iter().zip(sides).map(value).collect());
    space.deactivate(&mut point);
    point
}

/// The middle of a continuous side on the domain's scale, within the side despite rounding.
fn middle(domain: &Domain, low: f64, high: f64) -> f64 {
    let middle = match domain {
        // The product under one root might overflow.
        Domain::Float { scale: Scale::Log, .. } => low.sqrt() * high.sqrt(),
        _ => f64::midpoint(low, high),
    };
    middle.clamp(low, high)
}

/// The share of the domain that a side covers; zero for a single value. A continuous domain is
/// measured on its scale.
fn relative_width(domain: &Domain, side: Side) -> f64 {
    let share = match (side, domain) {
        (Side::Levels(first, last), _) => {
            let steps = domain.levels().expect("a side of levels") - 1;
            return (last - first) as f64 / steps.max(1) as f64;
        }
        (Side::Real(from, to), _) if from == to => return 0.0,
        (Side::Real(from, to), Domain::Float { low, high, scale: Scale::Log, .. }) => {
            (log(to) - log(from)) / (log(*high) - log(*low))
        }
        (Side::Real(from, to), Domain::Float { low, high, .. }) => (to - from) / (high - low),
        _ => unreachable!("only floats are continuous"),
    };
    share.max(f64::MIN_POSITIVE)
}

/// A side with more than one value, cut in two at the middle. No value is in both halves and none
/// is lost: between one double and the next there is nothing.
fn halves(domain: &Domain, side: Side) -> (Side, Side) {
    match side {
        Side::Levels(first, last) => {
            let middle = first.midpoint(last);
            (Side::Levels(first, middle), Side::Levels(middle + 1, last))
        }
        Side::Real(low, high) => {
            let middle = middle(domain, low, high).min(high.next_down());
            (Side::Real(low, middle), Side::Real(middle.next_up(), high))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::Document;

    /// A space with parameters of every kind, and these constraints.
    fn space(constraints: &[&str]) -> Result<Space, String> {
        let text = format!(
            "x = {{ float = [0, 1] }}
             y = {{ float = [0, 1] }}
             rate = {{ float = [1e-6, 1e3], scale = 'log' }}
             part = {{ float = [-1, 1], step = 0.05 }}
             n = {{ int = [-100000, 100000] }}
             m = {{ int = [1, 1000000], scale = 'log' }}
             hedge = {{ bool = true }}
             size = {{ ordinal = ['s', 'm', 'l'] }}
             level = {{ float = [20, 80], when = \"size == 'm'\" }}
             deep = {{ int = [1, 3], when = 'level > 50' }}
             constraints = {constraints:?}"
        );
        let document = Document::parse("t.toml", &text).expect("well-formed");
        Space::read(document.section()).map_err(|error| error.to_string())
    }

    fn judged(constraints: &[&str]) -> Feasibility {
        match space(constraints) {
            Ok(space) => feasibility(&space),
            Err(message) => {
                assert!(message.contains("], which no point meets, allowed: "), "{message}");
                Feasibility::Infeasible
            }
        }
    }

    #[test]
    fn contradictions_are_proved() {
        for constraints in [
            &["x > 3"][..],
            &["x > 0.6", "x < 0.4"],
            &["x > 0.6 and x < 0.4"],
            &["x + y > 3"],
            &["not (x >= 0)"],
            &["x - x > 0.5"],
            &["x * y > 0.5", "x + y < 1.4"],
            &["n + m < -100000"],
            &["abs(n) > 99999", "n != -100000", "n < 5", "n != 100000"],
            &["rate < 1e-3", "rate > 1e-3"],
            &["hedge", "size == 's' or not hedge", "size > 's'"],
            &["false"],
            &["1 / x < 0.5"],
            // The parameter is active wherever the other constraints hold.
            &["size == 'm'", "level > 80"],
            &["size == 'm'", "level > 60", "deep > 3"],
        ] {
            assert_eq!(judged(constraints), Feasibility::Infeasible, "{constraints:?}");
        }
    }

    #[test]
    fn rare_points_are_found() {
        for constraints in [
            &["x < 1e-6 and y < 1e-6"][..],
            &["n < -99900 and n > -99990", "m < 100"],
            &["x > 0.123456", "x < 0.1234561", "y > 0.9999999"],
            &["x + y == 1"],
            &["n * n == 1522756", "n < 0"],
            &["rate > 1e-5", "rate < 1.0000001e-5"],
            &["part == 0.15", "n == 77777"],
            &["1 / (x - 0.5) > 1e6"],
            // Met where the parameter is inactive.
            &["level > 80"],
            &["deep > 3", "hedge"],
            &["level > 50", "size == 'm'", "deep == 2"],
        ] {
            assert_eq!(judged(constraints), Feasibility::Feasible, "{constraints:?}");
        }
    }

    #[test]
    fn without_a_proof_a_study_may_start() {
        // Boxes along the diagonal never settle this one.
        assert_eq!(judged(&["x < y", "y < x"]), Feasibility::Unknown);
    }

    fn number() -> impl Strategy<Value = String> {
        let names = ["x", "y", "rate", "part", "n", "m", "level", "deep"].map(String::from);
        let leaf = prop_oneof![
            3 => proptest::sample::select(names.to_vec()),
            1 => (-20i32..20).prop_map(|tenths| format!("{}", f64::from(tenths) / 10.0)),
        ];
        leaf.prop_recursive(2, 6, 2, |inner| {
            let op = proptest::sample::select(vec!["+", "-", "*", "/"]);
            let function = proptest::sample::select(vec!["min", "max"]);
            prop_oneof![
                3 => (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
                1 => (function, inner.clone(), inner.clone())
                    .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
                1 => inner.prop_map(|a| format!("-abs({a})")),
            ]
        })
    }

    fn condition() -> impl Strategy<Value = String> {
        let op = proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
        let label = proptest::sample::select(vec!["s", "m", "l"]);
        let leaf = prop_oneof![
            4 => (number(), op.clone(), number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            1 => (op, label).prop_map(|(op, label)| format!("size {op} '{label}'")),
            1 => Just("hedge".to_owned()),
        ];
        leaf.prop_recursive(2, 4, 2, |inner| {
            let op = proptest::sample::select(vec!["and", "or"]);
            prop_oneof![
                (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
                inner.prop_map(|a| format!("not ({a})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_some_point_meets_is_never_refused(
            conditions in proptest::collection::vec(condition(), 1..4),
            unit in proptest::collection::vec(0.0..1.0f64, 10),
            reach in proptest::option::of(1e-6..1e-2),
        ) {
            let all = space(&[]).unwrap();
            let point = all.decode(&unit);
            let met = |source: &str| {
                Constraint::compile(source, all.parameters()).unwrap().holds(&point) != Some(false)
            };
            // Of every condition and its opposite, the point meets one.
            let mut constraints: Vec<String> = conditions
                .into_iter()
                .map(|source| if met(&source) { source } else { format!("not ({source})") })
                .collect();
            // Most others are ruled out, so that the search has to go and find it.
            for (name, value) in ["x", "y", "rate", "part", "n", "m"].iter().zip(point.values()) {
                let (value, reach) = (value.as_number().unwrap(), reach.unwrap_or(1e9));
                constraints.push(format!("abs({name} - {value}) <= {}", value.abs() * reach));
            }
            prop_assert!(constraints.iter().all(|source| met(source)));
            let sources: Vec<&str> = constraints.iter().map(String::as_str).collect();
            prop_assert_ne!(judged(&sources), Feasibility::Infeasible);
        }
    }
}
