//! Bars as columns, and what no bar may be.

use crate::backtest::Date;

/// The columns that all bars have, in their order.
pub const PRICES: [&str; 4] = ["open", "high", "low", "close"];

/// The name of the column of volumes.
pub const VOLUME: &str = "volume";

/// The name of the column of closes that are adjusted for splits and dividends.
pub const ADJUSTED: &str = "adj_close";

/// By how much, as a fraction, an open or close may lie outside of its bar: adjusted and converted
/// prices are rounded.
const ROUNDING: f64 = 1e-6;

/// The bars of one symbol, oldest first; all columns are of the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// The symbol.
    pub symbol: String,
    /// When each bar opens, in microseconds since 1970-01-01T00:00:00 UTC.
    pub times: Vec<i64>,
    /// Those of [`PRICES`] first, then [`VOLUME`] and [`ADJUSTED`] where there are any, then all
    /// others. What is missing is NaN.
    pub columns: Vec<Column>,
}

/// A column with its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Lower-case letters, digits and `_`.
    pub name: String,
    /// One value per bar.
    pub values: Vec<f64>,
}

impl Bars {
    /// The values of a column, if there is one of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.map(|column| &column.values[..])
    }

    /// Open, high, low and close of a bar.
    #[must_use]
    pub fn prices(&self, bar: usize) -> [f64; 4] {
        std::array::from_fn(|column| self.columns[column].values[bar])
    }
}

/// The hash of everything that bars are, in hexadecimal. It depends on their values alone, and not
/// on how a file holds them.
#[must_use]
pub fn content_hash(all: &[Bars]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("optimize: bars of a data set, v1");
    let text = |hasher: &mut blake3::Hasher, text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    // In pieces, because a hasher that is fed eight bytes at a time is ten times slower.
    let words = |hasher: &mut blake3::Hasher, words: &mut dyn Iterator<Item = u64>| {
        let mut piece = Vec::with_capacity(1 << 16);
        for word in words {
            piece.extend_from_slice(&word.to_le_bytes());
            if piece.len() == 1 << 16 {
                hasher.update(&piece);
                piece.clear();
            }
        }
        hasher.update(&piece);
    };
    for bars in all {
        text(&mut hasher, &bars.symbol);
        hasher.update(&(bars.times.len() as u64).to_le_bytes());
        words(&mut hasher, &mut bars.times.iter().map(|time| time.cast_unsigned()));
        hasher.update(&(bars.columns.len() as u64).to_le_bytes());
        for column in &bars.columns {
            text(&mut hasher, &column.name);
            // There are many values that are none, and they are all the same.
            let bits = |value: &f64| if value.is_nan() { f64::NAN } else { *value }.to_bits();
            words(&mut hasher, &mut column.values.iter().map(bits));
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// What no bar may be: the column at fault, what was found there and what is allowed.
#[must_use]
pub fn bar_fault(prices: [f64; 4]) -> Option<(&'static str, String, &'static str)> {
    let [_, high, low, _] = prices;
    for (name, price) in PRICES.into_iter().zip(prices) {
        if !(price.is_finite() && price > 0.0) {
            let found = if price.is_nan() { "no number".to_owned() } else { price.to_string() };
            return Some((name, found, "a number above zero"));
        }
    }
    if high < low {
        let found = format!("{high} below the low {low}");
        return Some(("high", found, "a high that is at least the low"));
    }
    for column in [0, 3] {
        let price = prices[column];
        let found = if price > high * (1.0 + ROUNDING) {
            format!("{price} above the high {high}")
        } else if price < low * (1.0 - ROUNDING) {
            format!("{price} below the low {low}")
        } else {
            continue;
        };
        return Some((PRICES[column], found, "a price from the low to the high"));
    }
    None
}

/// A time as people read it: `2020-01-02`, with `T09:30:00` where it is not midnight.
#[must_use]
pub fn time_text(microseconds: i64) -> String {
    Date::from_microseconds(microseconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> Bars {
        let columns =
            PRICES.iter().map(|name| Column { name: (*name).to_owned(), values: values.to_vec() });
        let times = (0_i64..).take(values.len()).collect();
        Bars { symbol: "A".to_owned(), times, columns: columns.collect() }
    }

    #[test]
    fn the_hash_is_of_values_symbols_and_names() {
        let hash = |bars: &Bars| content_hash(std::slice::from_ref(bars));
        let first = bars(&[1.0, 2.0]);
        let mut others =
            vec![bars(&[1.0, 2.5]), bars(&[1.0]), Bars { times: vec![0, 2], ..first.clone() }];
        others.push(Bars { symbol: "B".to_owned(), ..first.clone() });
        let mut renamed = first.clone();
        renamed.columns[3].name = "last".to_owned();
        others.push(renamed);
        for other in &others {
            assert_ne!(hash(&first), hash(other), "{other:?}");
        }
        let other_nan = f64::from_bits(f64::NAN.to_bits() | 1);
        assert_eq!(hash(&bars(&[f64::NAN])), hash(&bars(&[other_nan])));
        assert_eq!(hash(&first), hash(&first.clone()));
    }

    #[test]
    fn faults_of_bars() {
        assert_eq!(bar_fault([1.0, 2.0, 0.5, 1.5]), None);
        assert_eq!(bar_fault([2.000001, 2.0, 1.0, 0.9999995]), None, "rounded");
        for (prices, column, found) in [
            ([0.0, 2.0, 1.0, 1.0], "open", "0"),
            ([1.0, f64::INFINITY, 1.0, 1.0], "high", "inf"),
            ([1.0, 2.0, f64::NAN, 1.0], "low", "no number"),
            ([1.0, 1.0, 2.0, 1.0], "high", "1 below the low 2"),
            ([2.1, 2.0, 1.0, 1.0], "open", "2.1 above the high 2"),
            ([1.0, 2.0, 1.0, 0.9], "close", "0.9 below the low 1"),
        ] {
            let fault = bar_fault(prices).expect(found);
            assert_eq!((fault.0, fault.1.as_str()), (column, found));
        }
    }
}
