//! What happens within a bar: stops and profit levels of a position.

use super::super::engine::Reason;
use super::super::rules::{EntryBar, Gaps, OrderRules, SameBar, Targets, Trail, Trailing};
use super::book::{At, Book, Desk};
use super::finer::prices;
use super::order::{Leave, Prices, Signed};

/// Distances that differ by no more than this part of the price are the same.
const ROUNDING: f64 = 1e-12;

/// What of a bar is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its open, before the orders that it has passed.
    Open,
    /// What comes then, or all of it where nothing was looked at before.
    Rest,
}

/// A bar, or a part of one, that passes over a symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub symbol: usize,
    pub bar: usize,
    pub prices: Prices,
}

impl Book<'_> {
    /// Lets a bar of each of these symbols pass over its position and its waiting order: first what
    /// the opens have passed, then the levels of positions, then entries. All symbols do each of it
    /// together, so that their order does not matter; but those whose finer bars are looked at go
    /// through all of their bar at once.
    pub(super) fn pass(&mut self, present: &[(usize, usize)]) {
        let passage = |desk: &Desk<'_>, symbol: usize, bar: usize| {
            let has_to_do = desk.order.is_some() || desk.holding.is_guarded();
            has_to_do.then(|| Passage { symbol, bar, prices: prices(desk.market.series, bar) })
        };
        if !present.iter().any(|(symbol, bar)| self.desks[*symbol].waits_at(*bar)) {
            for (symbol, bar) in present {
                if let Some(passage) = passage(&self.desks[*symbol], *symbol, *bar) {
                    self.pass_levels(&passage, 0, *bar);
                }
            }
            return;
        }
        let mut passages = std::mem::take(&mut self.passages);
        let of = |(symbol, bar): &(usize, usize)| passage(&self.desks[*symbol], *symbol, *bar);
        passages.extend(present.iter().filter_map(of));
        self.meet_opens(&passages);
        passages.retain(|passage| self.pass_levels(passage, 0, passage.bar));
        self.meet_orders(&passages);
        passages.clear();
        self.passages = passages;
    }

    /// Lets what comes after the open pass over the position of a symbol, or all of that, in finer
    /// bars, over its order as well: then false. `scale` counts how often the bar was refined, and
    /// `index` is its number at that scale.
    fn pass_levels(&mut self, passage: &Passage, scale: usize, index: usize) -> bool {
        let Passage { symbol, bar, prices } = *passage;
        let same_bar = self.rules.orders.same_bar;
        if same_bar == SameBar::DrillDown && self.is_ambiguous(symbol, bar, &prices) {
            let finer = self.desks[symbol].market.finer.get(scale);
            let within = finer.map(|finer| (finer, finer.within(index)));
            let within = within.filter(|(_, within)| !within.is_empty());
            let told = within.map(|(finer, within)| (finer.reach(&within, &prices), finer, within));
            // Finer bars that leave out what their bar reaches cannot tell what came first.
            let reached = self.reached(symbol, bar, &prices);
            let told = told.filter(|(reach, ..)| self.reached(symbol, bar, reach) == reached);
            if let Some((reach, finer, within)) = told {
                for index in within.clone() {
                    let prices = finer.prices(index, &within, &prices);
                    let part = [Passage { prices, ..*passage }];
                    self.meet_opens(&part);
                    if self.pass_levels(&part[0], scale + 1, index) {
                        self.meet_orders(&part);
                    }
                }
                self.cut_what_is_left_out(symbol, bar, &prices, &reach);
                return false;
            }
        }
        let desk = &mut self.desks[symbol];
        let opened = desk.opened.take();
        let holding = &desk.holding;
        if !holding.is_open() {
            return true;
        }
        let signed = prices.signed(holding.sign());
        match (self.rules.orders.entry_bar, opened) {
            (EntryBar::NextBar, _) if holding.entry_bar == bar => {}
            (EntryBar::Deferred, Some(is_stop)) => {
                if is_stop && signed.lowest > holding.cut() {
                    self.take_profits(symbol, bar, &signed, signed.highest);
                }
            }
            _ => self.meet_levels(symbol, bar, &signed, Part::Rest),
        }
        true
    }

    /// Whether the order of events within the bar matters.
    fn is_ambiguous(&self, symbol: usize, bar: usize, prices: &Prices) -> bool {
        match self.reached(symbol, bar, prices) {
            (true, [false, false]) => self.desks[symbol].market.orders.guards(),
            (true, _) | (false, [true, true]) => true,
            _ => false,
        }
    }

    /// Meets the stop of a position that finer bars have opened, if their bar reaches it and none of
    /// them does: when that was is not known, so the pessimist's rule holds.
    fn cut_what_is_left_out(&mut self, symbol: usize, bar: usize, whole: &Prices, reach: &Prices) {
        let holding = &self.desks[symbol].holding;
        let rule = self.rules.orders.entry_bar;
        let is_new = holding.is_open() && holding.entry_bar == bar;
        if !is_new || !matches!(rule, EntryBar::Pessimistic | EntryBar::ByClose) {
            return;
        }
        let (sign, cut) = (holding.sign(), holding.cut());
        if whole.signed(sign).lowest <= cut && reach.signed(sign).lowest > cut {
            self.cut_loss(symbol, bar, cut);
        }
    }

    /// What a bar reaches: a waiting order, and the stop and the next profit level of a position;
    /// nothing where the open has passed the stop, which is met before all else.
    fn reached(&self, symbol: usize, bar: usize, prices: &Prices) -> (bool, [bool; 2]) {
        let desk = &self.desks[symbol];
        let holding = &desk.holding;
        let mut touched = [false; 2];
        if holding.is_open() {
            let signed = prices.signed(holding.sign());
            if signed.open <= holding.cut() {
                return (false, [false; 2]);
            }
            let mut holding = *holding;
            if self.follows_within(desk) {
                holding.follow_within(&signed, &desk.steps);
            }
            touched = [signed.lowest <= holding.cut(), signed.highest >= holding.profit()];
        }
        let order = desk.order.filter(|order| order.waits_at(bar));
        let enters = order.is_some_and(|mut order| {
            let signed = prices.signed(order.sign);
            let gaps = self.rules.orders.gaps;
            order.touched(&signed, gaps, false).is_some()
                || order.stop.is_infinite() != desk.order.is_some_and(|o| o.stop.is_infinite())
        });
        (enters, touched)
    }

    /// Whether a trailing stop follows the best price of a bar within it.
    fn follows_within(&self, desk: &Desk<'_>) -> bool {
        self.rules.orders.trailing == Trailing::WithinBar
            && desk.market.orders.trail == Trail::Extreme
    }

    /// Meets the stop and the profit levels of a position over a part of a bar.
    pub(super) fn meet_levels(&mut self, symbol: usize, bar: usize, prices: &Signed, part: Part) {
        let follows_within = self.follows_within(&self.desks[symbol]);
        let desk = &mut self.desks[symbol];
        if desk.leave.is_some_and(|leave| leave.is_of_stop()) {
            // The rest of a stop is an order at the market by now, and its levels are gone.
            return;
        }
        let stood = desk.holding.cut();
        let before = (follows_within && part == Part::Open).then_some(desk.holding);
        if follows_within {
            desk.holding.follow_within(prices, &desk.steps);
        }
        let holding = &desk.holding;
        let (cut, profit, is_trailing) = (holding.cut(), holding.profit(), holding.is_trailing());
        if let Some(before) = before {
            // At the open, the stop is only looked at as it will follow.
            desk.holding = before;
        }
        let was_open_met = std::mem::replace(&mut desk.is_open_met, part == Part::Open);
        let same_bar = self.rules.orders.same_bar;
        let is_last = same_bar == SameBar::TrailingLast && is_trailing;
        let is_cut = prices.lowest <= cut;
        let level = if is_cut { self.cut_level(symbol, bar, prices, stood) } else { cut };
        if prices.open <= stood && !is_last {
            self.cut_loss(symbol, bar, level);
            return;
        }
        let reach = match same_bar {
            SameBar::StopRegardless if is_cut => f64::NEG_INFINITY,
            SameBar::TrailingLast if is_cut && !is_last => f64::NEG_INFINITY,
            // A profit level that the open has passed is met before anything else.
            _ if part == Part::Open => prices.open,
            _ if !is_cut => prices.highest,
            SameBar::TargetFirst | SameBar::TrailingLast => prices.highest,
            SameBar::StopFirst | SameBar::StopRegardless | SameBar::DrillDown => prices.open,
            // Level by level, as far above the open as the stop lies below, and less.
            SameBar::NearestToOpen => {
                let far = prices.open + (prices.open - cut) - ROUNDING * prices.open.abs();
                far.min(prices.highest).max(prices.open)
            }
        };
        // What the open has passed and not filled is not tried again in this bar.
        if !(was_open_met && self.is_reached(profit, prices.open)) {
            self.take_profits(symbol, bar, prices, reach);
        }
        if part == Part::Rest && is_cut && self.desks[symbol].holding.is_open() {
            self.cut_loss(symbol, bar, level);
        }
    }

    /// At which level a stop is filled that a bar reaches; `stood` is where it was at the open.
    fn cut_level(&self, symbol: usize, bar: usize, prices: &Signed, stood: f64) -> f64 {
        let desk = &self.desks[symbol];
        let holding = &desk.holding;
        let cut = holding.cut();
        if prices.open <= stood {
            let comes_back = self.rules.orders.gaps == Gaps::Level && cut <= prices.highest;
            return if comes_back { cut } else { prices.open };
        }
        if !(self.follows_within(desk) && holding.entry_bar == bar && holding.is_trailing()) {
            return cut;
        }
        // Just far enough for the stop to follow at all, and back by its distance.
        let entry = holding.sign() * holding.entry_price;
        let begin = match desk.market.orders.trailing_stop {
            Some(_) => entry,
            None => desk.steps[0].activation,
        };
        let level = begin + entry * (holding.trail_factor - 1.0) - holding.trail_offset;
        if level > prices.lowest { level } else { prices.lowest }
    }

    /// Closes the position at its stop. What cannot be filled is sold at the market from the next
    /// bar on.
    pub(super) fn cut_loss(&mut self, symbol: usize, bar: usize, level: f64) {
        let holding = self.desks[symbol].holding;
        let is_trailing = holding.trailing > holding.stop;
        let reason = if is_trailing { Reason::TrailingStop } else { Reason::StopLoss };
        let sign = holding.sign();
        let at = At { price: sign * level, sign: -sign, is_maker: false };
        if self.fails() || !self.close(symbol, bar, at, holding.size.abs(), reason) {
            let desk = &mut self.desks[symbol];
            desk.leave = Some(Leave { active: bar + 1, reason });
            desk.order = desk.order.filter(|order| !order.is_begun);
        }
    }

    /// Whether a price that has come so far meets a profit level.
    fn is_reached(&self, profit: f64, reach: f64) -> bool {
        match self.rules.orders.targets {
            Targets::Touch => profit <= reach,
            Targets::Through => profit < reach,
        }
    }

    /// Takes the profits at the levels up to `reach`.
    pub(super) fn take_profits(&mut self, symbol: usize, bar: usize, prices: &Signed, reach: f64) {
        let OrderRules { gaps, .. } = self.rules.orders;
        loop {
            let holding = self.desks[symbol].holding;
            let profit = holding.profit();
            if !holding.is_open() || !self.is_reached(profit, reach) || self.fails() {
                return;
            }
            let sign = holding.sign();
            let is_new = holding.target_came == bar && holding.target <= profit;
            let level = match gaps {
                _ if prices.open <= profit => profit,
                Gaps::Level if !is_new && profit > prices.lowest => profit,
                Gaps::Level if !is_new => prices.lowest,
                _ => prices.open,
            };
            let at = At { price: sign * level, sign: -sign, is_maker: true };
            let all = holding.size.abs();
            if holding.target <= profit {
                if !self.close(symbol, bar, at, all, Reason::TakeProfit) {
                    return;
                }
                continue;
            }
            let part = match holding.rung_left > 0.0 {
                true => holding.rung_left.min(all),
                false => self.part_of_rung(symbol),
            };
            let desk = &mut self.desks[symbol];
            desk.holding.rung += 1;
            desk.holding.rung_left = 0.0;
            let next = desk.ladder.get(holding.rung + 1);
            desk.holding.rung_level = next.map_or(f64::INFINITY, |rung| rung.level);
            if part > 0.0 && !self.close(symbol, bar, at, part, Reason::PartialExit) {
                // The rest stays at its price.
                let now = &mut self.desks[symbol].holding;
                now.rung_left = part - (all - now.size.abs());
                (now.rung, now.rung_level) = (holding.rung, holding.rung_level);
                return;
            }
        }
    }

    /// The shares that the partial exit closes which comes next.
    fn part_of_rung(&self, symbol: usize) -> f64 {
        let desk = &self.desks[symbol];
        let holding = &desk.holding;
        let all = holding.size.abs();
        let reached = &desk.ladder[..=holding.rung];
        let so_far: f64 = reached.iter().map(|rung| rung.share).sum();
        let wanted = holding.largest * reached[holding.rung].share;
        // Shares that add up to the whole leave nothing behind that only rounding has made.
        self.tradable(if so_far >= 1.0 - 1e-12 || wanted > all { all } else { wanted })
    }
}
