//! Bars of a data set as the series of a backtest.

use std::path::Path;

use search_spaces::nearest;

use super::data::{DataError, Price, Series, Signal};
use super::date::Date;
use super::read::BUILT_IN;
use crate::open::Places;
use crate::sets::{ADJUSTED, Bars, DataFolder, PRICES, VOLUME, bar_fault};

/// The folder of data sets, where `data` is the name of one of them.
pub(super) fn folder_of(data: &str, places: Places<'_>) -> Option<DataFolder> {
    let folder = places.data.map(DataFolder::new)?;
    (data != BUILT_IN && folder.has(data)).then_some(folder)
}

/// What to say of a name that is neither of a data set nor of a file: what was found, and what is
/// allowed. None for a path, of which the file system knows more.
pub(super) fn unknown(data: &str, places: Places<'_>) -> Option<(String, String)> {
    let is_known = data == BUILT_IN || folder_of(data, places).is_some();
    if is_known || !is_plain(data) || places.folder.join(data).exists() {
        return None;
    }
    let mut names = places.data.map_or_else(Vec::new, |data| DataFolder::new(data).names());
    let meant = match nearest(data, names.iter().map(String::as_str).chain([BUILT_IN])) {
        Some(near) => format!(" (did you mean \"{near}\"?)"),
        None => String::new(),
    };
    names.insert(0, BUILT_IN.to_owned());
    let known: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let place = places.data.map_or_else(String::new, |data| format!(" in {}", data.display()));
    let allowed = format!(
        "{}, another data set{place} that `optimize data import` makes, or the path of a CSV file \
         from the template's folder",
        known.join(", ")
    );
    Some((format!("\"{data}\", which is no data set and no file{meant}"), allowed))
}

/// Whether a text looks more like a name than like a path.
fn is_plain(data: &str) -> bool {
    Path::new(data).extension().is_none() && !data.contains(['/', std::path::MAIN_SEPARATOR])
}

/// Reads a data set, each bar of which has to be one that can be traded.
pub(super) fn read(folder: &DataFolder, name: &str) -> Result<Vec<Series>, DataError> {
    let (_, all) = folder.read(name)?;
    all.into_iter().map(|bars| series(bars, name)).collect()
}

/// The time zone of the exchange of a data set; none for data that are no data set.
pub(super) fn timezone(data: &str, places: Places<'_>) -> Result<Option<String>, DataError> {
    let Some(folder) = folder_of(data, places) else { return Ok(None) };
    Ok(Some(folder.manifest(data)?.timezone))
}

fn series(bars: Bars, name: &str) -> Result<Series, DataError> {
    let dates: Vec<Date> = bars.times.iter().map(|time| Date::from_microseconds(*time)).collect();
    let fault = |bar: usize, column: &str, found: &str, allowed: &str| {
        let found = format!("{found} at {} of {}", dates[bar], bars.symbol);
        let allowed = format!("{allowed} (`optimize data check {name}` lists all faults)");
        Err(DataError::new(&format!("data set {name}"), None, column, &found, &allowed))
    };
    if let Some(bar) = (1..dates.len()).find(|bar| dates[bar - 1] >= dates[*bar]) {
        return fault(bar, "time", "a second bar", "each time once for a symbol");
    }
    let volume = bars.column(VOLUME);
    let adjusted = bars.column(ADJUSTED);
    for bar in 0..dates.len() {
        if let Some((column, found, allowed)) = bar_fault(bars.prices(bar)) {
            return fault(bar, column, &found, allowed);
        }
        let checked = [
            (VOLUME, volume, "a number from 0 on", 0.0),
            (ADJUSTED, adjusted, "a number above zero", f64::MIN_POSITIVE),
        ];
        for (column, values, allowed, least) in checked {
            let Some(value) = values.map(|values| values[bar]) else { continue };
            if !(value.is_finite() && value >= least) {
                return fault(bar, column, &value.to_string(), allowed);
            }
        }
    }
    let adjusted = adjusted.map_or_else(Vec::new, <[f64]>::to_vec);
    let mut columns: [Vec<f64>; 5] = Default::default();
    let missing = vec![f64::NAN; if volume.is_some() { 0 } else { dates.len() }];
    columns[Price::Volume as usize] = volume.map_or(missing, <[f64]>::to_vec);
    let mut signals: Vec<Signal> = Vec::new();
    for (place, column) in bars.columns.into_iter().enumerate() {
        if place < PRICES.len() {
            columns[place] = column.values;
        } else if column.name != VOLUME && column.name != ADJUSTED {
            signals.push(Signal { name: column.name, values: column.values, fault: None });
        }
    }
    Ok(Series { symbol: bars.symbol, dates, columns, adjusted, signals, ..Series::default() })
}
