//! Constraints: conditions that points must meet before they are evaluated, and conditions that
//! their metrics must meet afterwards.

use crate::domain::{Domain, Scale};
use crate::expr::{BinaryOp, Expr, ExprError, Node, parse};
use crate::parameter::Parameter;
use crate::value::{Point, Value};

/// A condition on the parameters of a point, such as `fast < slow` or
/// `not (filter == 'rsi' and hedge)`.
///
/// Numbers (float and int parameters) take arithmetic and comparisons, `abs`, `min` and `max`;
/// labels compare with texts (`==`, `!=`, and the order where the parameter is an ordinal);
/// bools stand for themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    source: String,
    condition: Condition,
    mentions: Vec<usize>,
}

/// An arithmetic expression whose leaves are numbered inputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Number {
    Constant(f64),
    Input(usize),
    Negate(Box<Number>),
    Binary(BinaryOp, Box<Number>, Box<Number>),
    Call(Function, Box<Number>, Box<Number>),
}

/// The functions of arithmetic; those of one value ignore the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    Abs,
    Min,
    Max,
}

/// A truth value whose leaves are the values of numbered parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Constant(bool),
    Flag(usize),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare(BinaryOp, Number, Number),
    Label(BinaryOp, usize, u32),
}

impl Constraint {
    /// Compiles `source` against the parameters of a space.
    ///
    /// # Errors
    /// A fault of syntax, an unknown name or label, or an operator on the wrong kind of value,
    /// with the column at which it stands.
    pub fn compile(source: &str, parameters: &[Parameter]) -> Result<Self, ExprError> {
        Self::compile_over(source, parameters, "parameter")
    }

    /// Compiles `source` against inputs that messages call by this noun.
    pub(crate) fn compile_over(
        source: &str,
        parameters: &[Parameter],
        noun: &'static str,
    ) -> Result<Self, ExprError> {
        let mut compiler = Compiler { parameters, noun, mentions: Vec::new() };
        let condition = compiler.condition(&parse(source)?)?;
        let mut mentions = compiler.mentions;
        mentions.sort_unstable();
        mentions.dedup();
        Ok(Self { source: source.to_owned(), condition, mentions })
    }

    /// Compiles `source` against names of numbers, whatever their range.
    pub(crate) fn compile_over_numbers<'a>(
        source: &str,
        names: impl IntoIterator<Item = &'a str>,
        noun: &'static str,
    ) -> Result<Self, ExprError> {
        let number = || Domain::Float {
            low: 0.0,
            high: 1.0,
            scale: Scale::Linear,
            step: None,
            points: None,
        };
        let inputs: Vec<Parameter> =
            names.into_iter().map(|name| Parameter::new(name, number())).collect();
        Self::compile_over(source, &inputs, noun)
    }

    /// Whether numbers, one for each name, meet a condition over numbers.
    pub(crate) fn holds_for_numbers(&self, numbers: impl IntoIterator<Item = f64>) -> bool {
        let point = Point::new(numbers.into_iter().map(Value::Float).collect());
        self.holds(&point).expect("numbers are always active")
    }

    /// The text that the constraint was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The parameters that the constraint mentions, ascending.
    #[must_use]
    pub fn mentions(&self) -> &[usize] {
        &self.mentions
    }

    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Whether the condition holds at `point`; none where it mentions an inactive parameter.
    #[must_use]
    pub fn holds(&self, point: &Point) -> Option<bool> {
        let values = point.values();
        let inactive = |index: &usize| values[*index] == Value::Inactive;
        (!self.mentions.iter().any(inactive)).then(|| self.condition.holds(values))
    }
}

impl Condition {
    fn holds(&self, values: &[Value]) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Flag(index) => values[*index] == Value::Bool(true),
            Self::Not(inner) => !inner.holds(values),
            Self::And(a, b) => a.holds(values) && b.holds(values),
            Self::Or(a, b) => a.holds(values) || b.holds(values),
            Self::Compare(op, a, b) => {
                let input = |index: usize| values[index].as_number().unwrap_or(f64::NAN);
                compare(*op, a.value(&input), b.value(&input))
            }
            Self::Label(op, index, label) => match values[*index] {
                Value::Label(value) => compare(*op, f64::from(value), f64::from(*label)),
                _ => false,
            },
        }
    }
}

impl Number {
    fn value(&self, input: &impl Fn(usize) -> f64) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Input(index) => input(*index),
            Self::Negate(inner) => -inner.value(input),
            Self::Call(function, a, b) => {
                let (a, b) = (a.value(input), b.value(input));
                match function {
                    Function::Abs => a.abs(),
                    Function::Min => a.min(b),
                    Function::Max => a.max(b),
                }
            }
            Self::Binary(op, a, b) => {
                let (a, b) = (a.value(input), b.value(input));
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Subtract => a - b,
                    BinaryOp::Multiply => a * b,
                    BinaryOp::Divide => a / b,
                    _ => unreachable!("the compiler lets only arithmetic through"),
                }
            }
        }
    }
}

fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Less => a < b,
        BinaryOp::LessEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterEqual => a >= b,
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        _ => unreachable!("the compiler lets only comparisons through"),
    }
}

fn fault<T>(expr: &Expr, message: impl Into<String>) -> Result<T, ExprError> {
    Err(ExprError { column: expr.column, message: message.into() })
}

/// Compiles arithmetic; `input` resolves a name.
fn number(
    expr: &Expr,
    input: &mut impl FnMut(&Expr, &str) -> Result<usize, ExprError>,
) -> Result<Number, ExprError> {
    match &expr.node {
        Node::Number(value) => Ok(Number::Constant(*value)),
        Node::Name(name) => input(expr, name).map(Number::Input),
        Node::Negate(inner) => Ok(Number::Negate(Box::new(number(inner, input)?))),
        Node::Binary(op, a, b) if !op.compares() && !matches!(op, BinaryOp::And | BinaryOp::Or) => {
            Ok(Number::Binary(*op, Box::new(number(a, input)?), Box::new(number(b, input)?)))
        }
        Node::Call(name, arguments) => {
            let (function, arity) = match name.as_str() {
                "abs" => (Function::Abs, 1),
                "min" => (Function::Min, 2),
                "max" => (Function::Max, 2),
                _ => return fault(expr, format!("unknown function '{name}' (abs, min, max)")),
            };
            if arguments.len() != arity {
                return fault(expr, format!("'{name}' takes {arity} value(s)"));
            }
            let first = number(&arguments[0], input)?;
            let last = number(&arguments[arity - 1], input)?;
            Ok(Number::Call(function, Box::new(first), Box::new(last)))
        }
        _ => fault(expr, "expected a number"),
    }
}

struct Compiler<'a> {
    parameters: &'a [Parameter],
    noun: &'static str,
    mentions: Vec<usize>,
}

impl Compiler<'_> {
    fn index(&mut self, expr: &Expr, name: &str) -> Result<usize, ExprError> {
        let found = self.parameters.iter().position(|parameter| parameter.name() == name);
        let Some(index) = found else {
            let names: Vec<&str> = self.parameters.iter().map(Parameter::name).collect();
            let message = format!("unknown {} '{name}' (of {})", self.noun, names.join(", "));
            return fault(expr, message);
        };
        self.mentions.push(index);
        Ok(index)
    }

    fn number(&mut self, expr: &Expr) -> Result<Number, ExprError> {
        number(expr, &mut |expr, name| {
            let index = self.index(expr, name)?;
            match self.parameters[index].domain() {
                Domain::Float { .. } | Domain::Int { .. } => Ok(index),
                _ => fault(expr, format!("'{name}' is no number")),
            }
        })
    }

    fn condition(&mut self, expr: &Expr) -> Result<Condition, ExprError> {
        match &expr.node {
            Node::Bool(value) => Ok(Condition::Constant(*value)),
            Node::Not(inner) => Ok(Condition::Not(Box::new(self.condition(inner)?))),
            Node::Binary(BinaryOp::And, a, b) => {
                Ok(Condition::And(Box::new(self.condition(a)?), Box::new(self.condition(b)?)))
            }
            Node::Binary(BinaryOp::Or, a, b) => {
                Ok(Condition::Or(Box::new(self.condition(a)?), Box::new(self.condition(b)?)))
            }
            Node::Binary(op, a, b) if op.compares() => self.comparison(expr, *op, a, b),
            Node::Name(name) => {
                let index = self.index(expr, name)?;
                match self.parameters[index].domain() {
                    Domain::Bool => Ok(Condition::Flag(index)),
                    _ => fault(expr, format!("'{name}' is no bool; compare it with something")),
                }
            }
            _ => fault(expr, "expected a condition"),
        }
    }

    fn comparison(
        &mut self,
        expr: &Expr,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
    ) -> Result<Condition, ExprError> {
        let text = |side: &Expr| matches!(side.node, Node::Text(_));
        if text(a) || text(b) {
            return self.label_comparison(expr, op, a, b);
        }
        // `hedge == true` means what it says.
        for (flag, constant) in [(a, b), (b, a)] {
            if let Node::Bool(wanted) = constant.node {
                let condition = self.condition(flag)?;
                return match (op, wanted) {
                    (BinaryOp::Equal, true) | (BinaryOp::NotEqual, false) => Ok(condition),
                    (BinaryOp::Equal, false) | (BinaryOp::NotEqual, true) => {
                        Ok(Condition::Not(Box::new(condition)))
                    }
                    _ => fault(expr, "bools have no order; use == or !="),
                };
            }
        }
        Ok(Condition::Compare(op, self.number(a)?, self.number(b)?))
    }

    fn label_comparison(
        &mut self,
        expr: &Expr,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
    ) -> Result<Condition, ExprError> {
        let (name_side, name, text_side, text, op) = match (&a.node, &b.node) {
            (Node::Name(name), Node::Text(text)) => (a, name, b, text, op),
            (Node::Text(text), Node::Name(name)) => (b, name, a, text, mirrored(op)),
            _ => return fault(expr, "a text compares only with a choice or ordinal parameter"),
        };
        let index = self.index(name_side, name)?;
        let Domain::Labels { labels, ordered } = self.parameters[index].domain() else {
            return fault(name_side, format!("'{name}' is no choice or ordinal"));
        };
        if !ordered && !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            return fault(expr, format!("'{name}' is a choice without order; use == or !="));
        }
        let Some(label) = labels.iter().position(|label| label == text) else {
            let message = format!("'{name}' has no value '{text}' (of {})", labels.join(", "));
            return fault(text_side, message);
        };
        Ok(Condition::Label(op, index, u32::try_from(label).expect("few labels")))
    }
}

/// The operator with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        same => same,
    }
}

/// A condition on the metrics of a finished trial, such as `trades >= 30`: one comparison of two
/// arithmetic expressions. A trial that does not meet it is infeasible by the amount that is
/// missing.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeConstraint {
    source: String,
    op: BinaryOp,
    left: Number,
    right: Number,
}

impl OutcomeConstraint {
    /// Compiles `source` against the names of the metrics.
    ///
    /// # Errors
    /// A fault of syntax, an unknown metric, or anything but one comparison of numbers.
    pub fn compile(source: &str, metrics: &[String]) -> Result<Self, ExprError> {
        let expr = parse(source)?;
        let Node::Binary(op, a, b) = &expr.node else {
            return fault(&expr, "expected a comparison, such as trades >= 30");
        };
        if !op.compares() || *op == BinaryOp::NotEqual {
            return fault(&expr, "expected one of < <= > >= ==");
        }
        let mut input = |expr: &Expr, name: &str| match metrics.iter().position(|m| m == name) {
            Some(index) => Ok(index),
            None => fault(expr, format!("unknown metric '{name}' (of {})", metrics.join(", "))),
        };
        let (left, right) = (number(a, &mut input)?, number(b, &mut input)?);
        Ok(Self { source: source.to_owned(), op: *op, left, right })
    }

    /// The text that the constraint was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// By how much the metrics miss the condition: 0 where they meet it, infinite where a side
    /// is NaN. A strict comparison of equal sides is missed by the smallest positive number.
    #[must_use]
    pub fn violation(&self, metrics: &[f64]) -> f64 {
        let input = |index: usize| metrics[index];
        let (left, right) = (self.left.value(&input), self.right.value(&input));
        if compare(self.op, left, right) {
            return 0.0;
        }
        let missing = (left - right).abs();
        if missing.is_nan() { f64::INFINITY } else { missing.max(f64::MIN_POSITIVE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<Parameter> {
        let int = Domain::Int { low: 0, high: 9, scale: Scale::Linear, step: 1 };
        let labels = |ordered| Domain::Labels {
            labels: ["s", "m", "l"].map(String::from).to_vec(),
            ordered,
        };
        vec![
            Parameter::new("fast", int.clone()),
            Parameter::new("slow", int),
            Parameter::new("hedge", Domain::Bool),
            Parameter::new("size", labels(true)),
            Parameter::new("kind", labels(false)),
        ]
    }

    fn holds(source: &str, values: [Value; 5]) -> Option<bool> {
        let constraint = Constraint::compile(source, &parameters()).expect(source);
        constraint.holds(&Point::new(values.to_vec()))
    }

    #[test]
    fn conditions_mean_what_they_say() {
        let point =
            [Value::Int(2), Value::Int(5), Value::Bool(true), Value::Label(1), Value::Label(2)];
        for (source, expected) in [
            ("fast < slow", true),
            ("fast * 3 <= slow", false),
            ("fast + slow == 7 and hedge", true),
            ("not (kind == 'l' and hedge == true)", false),
            ("size >= 'm' and 'l' > size", true),
            ("kind != 's' or fast / 0 > 1", true),
            ("abs(fast - slow) >= max(fast, 3)", true),
            ("hedge == false", false),
        ] {
            assert_eq!(holds(source, point), Some(expected), "{source}");
        }
    }

    #[test]
    fn a_mention_of_an_inactive_parameter_gives_no_answer() {
        let point =
            [Value::Int(2), Value::Inactive, Value::Bool(true), Value::Label(1), Value::Label(2)];
        assert_eq!(holds("fast < slow", point), None);
        assert_eq!(holds("fast < 3", point), Some(true));
    }

    #[test]
    fn faults_name_what_is_allowed() {
        for (source, message) in [
            ("fats < slow", "unknown parameter 'fats' (of fast, slow, hedge, size, kind)"),
            ("kind == 'xl'", "'kind' has no value 'xl' (of s, m, l)"),
            ("kind < 'l'", "without order"),
            ("fast", "'fast' is no bool"),
            ("fast + 1", "expected a condition"),
            ("hedge + 1 < 2", "'hedge' is no number"),
            ("sqrt(fast) < 2", "unknown function 'sqrt'"),
            ("fast == 'a'", "no choice or ordinal"),
            ("hedge < true", "no order"),
        ] {
            let error = Constraint::compile(source, &parameters()).expect_err(source);
            assert!(error.message.contains(message), "{source}: {error}");
        }
    }

    #[test]
    fn violations_measure_what_is_missing() {
        let metrics = ["trades", "dd"].map(String::from);
        let violation = |source: &str, values: [f64; 2]| {
            OutcomeConstraint::compile(source, &metrics).expect(source).violation(&values)
        };
        assert!((violation("trades >= 30", [12.0, 0.0]) - 18.0).abs() < 1e-12);
        assert!(violation("trades >= 30", [30.0, 0.0]).abs() < f64::MIN_POSITIVE);
        assert!(violation("dd < 0.5", [0.0, 0.5]) > 0.0);
        assert!(violation("dd < 0.5", [0.0, f64::NAN]).is_infinite());
        assert!(OutcomeConstraint::compile("trades", &metrics).is_err());
        assert!(OutcomeConstraint::compile("a < 1", &metrics).is_err());
    }
}
