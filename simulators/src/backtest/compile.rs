//! From expression text to a typed [`Strategy`]: names resolved, kinds checked, faults with their
//! place. Numbers are in `calls.rs`.

use std::cell::RefCell;

use search_spaces::expr::{self, BinaryOp, Expr, Node};
use search_spaces::{Domain, Parameter, Section, Space, TemplateError, nearest};

use super::calls::Scope;
use super::data::{Price, Series};
use super::events::{EventKind, Events};
use super::expression::{Comparison, Condition, Number, Strategy};
use super::orders::Orders;
use super::orders_read::{Directions, OrdersReader};
use super::text::printable;
use super::timeframe::Timeframe;
use super::variants;

const CONDITION: &str = "a condition, such as close > sma(close, 50)";
pub(super) const NUMBER: &str = "a number or a series of numbers";

/// The name that says which symbol a rule is looked at for.
const SYMBOL: &str = "symbol";

/// A fault in an expression.
pub(super) struct Fault {
    pub column: u32,
    pub found: String,
    pub allowed: String,
}

pub(super) type Compiled<T> = Result<T, Fault>;

impl Fault {
    /// The fault as one of the key whose text the expression is.
    pub(super) fn at(self, section: &Section<'_>, key: &str, text: &str) -> TemplateError {
        let error = section.error(key, printable(&self.found), printable(&self.allowed));
        error.pointing_at(text, self.column)
    }
}

pub(super) fn fault<T>(
    expr: &Expr,
    found: impl Into<String>,
    allowed: impl Into<String>,
) -> Compiled<T> {
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
    all: &[Series],
    events: &Events,
    max_gross: f64,
) -> Result<(Strategy, Texts, Needs), TemplateError> {
    let has_volume = !all[0].price(Price::Volume)[0].is_nan();
    let parameters = space.parameters();
    let compiler = Compiler { parameters, all, has_volume, events, needs: RefCell::default() };
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
            Some(text) => Some(compiler.rule(text).map_err(|fault| fault.at(section, key, text))?),
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
        return Err(without_entry(&section));
    }
    let directions =
        Directions { long: strategy.long_entry.is_some(), short: strategy.short_entry.is_some() };
    let mut reader = OrdersReader { compiler: &compiler, directions, max_gross, texts: Vec::new() };
    strategy.orders = reader.read(&mut section)?;
    let orders = reader.texts;
    section.finish()?;
    Ok((strategy, Texts { rules: texts, orders }, compiler.needs.into_inner()))
}

/// The fault of a strategy without any entry, which may be that a key is not spelled right.
fn without_entry(section: &Section<'_>) -> TemplateError {
    let allowed = "at least one of long_entry and short_entry";
    let keys = section.keys();
    let is_exit = |key: &str| matches!(key, "long_exit" | "short_exit");
    let meant = keys
        .iter()
        .filter(|key| !is_exit(key))
        .find_map(|key| nearest(key, ["long_entry", "short_entry"]).map(|meant| (key, meant)));
    match meant {
        Some((key, meant)) => {
            section.error(key, format!("an unknown key (did you mean {meant:?}?)"), allowed)
        }
        None => section.error("long_entry", "no entry", allowed),
    }
}

/// What a strategy needs beside prices.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Needs {
    /// The timeframes, by the index under which its numbers know them.
    pub timeframes: Vec<Timeframe>,
    /// The indices of further columns of the data.
    pub signals: Vec<usize>,
}

pub(super) struct Compiler<'a> {
    pub(super) parameters: &'a [Parameter],
    pub(super) all: &'a [Series],
    pub(super) has_volume: bool,
    pub(super) events: &'a Events,
    pub(super) needs: RefCell<Needs>,
}

impl Compiler<'_> {
    /// A number, from its text.
    pub(super) fn number_of(&self, text: &str) -> Compiled<Number> {
        self.number(&parsed(text, NUMBER)?, Scope::RULE)
    }

    fn rule(&self, text: &str) -> Compiled<Condition> {
        self.condition(&parsed(text, CONDITION)?)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<(usize, &Domain)> {
        let at = |(_, parameter): &(usize, &Parameter)| parameter.name() == name;
        let found = self.parameters.iter().enumerate().find(at);
        found.map(|(index, parameter)| (index, parameter.domain()))
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
                "event" => self.event(expr, arguments),
                _ => {
                    self.number(expr, Scope::RULE)?;
                    fault(expr, format!("a number (of '{name}')"), CONDITION)
                }
            },
            Node::Name(name) => match self.parameter(name) {
                Some((index, Domain::Bool)) => Ok(Condition::Flag(index)),
                Some((_, Domain::Labels { labels, .. })) => {
                    let allowed = format!("a comparison, such as {name} == '{}'", labels[0]);
                    fault(expr, format!("the text '{name}'"), allowed)
                }
                None if name == SYMBOL => {
                    let allowed = format!("a comparison, such as {}", self.symbol_example());
                    fault(expr, "the text 'symbol'", allowed)
                }
                _ => {
                    self.number(expr, Scope::RULE)?;
                    fault(expr, format!("the number '{name}'"), CONDITION)
                }
            },
            Node::Number(_) | Node::Negate(_) => fault(expr, "a number", CONDITION),
            Node::At(..) => {
                self.number(expr, Scope::RULE)?;
                fault(expr, "a number (of '@')", CONDITION)
            }
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
        let [a, b] = [self.number(a, Scope::RULE)?, self.number(b, Scope::RULE)?];
        Ok(Condition::Cross(comparison, a, b).kept(self.parameters.len()))
    }

    /// `event('long')`, or `event('long', 'tag')`.
    fn event(&self, expr: &Expr, arguments: &[Expr]) -> Compiled<Condition> {
        let text = |argument: &Expr, what: &str, allowed: String| match &argument.node {
            Node::Text(text) => Ok(text.clone()),
            _ => fault(argument, format!("{what} of 'event' that is no text in quotes"), allowed),
        };
        let (direction, tag) = match arguments {
            [direction] => (direction, None),
            [direction, tag] => (direction, Some(tag)),
            _ => {
                let found = format!("{} argument(s) of 'event'", arguments.len());
                return fault(expr, found, "event('long') or event('long', 'tag')");
            }
        };
        if !self.events.are_there() {
            let allowed = "a template with events = \"FILE.csv\" in [backtest]";
            return fault(expr, "'event', but no list of events", allowed);
        }
        let directions = "'long', 'short' or 'exit'";
        let written = text(direction, "a direction", directions.to_owned())?;
        let known = EventKind::NAMES.iter().find(|(name, _)| *name == written);
        let Some((_, kind)) = known else {
            return fault(direction, format!("the direction '{written}' of 'event'"), directions);
        };
        let tags = format!("a tag of the events: {}", self.events.tags.join(", "));
        let tag = match tag {
            None => None,
            Some(argument) => {
                let written = text(argument, "a tag", tags.clone())?;
                match self.events.tags.binary_search(&written) {
                    Ok(tag) => Some(tag),
                    Err(_) => return fault(argument, format!("the tag '{written}'"), tags),
                }
            }
        };
        Ok(Condition::Event(*kind, tag))
    }

    fn symbol_example(&self) -> String {
        format!("{SYMBOL} == '{}'", self.all[0].symbol)
    }

    /// `symbol == 'AAPL'`, or the other way around.
    fn symbol(&self, expr: &Expr, comparison: Comparison, text: &Expr) -> Compiled<Condition> {
        let Node::Text(wanted) = &text.node else {
            let allowed = format!("a text in quotes, such as {}", self.symbol_example());
            return fault(text, "no text to compare 'symbol' with", allowed);
        };
        let index = self.symbol_index(text, wanted)?;
        match comparison {
            Comparison::Equal => Ok(Condition::Symbol(index)),
            Comparison::NotEqual => Ok(Condition::Not(Box::new(Condition::Symbol(index)))),
            _ => fault(expr, "an order of symbols", "== or !="),
        }
    }

    pub(super) fn symbol_index(&self, expr: &Expr, wanted: &str) -> Compiled<usize> {
        let names = || self.all.iter().map(|series| series.symbol.as_str());
        match names().position(|name| name == wanted) {
            Some(index) => Ok(index),
            None => {
                let found = format!("the symbol '{wanted}'{}", meant(wanted, names()));
                let names: Vec<&str> = names().collect();
                fault(expr, found, format!("a symbol of the study: {}", names.join(", ")))
            }
        }
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
        for (side, other) in [(a, b), (b, a)] {
            let is_symbol = matches!(&side.node, Node::Name(name) if name == SYMBOL);
            if is_symbol && self.parameter(SYMBOL).is_none() {
                return self.symbol(expr, comparison, other);
            }
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
        let [a, b] = [self.number(a, Scope::RULE)?, self.number(b, Scope::RULE)?];
        Ok(Condition::Compare(comparison, a, b).kept(self.parameters.len()))
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
}

fn parsed(text: &str, allowed: &str) -> Compiled<Expr> {
    expr::parse(text).map_err(|error| Fault {
        column: error.column,
        found: format!("a syntax error ({})", error.message),
        allowed: allowed.to_owned(),
    })
}

/// What was probably meant by an unknown name, for a message.
pub(super) fn meant<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    match nearest(written, known) {
        Some(near) => format!(" (did you mean '{near}'?)"),
        None => String::new(),
    }
}

/// Exactly N arguments.
pub(super) fn arguments_of<'e, const N: usize>(
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
