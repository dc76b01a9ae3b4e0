//! The templates of the library: all of them trade, can be searched by any algorithm, and know
//! nothing of the future.

mod support;

use std::path::Path;

use search_spaces::{Document, Point, TEMPLATES, Template};
use simulators::{Backtest, Date, Decision, Simulator as _, Trace};
use support::{bits, some_point};

/// Opens a template of the library, its data cut after a date.
fn opened(name: &str, text: &str, until: Option<Date>) -> (Template, Backtest) {
    let mut document = Document::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
    if let Some(date) = until {
        document.set(&format!("backtest.to=\"{date}\"")).expect("a date");
    }
    let template = Template::read(document, Path::new(""));
    let template = template.unwrap_or_else(|error| panic!("{name}: {error}"));
    let settings = template.settings().expect("a table");
    let backtest = Backtest::open(settings, &template.space, Path::new(""));
    let backtest = backtest.unwrap_or_else(|error| panic!("{name}: {error}"));
    (template, backtest)
}

/// Points that satisfy the constraints of the space.
fn points(template: &Template, count: usize) -> Vec<Point> {
    let all = (0..10_000).map(|number| some_point(template, number));
    all.filter(|point| template.space.satisfies(point)).take(count).collect()
}

#[test]
fn every_template_trades_and_can_be_searched_by_any_algorithm() {
    assert!(TEMPLATES.len() >= 14);
    for (name, text) in TEMPLATES {
        let (template, backtest) = opened(name, text, None);
        assert_eq!(template.name, *name);
        // A grid needs a finite space, and one that is worth a search.
        let grid = template.space.grid().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(grid.len() >= 50, "{name} has {} points", grid.len());
        let objectives: Vec<usize> = template
            .objectives
            .iter()
            .map(|objective| {
                let place = backtest.metrics().iter().position(|name| *name == objective.metric);
                place.unwrap_or_else(|| panic!("{name} has no metric {}", objective.metric))
            })
            .collect();
        let mut judged = 0;
        for point in points(&template, 30) {
            let trace =
                backtest.trace(&point).unwrap_or_else(|failure| panic!("{name}: {failure}"));
            assert_eq!(bits(&support::run(&backtest, &point)), bits(&trace.metrics), "{name}");
            // A trial whose objective is not finite has failed.
            judged += u32::from(objectives.iter().all(|place| trace.metrics[*place].is_finite()));
        }
        assert!(judged >= 20, "{judged} of 30 points of {name} trade and can be judged");
    }
}

#[test]
fn no_template_knows_the_future() {
    for (name, text) in TEMPLATES {
        let (template, backtest) = opened(name, text, None);
        let points = points(&template, 3);
        let whole: Vec<Trace> =
            points.iter().map(|point| backtest.trace(point).expect("it runs")).collect();
        // Cuts before the first bar of some symbol leave nothing of it, and are refused.
        let dates: Vec<Date> = whole[0].equity.iter().map(|(date, _)| *date).collect();
        let first = Date::parse("2004-08-23").expect("a date");
        let first = dates.partition_point(|date| *date < first);
        let mut state = 88_172_645_463_325_252_u64;
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let bar = first + (state >> 33) as usize % (dates.len() - first - 1);
            let until = dates[bar];
            let (_, backtest) = opened(name, text, Some(until));
            for (point, whole) in points.iter().zip(&whole) {
                let cut = backtest.trace(point).expect("it runs");
                let seen = whole.decisions.iter().filter(|decision| decision.date <= until);
                let seen: Vec<Decision> = seen.copied().collect();
                assert_eq!(cut.decisions, seen, "{name} cut after {until}");
                // What is open at the last bar is closed there; before it, the curves are the same.
                let curve = |trace: &Trace| {
                    bits(&trace.equity[..bar].iter().map(|(_, equity)| *equity).collect::<Vec<_>>())
                };
                assert_eq!(curve(&cut), curve(whole), "{name} cut after {until}");
            }
        }
    }
}
