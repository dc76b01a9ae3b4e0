//! The simulator of a study whose trials nobody here runs.

use search_spaces::Template;
use search_spaces::expr::{Expr, Node, parse};
use simulators::Simulator;

/// Whoever answers. It has the metrics that the template speaks of, and is never run.
pub struct Outside {
    metrics: Vec<String>,
}

impl Outside {
    /// The one that a template needs: the objectives, in order, and what the outcome constraints
    /// and the goals mention beside them.
    #[must_use]
    pub fn of(template: &Template) -> Self {
        let mut metrics: Vec<String> =
            template.objectives.iter().map(|objective| objective.metric.clone()).collect();
        for source in template.outcome_constraints.iter().chain(&template.stop) {
            // What is wrong with a condition is said when it is compiled; goals that are none,
            // such as `cost stalls 200`, are about objectives.
            if let Ok(expression) = parse(source) {
                mention(&expression, &mut metrics);
            }
        }
        Self { metrics }
    }
}

/// Adds the names of an expression that are not there yet.
fn mention(expression: &Expr, names: &mut Vec<String>) {
    match &expression.node {
        Node::Name(name) if !names.contains(name) => names.push(name.clone()),
        Node::Not(inner) | Node::Negate(inner) | Node::At(inner, _) => mention(inner, names),
        Node::Binary(_, left, right) => {
            mention(left, names);
            mention(right, names);
        }
        Node::Call(_, arguments) => arguments.iter().for_each(|each| mention(each, names)),
        Node::Name(_) | Node::Number(_) | Node::Text(_) | Node::Bool(_) => {}
    }
}

impl Simulator for Outside {
    fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn fingerprint(&self) -> [u8; 32] {
        // Nothing is recorded under it.
        [0; 32]
    }

    fn session(&self) -> Box<dyn simulators::Session + '_> {
        unreachable!("whoever asks for trials evaluates them")
    }

    fn reports(&self) -> bool {
        false
    }
}
