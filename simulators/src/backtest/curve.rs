//! The equity curve of an account, and what the metrics need of it.
//!
//! An account in one symbol is worth `base + size close` at each bar, where base and size change
//! only when something is traded: its curve is a list of spans. Sums over the curve are made span
//! by span, longer ones in parts that end at multiples of [`PART`] bars, and never bar by bar where
//! a span tells enough:
//!
//! - without a position nothing moves;
//! - a position that is worth its shares alone (`base` is rounding) has the returns of the price,
//!   whose sums over all beginnings are known ([`Terrain`]);
//! - a drawdown is looked for only where the extremes of the price allow a deeper one, or a peak.
//!
//! Elsewhere a return is `(c_i - c_{i-1}) / (c_{i-1} + base / size)`, with c the closes. The first
//! return of each part is `e_i / e_{i-1} - 1`, as are those of curves that are no spans, of several
//! symbols. All engines leave the same spans, so they get the same bits.

use super::data::{Price, Series};

/// Partial sums, so that no addition waits for the one before.
const LANES: usize = 4;

/// The largest number of bars that are summed at once: so many at most are summed again for a
/// report in the middle of a span.
const PART: usize = 4096;

/// The bars whose extremes are known together.
const BLOCK: usize = 64;

/// Below this fraction of a share's price, what a position has beside its shares is rounding.
const NOTHING: f64 = 1e-12;

/// From this bar until the next span the account is worth `base + size close`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub from: usize,
    pub base: f64,
    pub size: f64,
}

impl Span {
    #[inline]
    fn at(&self, close: f64) -> f64 {
        self.base + self.size * close
    }
}

/// Notes that an account is worth `base + size close` from a bar on.
pub(super) fn note(spans: &mut Vec<Span>, from: usize, base: f64, size: f64) {
    if spans.last().is_some_and(|last| last.from == from) {
        spans.pop();
    }
    if spans.last().is_none_or(|last| last.base != base || last.size != size) {
        spans.push(Span { from, base, size });
    }
}

/// Appends the equity at the bars `from..to` to `equity`.
pub(super) fn equity_of(
    spans: &[Span],
    closes: &[f64],
    from: usize,
    to: usize,
    equity: &mut Vec<f64>,
) {
    let mut bar = from;
    let mut next = spans.partition_point(|span| span.from <= from);
    while bar < to {
        let span = spans[next - 1];
        let end = spans.get(next).map_or(to, |span| span.from.min(to));
        equity.extend(closes[bar..end].iter().map(|close| span.at(*close)));
        (bar, next) = (end, next + 1);
    }
}

/// The closes of a series, with what is worked out once for all runs.
#[derive(Debug)]
pub(super) struct Terrain {
    closes: Vec<f64>,
    /// The lowest and the highest close of each block of bars.
    extremes: Vec<(f64, f64)>,
    /// The bars one by one, and the place after the last; nothing where sums are of no use.
    landmarks: Vec<Landmark>,
}

/// What trading at a bar, and beginning or ending a span there, needs to know: one line of a
/// processor's memory, because the way to each of them is long where trades are few.
#[derive(Debug)]
#[repr(align(64))]
struct Landmark {
    open: f64,
    close: f64,
    /// The close of the bar before.
    last: f64,
    /// The sums over the bars before this one.
    before: PriceSums,
}

/// Sums over the closes of some bars and over their returns from the bar before.
#[derive(Clone, Copy, Debug, Default)]
struct PriceSums {
    closes: f64,
    returns: f64,
    squares: f64,
    downside: f64,
}

impl PriceSums {
    /// These and one more bar, which followed one that closed at `last`.
    #[inline]
    fn with(&self, close: f64, last: f64) -> Self {
        let (change, below) = change(close, last, 0.0);
        Self {
            closes: self.closes + close,
            returns: self.returns + change,
            squares: self.squares + change * change,
            downside: self.downside + below * below,
        }
    }
}

impl Terrain {
    /// Looks at a series; `with_sums` where positions can be worth their shares alone.
    pub(super) fn new(series: &Series, with_sums: bool) -> Self {
        let closes = series.price(Price::Close).to_vec();
        let extremes = closes.chunks(BLOCK).map(extremes).collect();
        let mut landmarks = Vec::new();
        if with_sums {
            landmarks.reserve_exact(closes.len() + 1);
            let (mut before, mut last) = (PriceSums::default(), closes[0]);
            for (open, close) in series.price(Price::Open).iter().zip(&closes) {
                landmarks.push(Landmark { open: *open, close: *close, last, before });
                (before, last) = (before.with(*close, last), *close);
            }
            landmarks.push(Landmark { open: f64::NAN, close: f64::NAN, last, before });
        }
        Self { closes, extremes, landmarks }
    }

    /// The open of a bar of the series that this is the terrain of.
    #[inline]
    pub(super) fn open(&self, series: &Series, bar: usize) -> f64 {
        self.landmarks.get(bar).map_or_else(|| series.price(Price::Open)[bar], |mark| mark.open)
    }

    #[inline]
    pub(super) fn close(&self, bar: usize) -> f64 {
        self.landmarks.get(bar).map_or_else(|| self.closes[bar], |mark| mark.close)
    }

    /// The close of the bar before.
    #[inline]
    fn close_before(&self, bar: usize) -> f64 {
        self.landmarks.get(bar).map_or_else(|| self.closes[bar - 1], |mark| mark.last)
    }

    /// The sums over the bars after `first` and before `to`, where they are known.
    #[inline]
    fn between(&self, first: usize, to: usize) -> Option<PriceSums> {
        let (start, end) = (self.landmarks.get(first)?, self.landmarks.get(to)?.before);
        let start = start.before.with(start.close, start.last);
        Some(PriceSums {
            closes: end.closes - start.closes,
            returns: end.returns - start.returns,
            squares: end.squares - start.squares,
            downside: end.downside - start.downside,
        })
    }

    pub(super) fn closes(&self) -> &[f64] {
        &self.closes
    }

    /// A bound from below and one from above for the closes of `from..to`, which is not empty.
    fn bounds(&self, from: usize, to: usize) -> (f64, f64) {
        let blocks = &self.extremes[from / BLOCK..=(to - 1) / BLOCK];
        blocks.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), block| {
            (least(low, block.0), most(high, block.1))
        })
    }

    /// The first of the bars `from..to` at whose close such a position is worth nothing.
    pub(super) fn ruin(&self, from: usize, to: usize, base: f64, size: f64) -> Option<usize> {
        if from >= to {
            return None;
        }
        let span = Span { from, base, size };
        let (low, high) = self.bounds(from, to);
        if span.at(if size < 0.0 { high } else { low }) > 0.0 {
            return None;
        }
        let closes = &self.closes[from..to];
        closes.iter().position(|close| span.at(*close) <= 0.0).map(|place| from + place)
    }
}

#[inline]
fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline]
fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The lowest and the highest of some closes.
fn extremes(closes: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (chunks, rest) = closes.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            low[lane] = least(low[lane], chunk[lane]);
            high[lane] = most(high[lane], chunk[lane]);
        }
    }
    let low = rest.iter().chain(&low).fold(f64::INFINITY, |a, b| least(a, *b));
    (low, rest.iter().chain(&high).fold(f64::NEG_INFINITY, |a, b| most(a, *b)))
}

/// A return from one close to the next for what is worth `offset` beside each share, and its part
/// below zero.
#[inline]
fn change(now: f64, before: f64, offset: f64) -> (f64, f64) {
    let change = (now - before) / (before + offset);
    (change, if change < 0.0 { change } else { 0.0 })
}

/// Adds some returns, their squares and those of the losses to these sums.
#[inline]
fn add(sums: &mut [[f64; LANES]; 3], now: &[f64; LANES], before: &[f64; LANES], offset: f64) {
    let [returns, squares, downside] = sums;
    for lane in 0..LANES {
        let (change, below) = change(now[lane], before[lane], offset);
        returns[lane] += change;
        squares[lane] += change * change;
        downside[lane] += below * below;
    }
}

/// What has come of a curve so far.
#[derive(Clone, Debug)]
pub(super) struct CurveSums {
    /// The bars that have been counted.
    bars: usize,
    /// The next span.
    next: usize,
    pub first: f64,
    pub last: f64,
    pub peak: f64,
    /// The deepest fall from a peak, as a fraction of the peak.
    pub max_drawdown: f64,
    /// The sum of the equity at all bars.
    pub total: f64,
    /// How many returns there are: those after a ruin do not count.
    count: usize,
    returns: [f64; LANES],
    squares: [f64; LANES],
    downside: [f64; LANES],
}

impl Default for CurveSums {
    fn default() -> Self {
        Self {
            bars: 0,
            next: 0,
            first: f64::NAN,
            last: f64::NAN,
            peak: f64::NAN,
            max_drawdown: 0.0,
            total: 0.0,
            count: 0,
            returns: [0.0; LANES],
            squares: [0.0; LANES],
            downside: [0.0; LANES],
        }
    }
}

/// The moments of the returns from bar to bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub count: f64,
    pub mean: f64,
    /// Sample variance, with count - 1 in the denominator.
    pub variance: f64,
    /// Mean of min(r, 0)^2.
    pub downside: f64,
}

impl CurveSums {
    /// Counts the spans up to the bar `to`, and gives what has come of the curve until there. Only
    /// parts that are finished are kept, so that it makes no difference who asked for what when.
    pub(super) fn through(&mut self, terrain: &Terrain, spans: &[Span], to: usize) -> Self {
        let all = terrain.closes.len();
        while self.bars < to {
            if spans.get(self.next).is_some_and(|span| span.from == self.bars) {
                self.next += 1;
            }
            let span = spans[self.next - 1];
            let part = (self.bars / PART + 1) * PART;
            let is_followed = spans.get(self.next).filter(|span| span.from <= to);
            let end = is_followed.map_or(all, |span| span.from).min(part).min(all);
            if end > to {
                let mut open = self.clone();
                open.hold(terrain, span, to);
                return open;
            }
            self.hold(terrain, span, end);
        }
        self.clone()
    }

    /// Counts a position over the bars up to `to`.
    #[inline]
    fn hold(&mut self, terrain: &Terrain, span: Span, to: usize) {
        let first = self.bars;
        // Without a position no close matters.
        let flat = span.size == 0.0;
        self.append(if flat { span.base } else { span.at(terrain.close(first)) });
        let (from, bars) = (first + 1, to - first - 1);
        if bars == 0 {
            return;
        }
        self.bars = to;
        if flat {
            self.total += bars as f64 * span.base;
            self.count += if self.last > 0.0 { bars } else { 0 };
            return;
        }
        self.count += bars;
        self.last = span.at(terrain.close_before(to));
        self.fall(terrain, span, from, to);
        let offset = span.base / span.size;
        // What is worth its shares alone has the returns of the price.
        let is_alone = offset.abs() < NOTHING * terrain.close(first);
        let sums = if is_alone { terrain.between(first, to) } else { None };
        let closes = match sums {
            Some(sums) => {
                self.returns[0] += sums.returns;
                self.squares[0] += sums.squares;
                self.downside[0] += sums.downside;
                sums.closes
            }
            None => self.visit(&terrain.closes[first..to], offset),
        };
        self.total += bars as f64 * span.base + span.size * closes;
    }

    /// Adds up the returns from each of these closes to the next, and gives the sum of all but the
    /// first.
    #[inline]
    fn visit(&mut self, closes: &[f64], offset: f64) -> f64 {
        let mut sums = [self.returns, self.squares, self.downside];
        let mut total = [0.0; LANES];
        let (now, rest) = closes[1..].as_chunks::<LANES>();
        let (before, last) = closes[..closes.len() - 1].as_chunks::<LANES>();
        for (now, before) in now.iter().zip(before) {
            add(&mut sums, now, before, offset);
            for lane in 0..LANES {
                total[lane] += now[lane];
            }
        }
        if !rest.is_empty() {
            // Filled up with a price that stands still.
            let still = rest[rest.len() - 1];
            let (mut to, mut of) = ([still; LANES], [still; LANES]);
            to[..rest.len()].copy_from_slice(rest);
            of[..rest.len()].copy_from_slice(last);
            add(&mut sums, &to, &of, offset);
        }
        [self.returns, self.squares, self.downside] = sums;
        rest.iter().fold(fold(&total), |total, close| total + close)
    }

    /// Looks for a deeper drawdown, and for a peak, in `from..to`.
    fn fall(&mut self, terrain: &Terrain, span: Span, from: usize, to: usize) {
        let ends = |(low, high): (f64, f64)| match span.size > 0.0 {
            true => (span.at(low), span.at(high)),
            false => (span.at(high), span.at(low)),
        };
        if self.is_within(ends(terrain.bounds(from, to))) {
            return;
        }
        let mut start = from;
        while start < to {
            let end = ((start / BLOCK + 1) * BLOCK).min(to);
            let closes = &terrain.closes[start..end];
            let (worst, best) = ends(extremes(closes));
            if 1.0 - worst / most(self.peak, best) <= self.max_drawdown {
                self.peak = most(self.peak, best);
            } else {
                for close in closes {
                    self.mark(span.at(*close));
                }
            }
            start = end;
        }
    }

    /// Whether a curve between these two makes neither a peak nor a deeper drawdown.
    #[inline]
    fn is_within(&self, (worst, best): (f64, f64)) -> bool {
        best <= self.peak && 1.0 - worst / self.peak <= self.max_drawdown
    }

    /// Looks at one point of the curve, for drawdowns.
    #[inline]
    fn mark(&mut self, equity: f64) {
        if equity > self.peak {
            self.peak = equity;
        } else {
            self.max_drawdown = most(self.max_drawdown, 1.0 - equity / self.peak);
        }
    }

    /// Counts one bar.
    fn append(&mut self, equity: f64) {
        if self.bars == 0 {
            (self.first, self.peak) = (equity, equity);
        } else if self.last > 0.0 {
            let change = equity / self.last - 1.0;
            let below = least(change, 0.0);
            let lane = self.bars % LANES;
            self.count += 1;
            self.returns[lane] += change;
            self.squares[lane] += change * change;
            self.downside[lane] += below * below;
        }
        self.mark(equity);
        self.total += equity;
        self.last = equity;
        self.bars += 1;
    }

    /// Counts a curve that is not made of spans, up to the bar `to`.
    pub(super) fn along(&mut self, equity: &[f64], to: usize) -> Self {
        for equity in &equity[self.bars..to] {
            self.append(*equity);
        }
        self.clone()
    }

    /// The moments of the returns.
    pub(super) fn moments(&self) -> Moments {
        let count = self.count as f64;
        let (sum, squares) = (fold(&self.returns), fold(&self.squares));
        let mean = sum / count;
        let spread = squares - sum * mean;
        // What is left of returns that are all the same is rounding.
        let spread = if spread > 1e-14 * squares { spread } else { 0.0 };
        // Of fewer than two returns there is none: 0 / -1 would be zero, and 0 / 0 is not known.
        let variance = if count > 1.0 { spread / (count - 1.0) } else { f64::NAN };
        Moments { count, mean, variance, downside: fold(&self.downside) / count }
    }
}

fn fold(lanes: &[f64; LANES]) -> f64 {
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}
