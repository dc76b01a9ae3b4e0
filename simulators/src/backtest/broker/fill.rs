//! From orders to positions: sizes, limits, and the entries of one time together.

use super::super::data::Series;
use super::super::engine::Reason;
use super::super::evaluate::Column;
use super::super::orders::{After, LaterTarget, Level, Side, Size, TrailStep};
use super::super::rules::{SizeAt, Unaffordable};
use super::super::settings::Fill;
use super::book::{At, Book, Desk, INVESTED};
use super::decide::place;
use super::holding::{Holding, Later, Rung, Schedule, Step};
use super::order::{Leave, Order};

/// The room below which a limit leaves none, as a fraction of the equity. Where limits are used up,
/// rounding leaves some 10^-16 of it, over many trades 10^-13, which would make a position of dust:
/// one that keeps the symbol from entering when there is room. Nobody trades a billionth.
const NO_ROOM: f64 = 1e-9;

/// So often a range of shares is halved: enough to come to two neighbouring numbers.
const HALVINGS: u32 = 64;

/// An entry that is about to be filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub symbol: usize,
    pub bar: usize,
    pub at: At,
    /// Whether it takes place within the bar.
    pub is_within: bool,
    /// What it may use, in cash; where its shares are given, what those cost.
    budget: f64,
    /// The shares that are wanted, if it is not the budget that counts.
    shares: Option<f64>,
    /// Those that were wanted before the budget was cut.
    asked: f64,
}

/// What the size of a strategy comes to; NaN, which is less than anything, where it is not known.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Budget(f64),
    Shares(f64),
}

impl Entry {
    pub(super) fn new(symbol: usize, bar: usize, at: At, is_within: bool) -> Self {
        Self { symbol, bar, at, is_within, budget: 0.0, shares: None, asked: f64::INFINITY }
    }
}

impl Book<'_> {
    /// Fills the entries that were gathered: all of one time, so that none of them has the first
    /// pick. Each is cut to the limit of one symbol; then all in the same proportion to the limit
    /// of all positions; then those of the side that weighs too much to the limit of longs less
    /// shorts.
    pub(super) fn enter(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|entry| {
            let failed = self.fails();
            if failed {
                self.drop_failed(entry);
            }
            !failed
        });
        for entry in &entries {
            let holding = self.desks[entry.symbol].holding;
            if holding.size * entry.at.sign < 0.0 {
                let all = holding.size.abs();
                self.close(entry.symbol, entry.bar, entry.at, all, Reason::Signal);
            }
        }
        entries.retain(|entry| {
            let desk = &mut self.desks[entry.symbol];
            let is_left = desk.holding.size * entry.at.sign >= 0.0;
            if let (false, Some(order)) = (is_left, &mut desk.order) {
                // A reversal whose first half is not filled yet waits for it.
                order.active = entry.bar + 1;
            }
            is_left
        });
        let equity = self.equity();
        self.keep_within_count(&mut entries);
        for entry in &mut entries {
            self.want(entry, equity);
        }
        entries.retain(|entry| {
            let wanted = entry.budget > 0.0;
            if !wanted {
                self.desks[entry.symbol].order = None;
            }
            wanted
        });
        self.scale(&mut entries, equity);
        for entry in &entries {
            self.fill(entry);
        }
        entries.clear();
        self.entries = entries;
    }

    /// Drops an order whose entry does not come about. What was to be reversed at the market is
    /// still to be closed there.
    fn drop_failed(&mut self, entry: &Entry) {
        let desk = &mut self.desks[entry.symbol];
        let order = desk.order.take().expect("an entry has an order");
        let reverses = desk.holding.size * order.sign < 0.0;
        if reverses && !order.waits && desk.leave.is_none() {
            desk.leave = Some(Leave { active: entry.bar + 1, reason: Reason::Signal });
        }
    }

    /// Drops the entries beyond the limit on positions, the last symbols first.
    fn keep_within_count(&mut self, entries: &mut Vec<Entry>) {
        let limit = self.rules.risk.max_positions;
        let mut open = self.desks.iter().filter(|desk| desk.holding.is_open()).count();
        entries.retain(|entry| {
            let desk = &mut self.desks[entry.symbol];
            if desk.holding.is_open() {
                return true;
            }
            open += 1;
            if open > limit {
                desk.order = None;
            }
            open <= limit
        });
    }

    /// Works out what an entry wants, and cuts it to the limits of one symbol.
    fn want(&mut self, entry: &mut Entry, equity: f64) {
        let order = self.desks[entry.symbol].order.expect("an entry has an order");
        let held = self.desks[entry.symbol].holding.size.abs();
        let most = (self.rules.risk.max_shares - held).max(0.0);
        let fixed = self.rules.execution.fees.fixed();
        let wish = match order.shares.is_nan() {
            true => self.wish(entry.symbol, &order, entry.at.price, equity),
            false => Wish::Shares(order.shares),
        };
        match wish {
            Wish::Shares(shares) => {
                entry.asked = least(shares, most);
                (entry.budget, entry.shares) = (self.cost(entry, entry.asked), Some(entry.asked));
            }
            Wish::Budget(budget) => {
                entry.budget = budget;
                if most.is_finite() {
                    let share_cost =
                        self.share_cost(self.paid_price(entry, most), entry.at.is_maker);
                    // A little more, so that rounding does not take away the last share: the limit
                    // itself is looked at when the entry is filled.
                    cut(entry, (most * share_cost + fixed) * (1.0 + NO_ROOM), equity, fixed);
                }
            }
        }
        let most = self.rules.risk.max_position;
        if most.is_finite() {
            let room = most * equity - held * entry.at.price;
            cut(entry, room, equity, fixed);
        }
    }

    /// What so many shares cost at an entry.
    fn cost(&self, entry: &Entry, shares: f64) -> f64 {
        if shares <= 0.0 {
            return 0.0;
        }
        let (price, is_maker) = (self.paid_price(entry, shares), entry.at.is_maker);
        match self.rules.execution.fees.fixed() > 0.0 {
            true => shares * price + self.fees(shares, price, is_maker),
            false => shares * self.share_cost(price, is_maker),
        }
    }

    /// The price that counts for the size of an entry: that of a purchase with its slippage.
    fn paid_price(&self, entry: &Entry, shares: f64) -> f64 {
        let Entry { symbol, bar, at, .. } = *entry;
        let at_once = least(shares, self.volume_limit(symbol, bar));
        if at.sign > 0.0 { self.slipped(symbol, bar, at, at_once) } else { at.price }
    }

    /// What the strategy's size comes to at a price.
    fn wish(&self, symbol: usize, order: &Order, price: f64, equity: f64) -> Wish {
        let orders = self.desks[symbol].market.orders;
        let bar = order.decided;
        match &orders.size {
            Size::All => Wish::Budget(equity),
            Size::Fraction(fraction) => Wish::Budget(fraction.at(bar) * equity),
            Size::Volatility { target, volatility } => {
                Wish::Budget(target.at(bar) / volatility.at(bar) * equity)
            }
            Size::Shares(shares) => Wish::Shares(shares.at(bar)),
            Size::Risk(fraction) => {
                let stop =
                    |level: &Level<Column<'_>>| level.signed(bar, order.sign, price, Side::Below);
                let cut = orders.stop_loss.as_ref().map_or(f64::NEG_INFINITY, stop);
                let trailing = orders.trailing_stop.as_ref().map_or(f64::NEG_INFINITY, stop);
                let distance = order.sign * price - if trailing > cut { trailing } else { cut };
                Wish::Shares(fraction.at(bar) * equity / distance)
            }
        }
    }

    /// Scales the entries to the limits of all positions together.
    fn scale(&self, entries: &mut [Entry], equity: f64) {
        let risk = self.rules.risk;
        let fixed = self.rules.execution.fees.fixed();
        let (gross, net) = self.gross_and_net();
        let mut room = risk.max_gross * equity - gross;
        if risk.max_exposure - gross < room {
            room = risk.max_exposure - gross;
        }
        let sum = |entries: &[Entry]| -> f64 { entries.iter().map(|entry| entry.budget).sum() };
        if self.rules.orders.unaffordable == Unaffordable::Refuse && sum(entries) > room {
            let of_shares = entries.iter_mut().filter(|entry| entry.shares.is_some());
            of_shares.for_each(|entry| cut(entry, 0.0, equity, fixed));
        }
        let total = sum(entries);
        if total > room {
            let part = if room > 0.0 { room / total } else { 0.0 };
            for entry in entries.iter_mut() {
                cut(entry, entry.budget * part, equity, fixed);
            }
        }
        if risk.max_net.is_finite() {
            let side = |sign: f64| -> f64 {
                let of_side = entries.iter().filter(|entry| entry.at.sign == sign);
                of_side.map(|entry| entry.budget).sum()
            };
            let (longs, shorts) = (side(1.0), side(-1.0));
            let after = net + longs - shorts;
            let excess = after.abs() - risk.max_net * equity;
            let (sign, total) = if after > 0.0 { (1.0, longs) } else { (-1.0, shorts) };
            if excess > 0.0 && total > 0.0 {
                let part = if excess < total { 1.0 - excess / total } else { 0.0 };
                let of_side = entries.iter_mut().filter(|entry| entry.at.sign == sign);
                of_side.for_each(|entry| cut(entry, entry.budget * part, equity, fixed));
            }
        }
    }

    /// Fills one entry as far as its budget, the limits on shares and the volume allow. What the
    /// volume has kept back stays in the order.
    fn fill(&mut self, entry: &Entry) {
        let Entry { symbol, bar, at, .. } = *entry;
        let held = self.desks[symbol].holding.size.abs();
        let wanted = match entry.shares {
            Some(shares) => self.tradable(shares),
            None => self.affordable(entry.budget, self.share_cost(at.price, at.is_maker)),
        };
        let wanted = least(wanted, self.rules.risk.max_shares - held);
        let limit = self.volume_limit(symbol, bar);
        let paid = self.paid(entry, wanted, limit);
        let shares = least(paid, limit);
        let price = self.slipped(symbol, bar, at, shares);
        let desk = &mut self.desks[symbol];
        let mut order = desk.order.take().expect("an entry has an order");
        if limit < paid {
            order.shares = paid - shares;
            order.stop = f64::NEG_INFINITY;
            order.active = bar + 1;
            order.is_begun = order.is_begun || shares > 0.0;
            desk.order = Some(order);
        }
        if shares > 0.0 && price > 0.0 {
            self.take(entry, &order, shares, price);
        }
    }

    /// How many of the shares that are wanted the budget of an entry pays, with the slippage of
    /// those that one fill can have at most.
    fn paid(&self, entry: &Entry, wanted: f64, limit: f64) -> f64 {
        let Entry { symbol, bar, at, budget, .. } = *entry;
        let slipped = |shares: f64| self.slipped(symbol, bar, at, least(shares, limit));
        let pays =
            |shares: f64| self.affordable(budget, self.share_cost(slipped(shares), at.is_maker));
        let has_impact = self.rules.execution.slippage.impact > 0.0;
        let asked = match entry.shares {
            // Their budget has the slippage in it; but fewer of them have less impact.
            Some(shares) if !has_impact || shares >= entry.asked => return wanted,
            Some(_) => self.tradable(entry.asked),
            None => wanted,
        };
        if slipped(asked) == at.price {
            return wanted;
        }
        let most = pays(asked);
        if most >= asked || !has_impact {
            return least(asked, most);
        }
        let (mut enough, mut too_many) = (0.0, asked);
        for _ in 0..HALVINGS {
            let middle = enough + (too_many - enough) / 2.0;
            *(if pays(middle) >= middle { &mut enough } else { &mut too_many }) = middle;
        }
        self.tradable(enough)
    }

    /// Opens a position, or adds to it.
    fn take(&mut self, entry: &Entry, order: &Order, shares: f64, price: f64) {
        let fee = self.fees(shares, price, entry.at.is_maker);
        self.cash -= fee;
        self.traded += shares * price;
        let sign = order.sign;
        let desk = &mut self.desks[entry.symbol];
        let holding = &mut desk.holding;
        let orders = desk.market.orders;
        let is_new = !holding.is_open();
        if is_new {
            desk.is_open_met = false;
            desk.used[place(sign)] = Some(order.decided);
            *holding = Holding {
                size: sign * shares,
                entry_bar: entry.bar,
                is_within: entry.is_within,
                entry_price: price,
                fees: fee,
                ..Holding::NONE
            };
            if let Some(trail) = &orders.trailing_stop {
                (holding.trail_factor, holding.trail_offset) = trail.trail(order.decided, sign);
            }
            if let Some(bars) = orders.time_stop.as_ref().and_then(Column::fixed) {
                // With fills at the close of the decision, the bar of the decision has passed.
                let passed = usize::from(self.rules.account.fill != Fill::SameClose);
                holding.deadline = entry.bar.saturating_add(bars as usize - passed);
            }
            if !orders.later_targets.is_empty() {
                // What is filled at a close is held from the next bar on.
                let is_at_close = !order.waits && self.rules.account.fill != Fill::NextOpen;
                let start = entry.bar + usize::from(is_at_close);
                let (targets, series) = (&orders.later_targets, desk.market.series);
                holding.target_until = set_times(&mut desk.schedule, targets, series, start);
            }
        } else {
            let held = holding.size.abs();
            holding.entry_price = (holding.entry_price * held + price * shares) / (held + shares);
            holding.size += sign * shares;
            holding.fees += fee;
        }
        holding.largest = holding.size.abs();
        set_levels(desk, order);
        if is_new && desk.holding.has_trail() {
            desk.holding.follow(sign * price, &desk.steps);
        }
        desk.price = entry.at.price;
    }

    /// The shares of an order whose size is worked out when it is decided.
    pub(super) fn shares_at_decision(&self, symbol: usize, order: &Order) -> f64 {
        if self.rules.orders.size_at == SizeAt::Fill {
            return f64::NAN;
        }
        let price = self.desks[symbol].price;
        match self.wish(symbol, order, price, self.equity()) {
            Wish::Shares(shares) => self.tradable(shares),
            Wish::Budget(budget) => self.affordable(budget, self.share_cost(price, false)),
        }
    }
}

/// The smaller number.
fn least(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// Cuts an entry to a budget; shares that were asked for go down with it, but for the `fixed` part
/// of what they cost.
fn cut(entry: &mut Entry, budget: f64, equity: f64, fixed: f64) {
    if budget < entry.budget {
        let budget = if budget > fixed && budget > NO_ROOM * equity { budget } else { 0.0 };
        if let Some(shares) = &mut entry.shares {
            let part = if budget > 0.0 { (budget - fixed) / (entry.budget - fixed) } else { 0.0 };
            *shares *= part * INVESTED;
        }
        entry.budget = budget;
    }
}

/// Sets the levels that guard a position, from what was known when it was decided.
fn set_levels(desk: &mut Desk<'_>, order: &Order) {
    let Desk { holding, ladder, schedule, steps, .. } = desk;
    let orders = desk.market.orders;
    let (sign, decided, price) = (order.sign, order.decided, holding.entry_price);
    let above = |level: &Level<Column<'_>>| level.signed(decided, sign, price, Side::Above);
    if let Some(stop) = &orders.stop_loss {
        holding.stop = stop.signed(decided, sign, price, Side::Below);
    }
    for (later, LaterTarget { at, .. }) in schedule.iter_mut().zip(&orders.later_targets) {
        later.level = at.gained(decided, sign, price);
    }
    match (holding.target_row, &orders.take_profit) {
        (0, Some(target)) => holding.target = above(target),
        (0, None) => {}
        (row, _) => holding.target = schedule[row - 1].level,
    }
    let changes = &orders.trail_steps;
    if !changes.is_empty() {
        for (step, TrailStep { activation, distance }) in steps.iter_mut().zip(changes) {
            let (factor, offset) = distance.trail(decided, sign);
            *step = Step { activation: activation.gained(decided, sign, price), factor, offset };
        }
        steps[..changes.len()].sort_by(|a, b| a.activation.total_cmp(&b.activation));
        let next = steps.get(holding.trail_step);
        holding.activation = next.map_or(f64::INFINITY, |step| step.activation);
    }
    let exits = &orders.partial_exits;
    if !exits.is_empty() {
        for (rung, (at, share)) in ladder.iter_mut().zip(exits) {
            *rung = Rung { level: above(at), share: share.at(decided) };
        }
        ladder[..exits.len()].sort_by(|a, b| a.level.total_cmp(&b.level));
        holding.rung_level = ladder.get(holding.rung).map_or(f64::INFINITY, |rung| rung.level);
    }
}

/// Sets the bars at which the later take profits come, for a position that is held from the open of
/// the bar `start` on, or from within it; gives the first of them.
fn set_times(
    schedule: &mut Schedule,
    targets: &[LaterTarget<Column<'_>>],
    series: &Series,
    start: usize,
) -> usize {
    let dates = &series.dates;
    for (later, LaterTarget { after, .. }) in schedule.iter_mut().zip(targets) {
        *later = match (after, dates.get(start)) {
            (After::Bars(bars), _) => {
                let bars = bars.fixed().expect("the same for a run") as usize;
                Later { from: start.saturating_add(bars), is_at_open: true, ..*later }
            }
            (After::Minutes(_), None) => Later { from: usize::MAX, is_at_open: false, ..*later },
            (After::Minutes(minutes), Some(first)) => {
                let minutes = minutes.fixed().expect("the same for a run");
                let from = dates.partition_point(|date| date.minutes_since(*first) < minutes);
                let is_at_open =
                    dates.get(from).is_some_and(|date| date.minutes_since(*first) == minutes);
                Later { from, is_at_open, ..*later }
            }
        };
    }
    schedule.iter().map(|later| later.from).min().unwrap_or(usize::MAX)
}
