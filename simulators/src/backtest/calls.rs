//! The numbers of a strategy: names, functions with their arguments, and numbers that are looked
//! at elsewhere (`@`).

use search_spaces::expr::{self, BinaryOp, Expr, Node, Place};
use search_spaces::{Domain, Parameter};

use super::compile::{Compiled, Compiler, Fault, NUMBER, arguments_of, fault, meant};
use super::data::{Price, Series};
use super::date::Date;
use super::expression::{Across, Function, Number, Operation, whole_number};
use super::formulas::{FORMULAS, Formula};
use super::indicators::{Argument, DEFINITIONS, Definition, Kind};
use super::timeframe::{Timeframe, lengths};

const CONDITIONS: [&str; 3] = ["cross_above", "cross_below", "event"];
const PAIRS: [(&str, Operation); 2] = [("min", Operation::Minimum), ("max", Operation::Maximum)];

/// So few bars may all have a weekend between them: they do not tell how long bars are.
const FEW: usize = 7;

/// The name by which formulas know the number of the trading day.
const SESSION: &str = "_session";

/// Where a number stands, and what it can see there.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The arguments of the formula, or none in what a strategy says.
    formula: Option<&'a [(&'static str, Number)]>,
    /// Whether it is a number on coarser bars.
    is_coarse: bool,
}

impl Scope<'_> {
    /// What a strategy says.
    pub(super) const RULE: Self = Self { formula: None, is_coarse: false };
}

impl Compiler<'_> {
    pub(super) fn number(&self, expr: &Expr, scope: Scope<'_>) -> Compiled<Number> {
        let boxed = |expr: &Expr| self.number(expr, scope).map(Box::new);
        match &expr.node {
            Node::Number(value) => Ok(Number::Constant(*value)),
            Node::Name(name) => self.named_number(expr, name, scope),
            Node::Negate(a) => Ok(Number::Unary(Function::Negate, boxed(a)?)),
            Node::Call(name, arguments) => self.call(expr, name, arguments, scope),
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
            Node::At(a, Place::Bars(timeframe)) => self.coarser(expr, a, timeframe, scope),
            Node::At(a, Place::Of(symbol)) => {
                refuse_if_coarse(expr, &format!("@'{symbol}'"), scope)?;
                let index = self.symbol_index(expr, symbol)?;
                self.refuse_if_uneven(expr)?;
                let number = self.number(a, scope)?;
                Ok(if number.is_fixed() { number } else { Number::Of(index, Box::new(number)) })
            }
            Node::Bool(value) => fault(expr, value.to_string(), NUMBER),
            Node::Not(_) => fault(expr, "a condition (of 'not')", NUMBER),
            Node::Text(text) => fault(expr, format!("the text '{text}'"), NUMBER),
        }
    }

    fn named_number(&self, expr: &Expr, name: &str, scope: Scope<'_>) -> Compiled<Number> {
        if let Some(arguments) = scope.formula {
            if let Some((_, number)) = arguments.iter().find(|(known, _)| *known == name) {
                return Ok(number.clone());
            }
            if name == SESSION {
                return Ok(Number::Session);
            }
        } else if let Some((index, domain)) = self.parameter(name) {
            if let Domain::Labels { .. } = domain {
                let name = self.parameters[index].name();
                return fault(expr, format!("the text '{name}'"), NUMBER);
            }
            // A bool counts as 0 or 1.
            return Ok(Number::Parameter(index));
        }
        match Price::NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, Price::Volume)) if !self.has_volume => {
                let allowed = "open, high, low, close: the data have no volume";
                fault(expr, "'volume'", allowed)
            }
            Some((_, price)) => Ok(Number::Price(*price)),
            None => self.signal(expr, name),
        }
    }

    /// A further column of the data.
    fn signal(&self, expr: &Expr, name: &str) -> Compiled<Number> {
        let columns = &self.all[0].signals;
        let Some(index) = columns.iter().position(|signal| signal.name == name) else {
            let prices = Price::NAMES.iter().map(|(name, _)| *name);
            let parameters = self.parameters.iter().map(Parameter::name);
            let signals = columns.iter().map(|signal| signal.name.as_str());
            let names: Vec<&str> = prices.chain(parameters).chain(signals).collect();
            let found = format!("the unknown name '{name}'{}", meant(name, names.iter().copied()));
            return fault(expr, found, names.join(", "));
        };
        for series in self.all {
            let Some(signal) = series.signals.get(index).filter(|signal| signal.name == name)
            else {
                let found = format!("the column '{name}', which {} does not have", series.symbol);
                return fault(expr, found, "columns that the data of all symbols have");
            };
            if let Some(found) = &signal.fault {
                let found = format!("the column '{name}' with {found}");
                return fault(expr, found, "columns of numbers, with nothing where none is known");
            }
        }
        let mut needs = self.needs.borrow_mut();
        if !needs.signals.contains(&index) {
            needs.signals.push(index);
        }
        Ok(Number::Signal(index))
    }

    fn call(
        &self,
        expr: &Expr,
        name: &str,
        arguments: &[Expr],
        scope: Scope<'_>,
    ) -> Compiled<Number> {
        let boxed = |expr: &Expr| self.number(expr, scope).map(Box::new);
        if let Some((_, function)) = Function::NAMES.iter().find(|(known, _)| *known == name) {
            let [a] = arguments_of(expr, name, arguments)?;
            return Ok(Number::Unary(*function, boxed(a)?));
        }
        if let Some((_, operation)) = PAIRS.iter().find(|(known, _)| *known == name) {
            let [a, b] = arguments_of(expr, name, arguments)?;
            return Ok(Number::Binary(*operation, boxed(a)?, boxed(b)?));
        }
        if let Some((_, across)) = Across::NAMES.iter().find(|(known, _)| *known == name) {
            refuse_if_coarse(expr, name, scope)?;
            let [a] = arguments_of(expr, name, arguments)?;
            self.refuse_if_uneven(expr)?;
            return Ok(Number::Across(*across, boxed(a)?));
        }
        let is_visible =
            |known: &str| known == name && (scope.formula.is_some() || !known.starts_with('_'));
        if let Some(definition) = DEFINITIONS.iter().find(|known| is_visible(known.name)) {
            return self.indicator(expr, definition, arguments, scope);
        }
        if let Some(formula) = FORMULAS.iter().find(|known| is_visible(known.name)) {
            return self.formula(expr, formula, arguments, scope);
        }
        if CONDITIONS.contains(&name) {
            return fault(expr, format!("a condition (of '{name}')"), NUMBER);
        }
        let names: Vec<&str> = functions().collect();
        let found = format!("the unknown function '{name}'{}", meant(name, names.iter().copied()));
        fault(expr, found, names.join(", "))
    }

    fn indicator(
        &self,
        expr: &Expr,
        definition: &Definition,
        arguments: &[Expr],
        scope: Scope<'_>,
    ) -> Compiled<Number> {
        let wanted = definition.arguments;
        let mut numbers = self.arguments(expr, definition.name, wanted, arguments, scope)?;
        let series = wanted.iter().filter(|argument| argument.kind == Kind::Series).count();
        let rest = numbers.split_off(series);
        Ok(Number::Indicator(definition.indicator, numbers, rest))
    }

    fn formula(
        &self,
        expr: &Expr,
        formula: &'static Formula,
        arguments: &[Expr],
        scope: Scope<'_>,
    ) -> Compiled<Number> {
        let Formula { name, arguments: wanted, text } = formula;
        let numbers = self.arguments(expr, name, wanted, arguments, scope)?;
        let bound: Vec<(&str, Number)> =
            wanted.iter().map(|argument| argument.name).zip(numbers).collect();
        let inner = Scope { formula: Some(&bound), ..scope };
        let body = expr::parse(text).expect("a test parses all formulas");
        // What is wrong inside, such as a volume that is not there, is wrong with the call.
        let number = self.number(&body, inner).map_err(|fault| Fault {
            column: expr.column,
            found: format!("'{name}', which needs {}", fault.found),
            allowed: fault.allowed,
        })?;
        Ok(match number {
            Number::Unary(..) | Number::Binary(..) if !number.is_fixed() => {
                Number::Kept(Box::new(number))
            }
            whole => whole,
        })
    }

    /// The arguments of a call, checked, with the defaults of those that are left out.
    fn arguments(
        &self,
        expr: &Expr,
        name: &str,
        wanted: &[Argument],
        written: &[Expr],
        scope: Scope<'_>,
    ) -> Compiled<Vec<Number>> {
        let required = wanted.iter().filter(|argument| argument.default.is_none()).count();
        if !(required..=wanted.len()).contains(&written.len()) {
            let found = format!("{} argument(s) of '{name}'", written.len());
            let count = match required == wanted.len() {
                true => required.to_string(),
                false => format!("{required} to {}", wanted.len()),
            };
            return fault(expr, found, format!("{count}, as in {}", usage(name, wanted)));
        }
        let number = |(place, argument): (usize, &Argument)| match written.get(place) {
            Some(written) => self.argument(written, name, argument, scope),
            None => Ok(Number::Constant(argument.default.expect("it may be left out"))),
        };
        wanted.iter().enumerate().map(number).collect()
    }

    fn argument(
        &self,
        written: &Expr,
        name: &str,
        argument: &Argument,
        scope: Scope<'_>,
    ) -> Compiled<Number> {
        let number = self.number(written, scope)?;
        let what = match argument.kind {
            Kind::Series => return Ok(number),
            Kind::Length => "length",
            Kind::Factor => argument.name,
        };
        if !number.is_fixed() {
            let found = format!("a {what} of '{name}' that changes from bar to bar");
            return fault(written, found, "parameters and numbers only");
        }
        // A number without parameters would fail every trial in the same way.
        match number.constant() {
            Some(value) if argument.kind == Kind::Length && whole_number(value).is_none() => fault(
                written,
                format!("the length {value} of '{name}'"),
                "a whole number from 1 on",
            ),
            Some(value) if !value.is_finite() => {
                fault(written, format!("the {what} {value} of '{name}'"), "a finite number")
            }
            _ => Ok(number),
        }
    }

    /// A number on coarser bars of the same symbol.
    fn coarser(
        &self,
        expr: &Expr,
        inner: &Expr,
        written: &str,
        scope: Scope<'_>,
    ) -> Compiled<Number> {
        refuse_if_coarse(expr, &format!("@{written}"), scope)?;
        let Some(timeframe) = Timeframe::parse(written) else {
            return fault(expr, format!("the timeframe '{written}'"), Timeframe::ALLOWED);
        };
        let many = self.all.iter().filter(|series| series.len() > FEW);
        let of_data = many.filter_map(|series| lengths(&series.dates).last()).max();
        if let Some(bars) = of_data.filter(|bars| *bars > timeframe.seconds()) {
            let found = format!("the timeframe '{written}' of bars that are {bars} seconds long");
            return fault(expr, found, "a timeframe that is at least as long as the bars");
        }
        let number = self.number(inner, Scope { is_coarse: true, ..scope })?;
        if number.is_fixed() {
            return Ok(number);
        }
        let mut needs = self.needs.borrow_mut();
        let known = needs.timeframes.iter().position(|known| *known == timeframe);
        let index = known.unwrap_or_else(|| {
            needs.timeframes.push(timeframe);
            needs.timeframes.len() - 1
        });
        Ok(Number::Coarser(index, Box::new(number)))
    }

    /// A daily bar with the date of a minute bar is not known at its close. So where symbols are
    /// looked at side by side, no symbol's shortest bar is longer than the usual one of another.
    fn refuse_if_uneven(&self, expr: &Expr) -> Compiled<()> {
        let many = || self.all.iter().filter(|series| series.len() > FEW);
        let usual = |series: &&Series| {
            let way = |pair: &[Date]| pair[1].seconds() - pair[0].seconds();
            let mut ways: Vec<i64> = series.dates.windows(2).map(way).collect();
            let middle = ways.len() / 2;
            *ways.select_nth_unstable(middle).1
        };
        let shortest = |series: &&Series| lengths(&series.dates).last().unwrap_or(0);
        let (Some(long), Some(short)) = (many().max_by_key(shortest), many().min_by_key(usual))
        else {
            return Ok(());
        };
        let (length, other) = (shortest(&long), usual(&short));
        if length <= other {
            return Ok(());
        }
        let found = format!(
            "bars of {length} seconds of '{}' beside bars of {other} seconds of '{}'",
            long.symbol, short.symbol
        );
        fault(expr, found, "symbols with bars of one length, which close at one time")
    }
}

/// Coarse bars of different symbols may become known at different times, so symbols are only looked
/// at side by side where the bars are those of the data.
fn refuse_if_coarse(expr: &Expr, what: &str, scope: Scope<'_>) -> Compiled<()> {
    if !scope.is_coarse {
        return Ok(());
    }
    let allowed = "one timeframe for each number, inside of everything else: \
                   rank_across(close@1d), close@1d@'AAPL'";
    fault(expr, format!("'{what}' within a timeframe"), allowed)
}

/// All functions that a strategy can call.
fn functions() -> impl Iterator<Item = &'static str> {
    let indicators = DEFINITIONS.iter().map(|definition| definition.name);
    indicators
        .filter(|name| !name.starts_with('_'))
        .chain(FORMULAS.iter().map(|formula| formula.name))
        .chain(Function::NAMES.map(|(name, _)| name))
        .chain(PAIRS.map(|(name, _)| name))
        .chain(Across::NAMES.map(|(name, _)| name))
        .chain(CONDITIONS)
}

/// How a function is called, such as `bbands_upper(x, n = 20, k = 2)`.
fn usage(name: &str, arguments: &[Argument]) -> String {
    let argument = |argument: &Argument| match argument.default {
        Some(default) => format!("{} = {default}", argument.name),
        None => argument.name.to_owned(),
    };
    let arguments: Vec<String> = arguments.iter().map(argument).collect();
    format!("{name}({})", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::events::Events;
    use super::*;

    #[test]
    fn every_formula_compiles_and_every_function_is_documented() {
        let date = Date::parse("2020-01-01").expect("valid");
        let mut series = Series { dates: vec![date], ..Series::default() };
        series.columns.iter_mut().for_each(|column| column.push(1.0));
        let compiler = Compiler {
            parameters: &[],
            all: &[series],
            has_volume: true,
            events: &Events::default(),
            needs: RefCell::default(),
        };
        for formula in &FORMULAS {
            let all: Vec<&str> = formula
                .arguments
                .iter()
                .map(|argument| if argument.kind == Kind::Series { "close" } else { "3" })
                .collect();
            let required = formula.arguments.iter().filter(|a| a.default.is_none()).count();
            for count in [required, all.len()] {
                let text = format!("{}({})", formula.name, all[..count].join(", "));
                assert!(compiler.number_of(&text).is_ok(), "{text}");
            }
        }
        let documented = include_str!("../../../docs/backtest.md");
        for name in functions() {
            assert!(documented.contains(&format!("`{name}(")), "{name} in docs/backtest.md");
        }
    }
}
