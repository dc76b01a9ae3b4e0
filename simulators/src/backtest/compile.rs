//! From expression text to a typed [`Strategy`]: names resolved, kinds checked, faults with their
//! column.

use search_spaces::expr::{self, BinaryOp, Expr, Node};
use search_spaces::{Domain, Parameter, Section, Space, TemplateError};

use super::data::Price;
use super::expression::{Comparison, Condition, Number, Operation, Strategy, whole_number};
use super::indicators::Indicator;
use super::orders::Orders;
use super::orders_read::{Directions, OrdersReader};
use super::text::printable;
use super::variants;

const CONDITION: &str = "a condition, such as close > sma(close, 50)";
const NUMBER: &str = "a number or a series of numbers";
const FUNCTIONS: &str = "sma, ema, highest, lowest, rsi, previous (series, n); \
                         cross_above, cross_below, min, max (a, b); abs (x)";

/// A fault in an expression.
pub(super) struct Fault {
    pub column: u32,
    pub found: String,
    pub allowed: String,
}

pub(super) type Compiled<T> = Result<T, Fault>;

fn fault<T>(expr: &Expr, found: impl Into<String>, allowed: impl Into<String>) -> Compiled<T> {
    Err(Fault { column: expr.column, found: found.into(), allowed: allowed.into() })
}

/// The texts of a strategy, in a fixed order, for the fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// The four rules.
    pub rules: Vec<Option<String>>,
    /// Everything else that is there, with its key.
    pub orders: Vec<String>,
}

/// Reads the table of rules and orders.
pub(super) fn strategy(
    mut section: Section<'_>,
    space: &Space,
    has_volume: bool,
) -> Result<(Strategy, Texts), TemplateError> {
    let compiler = Compiler { parameters: space.parameters(), has_volume };
    let clash = |name: &&str| Price::NAMES.iter().any(|(price, _)| price == name);
    if let Some(name) = space.parameters().iter().map(Parameter::name).find(clash) {
        let found = format!("a parameter called '{name}', as the prices are");
        return Err(section.error("", found, "parameters with names of their own"));
    }
    let mut texts = Vec::new();
    let mut rule = |section: &mut Section<'_>, key: &str| {
        let text = variants::rule(section, key, space.parameters())?;
        let condition = match &text {
            None => None,
            Some(text) => Some(compiler.rule(text).map_err(|fault| {
                let found = format!("{} at column {}", printable(&fault.found), fault.column);
                section.error(key, found, printable(&fault.allowed))
            })?),
        };
        texts.push(text);
        Ok(condition)
    };
    let mut strategy = Strategy {
        long_entry: rule(&mut section, "long_entry")?,
        long_exit: rule(&mut section, "long_exit")?,
        short_entry: rule(&mut section, "short_entry")?,
        short_exit: rule(&mut section, "short_exit")?,
        orders: Orders::default(),
    };
    if strategy.long_entry.is_none() && strategy.short_entry.is_none() {
        let allowed = "at least one of long_entry and short_entry";
        return Err(section.error("long_entry", "no entry", allowed));
    }
    let directions =
        Directions { long: strategy.long_entry.is_some(), short: strategy.short_entry.is_some() };
    let mut reader = OrdersReader { compiler: &compiler, directions, texts: Vec::new() };
    strategy.orders = reader.read(&mut section)?;
    let orders = reader.texts;
    section.finish()?;
    Ok((strategy, Texts { rules: texts, orders }))
}

pub(super) struct Compiler<'a> {
    parameters: &'a [Parameter],
    has_volume: bool,
}

impl Compiler<'_> {
    /// A number, from its text.
    pub(super) fn number_of(&self, text: &str) -> Compiled<Number> {
        let expr = expr::parse(text).map_err(|error| Fault {
            column: error.column,
            found: format!("a syntax error ({})", error.message),
            allowed: NUMBER.to_owned(),
        })?;
        self.number(&expr)
    }

    fn rule(&self, text: &str) -> Compiled<Condition> {
        let expr = expr::parse(text).map_err(|error| Fault {
            column: error.column,
            found: format!("a syntax error ({})", error.message),
            allowed: CONDITION.to_owned(),
        })?;
        self.condition(&expr)
    }

    fn parameter(&self, name: &str) -> Option<(usize, &Domain)> {
        let at = |(_, parameter): &(usize, &Parameter)| parameter.name() == name;
        let found = self.parameters.iter().enumerate().find(at);
        found.map(|(index, parameter)| (index, parameter.domain()))
    }

    fn unknown<T>(&self, expr: &Expr, name: &str) -> Compiled<T> {
        let prices = Price::NAMES.iter().map(|(name, _)| *name);
        let names: Vec<&str> = prices.chain(self.parameters.iter().map(Parameter::name)).collect();
        let meant = match search_spaces::nearest(name, names.iter().copied()) {
            Some(near) => format!(" (did you mean '{near}'?)"),
            None => String::new(),
        };
        let found = format!("the unknown name '{name}'{meant}");
        fault(expr, found, names.join(", "))
    }

    fn condition(&self, expr: &Expr) -> Compiled<Condition> {
        let boxed = |expr: &Expr| self.condition(expr).map(Box::new);
        match &expr.node {
            Node::Bool(value) => Ok(Condition::Constant(*value)),
            Node::Not(a) => Ok(Condition::Not(boxed(a)?)),
            Node::Binary(BinaryOp::And, a, b) => Ok(Condition::And(boxed(a)?, boxed(b)?)),
            Node::Binary(BinaryOp::Or, a, b) => Ok(Condition::Or(boxed(a)?, boxed(b)?)),
            Node::Binary(op, a, b) => match Comparison::of(*op) {
                Some(comparison) => self.comparison(expr, comparison, a, b),
                None => fault(expr, format!("a number (of '{}')", op.symbol()), CONDITION),
            },
            Node::Call(name, arguments) => match name.as_str() {
                "cross_above" => self.cross(Comparison::Greater, expr, name, arguments),
                "cross_below" => self.cross(Comparison::Less, expr, name, arguments),
                _ => {
                    self.number(expr)?;
                    fault(expr, format!("a number (of '{name}')"), CONDITION)
                }
            },
            Node::Name(name) => match self.parameter(name) {
                Some((index, Domain::Bool)) => Ok(Condition::Flag(index)),
                Some((_, Domain::Labels { labels, .. })) => {
                    let allowed = format!("a comparison, such as {name} == '{}'", labels[0]);
                    fault(expr, format!("the text '{name}'"), allowed)
                }
                _ => {
                    self.number(expr)?;
                    fault(expr, format!("the number '{name}'"), CONDITION)
                }
            },
            Node::Number(_) | Node::Negate(_) => fault(expr, "a number", CONDITION),
            Node::Text(text) => fault(expr, format!("the text '{text}'"), CONDITION),
        }
    }

    fn cross(
        &self,
        comparison: Comparison,
        expr: &Expr,
        name: &str,
        arguments: &[Expr],
    ) -> Compiled<Condition> {
        let [a, b] = arguments_of(expr, name, arguments)?;
        Ok(Condition::Cross(comparison, self.number(a)?, self.number(b)?))
    }

    fn comparison(
        &self,
        expr: &Expr,
        comparison: Comparison,
        a: &Expr,
        b: &Expr,
    ) -> Compiled<Condition> {
        if let Some(name) = self.label_name(a) {
            return self.label(expr, comparison, name, b);
        }
        if let Some(name) = self.label_name(b) {
            return self.label(expr, comparison.mirrored(), name, a);
        }
        // `hedge == true` means what it says.
        for (flag, constant) in [(a, b), (b, a)] {
            if let Node::Bool(wanted) = constant.node {
                let condition = self.condition(flag)?;
                let as_it_is = match comparison {
                    Comparison::Equal => wanted,
                    Comparison::NotEqual => !wanted,
                    _ => return fault(expr, "an order of true and false", "== or !="),
                };
                return Ok(if as_it_is { condition } else { Condition::Not(Box::new(condition)) });
            }
        }
        Ok(Condition::Compare(comparison, self.number(a)?, self.number(b)?))
    }

    /// The name of a choice or ordinal parameter, if the expression is one.
    fn label_name<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        match &expr.node {
            Node::Name(name) => match self.parameter(name)? {
                (_, Domain::Labels { .. }) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    fn label(
        &self,
        expr: &Expr,
        comparison: Comparison,
        name: &str,
        text: &Expr,
    ) -> Compiled<Condition> {
        let Some((index, Domain::Labels { labels, ordered })) = self.parameter(name) else {
            unreachable!("label_name has found it");
        };
        let allowed = || format!("one of '{}'", labels.join("', '"));
        let Node::Text(wanted) = &text.node else {
            return fault(text, format!("no text to compare '{name}' with"), allowed());
        };
        if !ordered && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return fault(expr, format!("an order of the choice '{name}'"), "== or !=");
        }
        match labels.iter().position(|label| label == wanted) {
            Some(label) => Ok(Condition::Label(
                comparison,
                index,
                u32::try_from(label).expect("fewer labels than 2^32"),
            )),
            None => fault(text, format!("'{wanted}', which '{name}' never is"), allowed()),
        }
    }

    fn number(&self, expr: &Expr) -> Compiled<Number> {
        let boxed = |expr: &Expr| self.number(expr).map(Box::new);
        match &expr.node {
            Node::Number(value) => Ok(Number::Constant(*value)),
            Node::Name(name) => self.named_number(expr, name),
            Node::Negate(a) => Ok(Number::Negate(boxed(a)?)),
            Node::Call(name, arguments) => self.call(expr, name, arguments),
            Node::Binary(op, a, b) => {
                let operation = match op {
                    BinaryOp::Add => Operation::Add,
                    BinaryOp::Subtract => Operation::Subtract,
                    BinaryOp::Multiply => Operation::Multiply,
                    BinaryOp::Divide => Operation::Divide,
                    _ => return fault(expr, format!("a condition (of '{}')", op.symbol()), NUMBER),
                };
                Ok(Number::Binary(operation, boxed(a)?, boxed(b)?))
            }
            Node::Bool(value) => fault(expr, value.to_string(), NUMBER),
            Node::Not(_) => fault(expr, "a condition (of 'not')", NUMBER),
            Node::Text(text) => fault(expr, format!("the text '{text}'"), NUMBER),
        }
    }

    fn named_number(&self, expr: &Expr, name: &str) -> Compiled<Number> {
        match self.parameter(name) {
            Some((index, Domain::Labels { .. })) => {
                let name = self.parameters[index].name();
                fault(expr, format!("the text '{name}'"), NUMBER)
            }
            // A bool counts as 0 or 1.
            Some((index, _)) => Ok(Number::Parameter(index)),
            None => match Price::NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, Price::Volume)) if !self.has_volume => {
                    let allowed = "open, high, low, close: the data have no volume";
                    fault(expr, "'volume'", allowed)
                }
                Some((_, price)) => Ok(Number::Price(*price)),
                None => self.unknown(expr, name),
            },
        }
    }

    fn call(&self, expr: &Expr, name: &str, arguments: &[Expr]) -> Compiled<Number> {
        let boxed = |expr: &Expr| self.number(expr).map(Box::new);
        let operation = match name {
            "abs" => {
                let [a] = arguments_of(expr, name, arguments)?;
                return Ok(Number::Absolute(boxed(a)?));
            }
            "min" => Operation::Minimum,
            "max" => Operation::Maximum,
            "cross_above" | "cross_below" => {
                return fault(expr, format!("a condition (of '{name}')"), NUMBER);
            }
            _ => {
                let known = Indicator::NAMES.iter().find(|(known, _)| *known == name);
                let Some((_, indicator)) = known else {
                    return fault(expr, format!("the unknown function '{name}'"), FUNCTIONS);
                };
                let [series, length] = arguments_of(expr, name, arguments)?;
                let (series, compiled) = (boxed(series)?, boxed(length)?);
                if !compiled.is_fixed() {
                    let found = format!("a length of '{name}' that changes from bar to bar");
                    return fault(length, found, "parameters and numbers only");
                }
                // A length without parameters would fail every trial in the same way.
                if let Some(value) = compiled.constant().filter(|v| whole_number(*v).is_none()) {
                    let found = format!("the length {value} of '{name}'");
                    return fault(length, found, "a whole number from 1 on");
                }
                return Ok(Number::Indicator(*indicator, series, compiled));
            }
        };
        let [a, b] = arguments_of(expr, name, arguments)?;
        Ok(Number::Binary(operation, boxed(a)?, boxed(b)?))
    }
}

/// Exactly N arguments.
fn arguments_of<'e, const N: usize>(
    expr: &Expr,
    name: &str,
    arguments: &'e [Expr],
) -> Compiled<[&'e Expr; N]> {
    let all: Vec<&Expr> = arguments.iter().collect();
    all.try_into().or_else(|all: Vec<_>| {
        let found = format!("{} argument(s) of '{name}'", all.len());
        fault(expr, found, N.to_string())
    })
}
