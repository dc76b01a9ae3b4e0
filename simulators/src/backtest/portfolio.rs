//! Several symbols: the cash is split equally at the start into independent sub-accounts, each of
//! which trades its own symbol on its own bars. The portfolio's equity is their sum on the union
//! of their dates, where an account without a bar keeps its last equity.

use super::data::{Price, Series};
use super::date::Date;

/// The union of the dates of several series, and where each series is at each date.
pub(super) struct Calendar {
    pub dates: Vec<Date>,
    /// For each series and date, the number of its bars up to that date.
    places: Vec<Vec<u32>>,
    /// For each of several series, the number of the date of each of its bars.
    numbers: Vec<Vec<u32>>,
}

impl Calendar {
    pub(super) fn new(all: &[Series]) -> Self {
        if let [one] = all {
            return Self { dates: one.dates.clone(), places: Vec::new(), numbers: Vec::new() };
        }
        let mut dates: Vec<Date> = all.iter().flat_map(|series| &series.dates).copied().collect();
        dates.sort_unstable();
        dates.dedup();
        let places = |series: &Series| {
            let mut bars = 0;
            let place = |date: &Date| {
                bars += u32::from(series.dates.get(bars as usize) == Some(date));
                bars
            };
            dates.iter().map(place).collect()
        };
        let places: Vec<Vec<u32>> = all.iter().map(places).collect();
        let number = |place: &Vec<u32>| {
            let dates = (0_u32..).zip(place.windows(2)).filter(|(_, pair)| pair[1] > pair[0]);
            let first = (place[0] > 0).then_some(0);
            first.into_iter().chain(dates.map(|(date, _)| date + 1)).collect()
        };
        let numbers = places.iter().map(number).collect();
        Self { dates, places, numbers }
    }

    /// The bar that a series, one of several, has at a date.
    pub(super) fn bar_at(&self, series: usize, date: usize) -> Option<usize> {
        let places = &self.places[series];
        let before = if date == 0 { 0 } else { places[date - 1] };
        (places[date] > before).then_some(before as usize)
    }

    /// The number of the date of a bar of one of several series; none where there is no such bar.
    pub(super) fn date_of(&self, series: usize, bar: usize) -> Option<usize> {
        self.numbers[series].get(bar).map(|date| *date as usize)
    }

    /// How many bars a series has among the first `dates` dates, of which there is at least one.
    pub(super) fn bars(&self, series: usize, dates: usize) -> usize {
        match self.places.get(series) {
            None => dates,
            Some(places) => places[dates - 1] as usize,
        }
    }

    /// Adds the values of one series to `total` at the dates from `from` on. `values` begin with
    /// the bar `start`, and `before` stands for the dates before the first bar.
    pub(super) fn add(
        &self,
        series: usize,
        start: usize,
        values: &[f64],
        before: f64,
        from: usize,
        total: &mut [f64],
    ) {
        for (total, bars) in total.iter_mut().zip(&self.places[series]).skip(from) {
            *total += match *bars {
                0 => before,
                bars => values[bars as usize - 1 - start],
            };
        }
    }

    /// What the market did: the close of one symbol, or the worth of equal amounts of cash put
    /// into each of several at its first close.
    pub(super) fn market(&self, all: &[Series]) -> Vec<f64> {
        if let [one] = all {
            return one.price(Price::Close).to_vec();
        }
        let mut total = vec![0.0; self.dates.len()];
        for (index, series) in all.iter().enumerate() {
            let close = series.price(Price::Close);
            let growth: Vec<f64> = close.iter().map(|price| price / close[0]).collect();
            self.add(index, 0, &growth, 1.0, 0, &mut total);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(days: &[&str], close: &[f64]) -> Series {
        let mut series = Series {
            dates: days.iter().map(|day| Date::parse(day).expect(day)).collect(),
            ..Series::default()
        };
        series.columns.iter_mut().for_each(|column| *column = close.to_vec());
        series
    }

    #[test]
    fn a_series_keeps_its_last_value_where_it_has_no_bar() {
        let all = [
            series(&["2020-01-01", "2020-01-03"], &[10.0, 20.0]),
            series(&["2020-01-02", "2020-01-03", "2020-01-04"], &[4.0, 6.0, 8.0]),
        ];
        let calendar = Calendar::new(&all);
        assert_eq!(calendar.dates.len(), 4);
        let bars = |series: usize| [0, 1, 2, 3].map(|date| calendar.bar_at(series, date));
        assert_eq!(bars(0), [Some(0), None, Some(1), None]);
        assert_eq!(bars(1), [None, Some(0), Some(1), Some(2)]);
        let dates = |series: usize| [0, 1, 2, 3].map(|bar| calendar.date_of(series, bar));
        assert_eq!(dates(0), [Some(0), Some(2), None, None]);
        assert_eq!(dates(1), [Some(1), Some(2), Some(3), None]);
        let mut total = vec![0.0; 4];
        calendar.add(0, 0, &[1.0, 2.0], 9.0, 0, &mut total);
        calendar.add(1, 0, &[10.0, 20.0, 30.0], 5.0, 0, &mut total);
        assert_eq!(total, [6.0, 11.0, 22.0, 32.0]);
        assert_eq!(calendar.market(&all), [2.0, 2.0, 3.5, 4.0]);
    }
}
