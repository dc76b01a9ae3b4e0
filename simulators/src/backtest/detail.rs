//! Finer bars from the files that `detail` names: adjusted as the bars that they refine, laid to
//! them, and held against them.

use search_spaces::{Section, TemplateError};

use super::broker::Finer;
use super::data::{Price, Series};
use super::date::Date;
use super::read;
use super::rules::SameBar;
use super::sessions::{Sessions, are_of_days};
use super::stored;
use super::timeframe::lengths;
use crate::open::{OpenError, Places};

/// How far, as a fraction of the price, all finer bars of a bar may lie beyond it. Prices of
/// different sources, or before the opening and after the close, are near each other; those of
/// another scale, symbol or time are not.
const TOLERANCE: f64 = 0.05;

/// The files that `detail` names, which go with the rule that looks into them.
pub(super) fn files(
    section: &mut Section<'_>,
    same_bar: SameBar,
) -> Result<Vec<String>, TemplateError> {
    let files = section.texts("detail")?.unwrap_or_default();
    let rule = format!("{:?}", SameBar::DrillDown.name());
    match (same_bar, files.is_empty()) {
        (SameBar::DrillDown, true) => {
            let allowed = "detail = [\"FILE.csv\"] beside it, with finer bars, or another rule";
            Err(section.error("same_bar", format!("{rule}, but no finer bars"), allowed))
        }
        (SameBar::DrillDown, false) | (_, true) => Ok(files),
        (_, false) => {
            let found = "finer bars that no rule looks into";
            Err(section.error("detail", found, format!("same_bar = {rule} beside it")))
        }
    }
}

/// Reads the finer bars of each symbol from the files that `detail` names, the coarsest first.
pub(super) fn read(
    section: &mut Section<'_>,
    places: Places<'_>,
    files: &[String],
    all: &[Series],
) -> Result<Vec<Vec<Finer>>, OpenError> {
    let mut finer: Vec<Vec<Finer>> = all.iter().map(|_| Vec::new()).collect();
    for (depth, file) in files.iter().enumerate() {
        if let Some(found) = read::unreadable(file, places) {
            let allowed = "data sets, or paths of CSV files from the template's folder";
            return Err(section.error("detail", found, allowed).into());
        }
        let mut found = read::read(file, places)?;
        // A file without a column of symbols has that of its name, which is no fault.
        if let ([one], [only]) = (&mut found[..], all) {
            one.symbol.clone_from(&only.symbol);
        }
        // Where a data set says nothing of the zone, its bars have their times as the others have.
        let clock = Sessions::read(section, stored::timezone(file, places)?.as_deref())?;
        let mut matches = 0;
        for mut series in found {
            let Some(place) = all.iter().position(|one| one.symbol == series.symbol) else {
                continue;
            };
            let whole = &all[place];
            // Strategies see the bars of the data only.
            series.signals.clear();
            let begins = |coarser: &Series| begins(coarser, &series, &clock);
            let (starts, end) = begins(whole);
            let refined = finer[place].last().map(|finer| begins(finer.series()).0);
            let coarser = refined.as_ref().unwrap_or(&starts);
            if series.len() > 1
                && series.dates.iter().all(|date| coarser.binary_search(date).is_ok())
            {
                let found = format!(
                    "{file:?}, whose bars of {} all begin where bars begin that they are to refine",
                    series.symbol
                );
                return Err(section.error("detail", found, "bars that are finer").into());
            }
            series.cut_off(end);
            adjust_as(&mut series, whole, &starts);
            check(section, file, &series, whole, &starts)?;
            if finer[place].len() == depth {
                finer[place].push(Finer::new(series, &refined.unwrap_or(starts)));
            }
            matches += 1;
        }
        if matches == 0 {
            let names: Vec<&str> = all.iter().map(|series| series.symbol.as_str()).collect();
            let allowed = format!("files with finer bars of {}", names.join(", "));
            let found = format!("{file:?}, which has bars of no symbol here");
            return Err(section.error("detail", found, allowed).into());
        }
    }
    Ok(finer)
}

/// When bars begin in the times of finer ones, and when the last of them is over, as far as the bars
/// tell. Bars of days begin at midnight by the clock of the exchange.
fn begins(coarser: &Series, finer: &Series, clock: &Sessions) -> (Vec<Date>, Option<Date>) {
    let of_days = |series: &Series| are_of_days(std::slice::from_ref(series));
    let is_converted = of_days(coarser) && !of_days(finer);
    let begin = |date: Date| if is_converted { clock.in_utc(date) } else { date };
    let last =
        coarser.dates.last().zip(shortest(coarser)).map(|(last, length)| last.later_by(length));
    let end = coarser.next.or(last);
    (coarser.dates.iter().map(|date| begin(*date)).collect(), end.map(begin))
}

/// The shortest way in seconds from one bar to the next.
fn shortest(series: &Series) -> Option<i64> {
    lengths(&series.dates).last().filter(|_| series.len() > 1)
}

/// The finer bars that belong to a bar: those from its beginning up to that of the next.
fn within(series: &Series, starts: &[Date], bar: usize) -> std::ops::Range<usize> {
    let first = |date: Date| series.dates.partition_point(|finer| *finer < date);
    first(starts[bar])..starts.get(bar + 1).map_or(series.len(), |next| first(*next))
}

/// Adjusts finer bars where those that they refine are adjusted: by their own adjusted closes, or
/// without any as their bars.
fn adjust_as(series: &mut Series, whole: &Series, starts: &[Date]) {
    if whole.raw_closes.is_empty() {
        return;
    }
    if !series.adjusted.is_empty() {
        series.adjust();
        return;
    }
    for bar in 0..whole.len() {
        let (adjusted, close) = (whole.price(Price::Close)[bar], whole.raw_closes[bar]);
        for finer in within(series, starts, bar) {
            series.scale(finer, adjusted, close);
        }
    }
}

/// Refuses finer bars none of which comes near the bar that they are to refine.
fn check(
    section: &Section<'_>,
    file: &str,
    series: &Series,
    whole: &Series,
    starts: &[Date],
) -> Result<(), TemplateError> {
    for bar in 0..whole.len() {
        let (low, high) = (whole.price(Price::Low)[bar], whole.price(Price::High)[bar]);
        let (lows, highs) = (series.price(Price::Low), series.price(Price::High));
        let is_far = |finer: usize| {
            lows[finer] > high * (1.0 + TOLERANCE) || highs[finer] < low / (1.0 + TOLERANCE)
        };
        let mut within = within(series, starts, bar);
        let first = within.start;
        if !within.is_empty() && within.all(is_far) {
            let Series { symbol, dates, .. } = whole;
            let found = format!(
                "{file:?}, whose bar of {symbol} at {} goes from {} to {}, and the bar of the data \
                 at {}, to which it belongs, from {low} to {high}",
                series.dates[first], lows[first], highs[first], dates[bar],
            );
            let allowed = format!(
                "finer bars of the same symbol, adjusted alike and with times in the same zone: at \
                 most {} % beyond their bar, unless others in it are not",
                TOLERANCE * 100.0
            );
            return Err(section.error("detail", found, allowed));
        }
    }
    Ok(())
}
