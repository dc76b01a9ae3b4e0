//! Finer bars of a symbol, to look into a bar whose order of events matters.

use std::ops::Range;

use super::super::data::{Price, Series};
use super::super::date::Date;
use super::order::Prices;

/// The bars of one symbol at a finer scale, and which of them belong to each coarser bar.
#[derive(Clone, Debug)]
pub(crate) struct Finer {
    series: Series,
    /// The first finer bar of each coarser bar, and their number at the end.
    starts: Vec<usize>,
}

impl Finer {
    /// A coarser bar holds the finer bars from its own beginning up to that of the next.
    pub(crate) fn new(series: Series, begins: &[Date]) -> Self {
        let first = |date| series.dates.partition_point(|finer| finer < date);
        let mut starts: Vec<usize> = begins.iter().map(first).collect();
        starts.push(series.len());
        Self { series, starts }
    }

    pub(crate) fn series(&self) -> &Series {
        &self.series
    }

    /// The finer bars of a coarser one.
    pub(super) fn within(&self, coarser: usize) -> Range<usize> {
        self.starts[coarser]..self.starts[coarser + 1]
    }

    /// The prices of a finer bar of those `within` a bar, whose prices are `whole`. What lies beyond
    /// that bar has not happened in it, and the first of them begins where it has opened.
    pub(super) fn prices(&self, bar: usize, within: &Range<usize>, whole: &Prices) -> Prices {
        let found = prices(&self.series, bar);
        let held = |price: f64| price.max(whole.low).min(whole.high);
        let open = if bar == within.start { whole.open } else { held(found.open) };
        Prices {
            open,
            high: held(found.high).max(open),
            low: held(found.low).min(open),
            close: held(found.close),
        }
    }

    /// How far the finer bars within a bar reach, all together.
    pub(super) fn reach(&self, within: &Range<usize>, whole: &Prices) -> Prices {
        let mut reach = Prices { high: whole.open, low: whole.open, ..*whole };
        for bar in within.clone() {
            let Prices { high, low, .. } = self.prices(bar, within, whole);
            reach.high = reach.high.max(high);
            reach.low = reach.low.min(low);
        }
        reach
    }
}

/// The prices of a bar.
pub(super) fn prices(series: &Series, bar: usize) -> Prices {
    Prices {
        open: series.price(Price::Open)[bar],
        high: series.price(Price::High)[bar],
        low: series.price(Price::Low)[bar],
        close: series.price(Price::Close)[bar],
    }
}
