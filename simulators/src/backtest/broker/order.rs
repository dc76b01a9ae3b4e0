//! Orders, and when a bar fills one.
//!
//! Prices are again times the sign of the order: a buyer's stop lies above the market and a limit
//! below, and so it reads for a seller.

use super::super::engine::Reason;
use super::super::rules::Gaps;

/// The prices of a bar, or of a part of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
}

/// The prices of a bar times a sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed {
    pub open: f64,
    pub highest: f64,
    pub lowest: f64,
    pub close: f64,
}

impl Prices {
    pub(super) fn signed(&self, sign: f64) -> Signed {
        let (highest, lowest) =
            if sign > 0.0 { (self.high, self.low) } else { (-self.low, -self.high) };
        Signed { open: sign * self.open, highest, lowest, close: sign * self.close }
    }
}

/// An order that enters, or reverses, a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// 1 to buy, -1 to sell short.
    pub sign: f64,
    /// The bar at whose close it was decided.
    pub decided: usize,
    /// The first bar that can fill it.
    pub active: usize,
    /// The last bar that can fill it.
    pub last: usize,
    /// Whether it waits for a price.
    pub waits: bool,
    /// It becomes live once the price is here or above; negative infinity from then on.
    pub stop: f64,
    /// It is filled here or below.
    pub limit: f64,
    /// Shares that are still to come; NaN until the size is worked out.
    pub shares: f64,
    /// Whether a part of it has been filled.
    pub is_begun: bool,
}

/// At which price an order is filled, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Touch {
    pub level: f64,
    pub at_open: bool,
    /// Whether it was a limit that the price came to, and not a price that was there.
    pub is_maker: bool,
    /// Whether this bar has taken the price to or beyond the order's stop, from below.
    pub rises: bool,
}

impl Order {
    /// Whether it waits for a price that a bar may come to.
    pub(super) fn waits_at(&self, bar: usize) -> bool {
        self.waits && self.active <= bar
    }

    /// Whether it was there before this bar.
    pub(super) fn rests_at(&self, bar: usize) -> bool {
        self.active < bar
    }

    /// What a bar does to the order. A limit that has waited when the bar opens is not at the market
    /// there: `rests`.
    pub(super) fn touched(&mut self, bar: &Signed, gaps: Gaps, rests: bool) -> Option<Touch> {
        if self.stop > bar.open {
            if bar.highest < self.stop {
                return None;
            }
            // Live from somewhere within the bar on: a limit that is not passed at once may have
            // been passed before the stop, so it waits for the next bar.
            let level = std::mem::replace(&mut self.stop, f64::NEG_INFINITY);
            let touch = Touch { level, at_open: false, is_maker: false, rises: true };
            return (level <= self.limit).then_some(touch);
        }
        let rises = self.stop > f64::NEG_INFINITY;
        self.stop = f64::NEG_INFINITY;
        if bar.open < self.limit && !rises && gaps == Gaps::Level {
            let level = if self.limit < bar.highest { self.limit } else { bar.highest };
            let at_open = level == bar.open;
            return Some(Touch { level, at_open, is_maker: rests, rises });
        }
        if bar.open <= self.limit {
            let is_maker = rests && !rises && self.limit < f64::INFINITY;
            return Some(Touch { level: bar.open, at_open: true, is_maker, rises });
        }
        let touch = Touch { level: self.limit, at_open: false, is_maker: true, rises: false };
        (bar.lowest <= self.limit).then_some(touch)
    }
}

/// An order to leave a position at the market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave {
    pub active: usize,
    pub reason: Reason,
}

impl Leave {
    /// Whether it is what a stop could not fill.
    pub(super) fn is_of_stop(&self) -> bool {
        matches!(self.reason, Reason::StopLoss | Reason::TrailingStop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sign: f64, stop: Option<f64>, limit: Option<f64>) -> Order {
        Order {
            sign,
            decided: 0,
            active: 1,
            last: usize::MAX,
            waits: true,
            stop: stop.map_or(f64::NEG_INFINITY, |stop| sign * stop),
            limit: limit.map_or(f64::INFINITY, |limit| sign * limit),
            shares: f64::NAN,
            is_begun: false,
        }
    }

    fn price(order: &mut Order, open: f64, high: f64, low: f64) -> Option<f64> {
        let prices = Prices { open, high, low, close: open };
        order
            .touched(&prices.signed(order.sign), Gaps::Open, false)
            .map(|touch| order.sign * touch.level)
    }

    #[test]
    fn gaps_are_filled_at_the_open_for_better_and_for_worse() {
        let buys = |stop, limit, bar: [f64; 3]| {
            price(&mut order(1.0, stop, limit), bar[0], bar[1], bar[2])
        };
        assert_eq!(buys(None, Some(99.0), [100.0, 101.0, 98.0]), Some(99.0));
        assert_eq!(buys(None, Some(99.0), [97.0, 101.0, 96.0]), Some(97.0));
        assert_eq!(buys(None, Some(99.0), [100.0, 101.0, 99.5]), None);
        assert_eq!(buys(Some(103.0), None, [100.0, 104.0, 98.0]), Some(103.0));
        assert_eq!(buys(Some(103.0), None, [105.0, 106.0, 98.0]), Some(105.0));
        assert_eq!(buys(Some(103.0), None, [100.0, 102.0, 98.0]), None);
        let sells = |stop, limit, bar: [f64; 3]| {
            price(&mut order(-1.0, stop, limit), bar[0], bar[1], bar[2])
        };
        assert_eq!(sells(None, Some(101.0), [100.0, 102.0, 98.0]), Some(101.0));
        assert_eq!(sells(None, Some(101.0), [103.0, 104.0, 98.0]), Some(103.0));
        assert_eq!(sells(Some(99.0), None, [97.0, 98.0, 96.0]), Some(97.0));
    }

    /// The values of backtesting.py's tests: stop 112 with limit 113 buys at 112, stop 107 with
    /// limit 105 sells at 107.
    #[test]
    fn a_stop_within_its_limit_is_filled_at_the_stop() {
        let mut buy = order(1.0, Some(112.0), Some(113.0));
        assert_eq!(price(&mut buy, 110.0, 114.0, 109.0), Some(112.0));
        let mut sell = order(-1.0, Some(107.0), Some(105.0));
        assert_eq!(price(&mut sell, 108.0, 109.0, 104.0), Some(107.0));
    }

    #[test]
    fn a_limit_behind_its_stop_waits_for_the_bar_after_the_stop() {
        let mut buy = order(1.0, Some(105.0), Some(101.0));
        assert_eq!(price(&mut buy, 100.0, 106.0, 99.0), None, "101 may have been before 105");
        assert_eq!(price(&mut buy, 104.0, 104.5, 101.5), None);
        assert_eq!(price(&mut buy, 103.0, 103.0, 100.0), Some(101.0));
        let mut gap = order(1.0, Some(105.0), Some(101.0));
        assert_eq!(price(&mut gap, 106.0, 107.0, 100.0), Some(101.0), "106 was the first price");
    }
}
