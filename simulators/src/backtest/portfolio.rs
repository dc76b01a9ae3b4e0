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
}

impl Calendar {
    pub(super) fn new(all: &[Series]) -> Self {
        if let [one] = all {
            let (dates, places) = (one.dates.clone(), Vec::new());
            return Self { dates, places };
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
        let places = all.iter().map(places).collect();
        Self { dates, places }
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
        let mut total = vec![0.0; 4];
        calendar.add(0, 0, &[1.0, 2.0], 9.0, 0, &mut total);
        calendar.add(1, 0, &[10.0, 20.0, 30.0], 5.0, 0, &mut total);
        assert_eq!(total, [6.0, 11.0, 22.0, 32.0]);
        assert_eq!(calendar.market(&all), [2.0, 2.0, 3.5, 4.0]);
    }
}
