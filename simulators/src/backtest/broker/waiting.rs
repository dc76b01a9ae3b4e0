//! Entries that wait for a price: at the open of a bar, and within it.

use super::super::rules::{EntryBar, Gaps};
use super::book::{At, Book};
use super::fill::Entry;
use super::finer::prices;
use super::order::{Order, Signed, Touch};
use super::pass::{Part, Passage};

impl Book<'_> {
    /// Fills what the opens of these bars have passed, if an order waits that is filled there:
    /// first the levels of positions, then entries, all of them together. What is filled within
    /// the bar comes later, so it neither hinders them nor pays for them.
    pub(super) fn meet_opens(&mut self, passages: &[Passage]) {
        if !passages.iter().any(|passage| self.touch_at_open(passage).is_some()) {
            return;
        }
        // With gaps at levels, the levels of positions are met on the way.
        if self.rules.orders.gaps == Gaps::Open {
            for passage in passages {
                self.meet_levels_at_open(passage);
            }
        }
        let mut opened = std::mem::take(&mut self.touched);
        for passage in passages {
            let Some((touch, stop)) = self.touch_at_open(passage) else { continue };
            let Passage { symbol, bar, .. } = *passage;
            let order = self.desks[symbol].order.as_mut().expect("it was touched");
            order.stop = stop;
            let found = Touched::new(passage, order, touch);
            self.entries.push(Entry::new(symbol, bar, found.at(), false));
            opened.push(found);
        }
        self.enter();
        for Touched { passage: Passage { symbol, bar, .. }, sign, is_stop, .. } in opened.drain(..)
        {
            let desk = &mut self.desks[symbol];
            let is_new = desk.holding.size * sign > 0.0 && desk.holding.entry_bar == bar;
            desk.opened = is_new.then_some(is_stop);
        }
        self.touched = opened;
    }

    /// How the open of a bar fills the order of a symbol, if it does, and the stop of the order
    /// from then on.
    fn touch_at_open(&self, passage: &Passage) -> Option<(Touch, f64)> {
        let order = self.desks[passage.symbol].order.as_ref()?;
        let open = order.sign * passage.prices.open;
        if !order.waits_at(passage.bar) || open < order.stop || open > order.limit {
            return None;
        }
        let mut order = *order;
        let touch = order.touched(
            &passage.prices.signed(order.sign),
            self.rules.orders.gaps,
            order.rests_at(passage.bar),
        );
        touch.filter(|touch| touch.at_open).map(|touch| (touch, order.stop))
    }

    /// Meets the levels of these positions that the opens have passed, before all entries there, so
    /// that these find the cash. With gaps at levels, levels are met on the way.
    pub(super) fn meet_passed_levels(&mut self, present: &[(usize, usize)]) {
        if self.rules.orders.gaps != Gaps::Open {
            return;
        }
        for (symbol, bar) in present {
            let desk = &self.desks[*symbol];
            if desk.holding.is_guarded() && desk.order.is_none_or(|order| order.waits) {
                let prices = prices(desk.market.series, *bar);
                self.meet_levels_at_open(&Passage { symbol: *symbol, bar: *bar, prices });
            }
        }
    }

    fn meet_levels_at_open(&mut self, passage: &Passage) {
        let Passage { symbol, bar, prices } = *passage;
        let holding = &self.desks[symbol].holding;
        let is_spared =
            holding.entry_bar == bar && self.rules.orders.entry_bar == EntryBar::NextBar;
        if holding.is_open() && !is_spared {
            let signed = prices.signed(holding.sign());
            self.meet_levels(symbol, bar, &signed, Part::Open);
        }
    }

    /// Fills the entries that the bars reach after their opens, all of them together, and lets the
    /// rest of the bars pass over the new positions.
    pub(super) fn meet_orders(&mut self, passages: &[Passage]) {
        let mut touched = std::mem::take(&mut self.touched);
        for passage in passages {
            let Passage { symbol, bar, prices } = *passage;
            let desk = &mut self.desks[symbol];
            let order = desk.order.as_mut();
            let Some(order) = order.filter(|order| order.waits_at(bar)) else { continue };
            let signed = prices.signed(order.sign);
            let (gaps, rests) = (self.rules.orders.gaps, order.rests_at(bar));
            let Some(touch) = order.touched(&signed, gaps, rests) else { continue };
            let found = Touched::new(passage, order, touch);
            self.entries.push(Entry::new(symbol, bar, found.at(), !touch.at_open));
            if desk.holding.size * found.sign <= 0.0 {
                touched.push(found);
            }
        }
        if !self.entries.is_empty() {
            self.enter();
        }
        for Touched { passage: Passage { symbol, bar, prices }, sign, touch, is_stop } in
            touched.drain(..)
        {
            if self.desks[symbol].holding.size * sign > 0.0 {
                self.pass_entry(symbol, bar, &prices.signed(sign), touch, is_stop);
            }
        }
        self.touched = touched;
    }

    /// Lets the bar of an entry within it pass over the position that it has opened; `is_stop`
    /// tells of a stop order without a limit.
    fn pass_entry(
        &mut self,
        symbol: usize,
        bar: usize,
        prices: &Signed,
        touch: Touch,
        is_stop: bool,
    ) {
        let rule = self.rules.orders.entry_bar;
        let since = Signed { open: touch.level, ..*prices };
        let holding = &self.desks[symbol].holding;
        let is_cut = prices.lowest <= holding.cut();
        match rule {
            EntryBar::NextBar => {}
            EntryBar::Deferred => {
                if is_stop && !is_cut {
                    self.take_profits(symbol, bar, &since, prices.highest);
                }
            }
            EntryBar::ByClose => {
                let falls = prices.close < prices.open && touch.level < prices.open;
                let highest = if falls { prices.close } else { prices.highest };
                self.meet_levels(symbol, bar, &Signed { highest, ..since }, Part::Rest);
            }
            EntryBar::Pessimistic => {
                if is_cut {
                    let level = holding.cut();
                    let level = if level < touch.level { level } else { touch.level };
                    self.cut_loss(symbol, bar, level);
                } else if touch.rises {
                    self.take_profits(symbol, bar, &since, prices.highest);
                }
            }
        }
    }
}

/// An order that a bar fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    passage: Passage,
    sign: f64,
    touch: Touch,
    /// Whether it is a stop order without a limit.
    is_stop: bool,
}

impl Touched {
    fn new(passage: &Passage, order: &Order, touch: Touch) -> Self {
        let is_stop = touch.rises && order.limit == f64::INFINITY;
        Self { passage: *passage, sign: order.sign, touch, is_stop }
    }

    /// The price that it is filled at.
    fn at(&self) -> At {
        let Self { sign, touch, .. } = *self;
        At { price: sign * touch.level, sign, is_maker: touch.is_maker }
    }
}
