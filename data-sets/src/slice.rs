//! A data set made of a part of another.

use search_spaces::nearest;
use simulators::{Bars, DataError, DataFolder, Date, Origin, time_text};

use crate::error::SetError;
use crate::resample::resample;
use crate::store::{Made, Saved, save, staging};
use crate::timeframe::Timeframe;
use crate::times::is_midnight;
use crate::zone::Zone;

/// Which part of a data set, and how long its bars are to be.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// The first time.
    pub from: Option<Date>,
    /// The last time; a day means the whole day.
    pub to: Option<Date>,
    /// The symbols; all where none is named.
    pub symbols: Vec<String>,
    /// The timeframe, if not that of the data.
    pub timeframe: Option<Timeframe>,
    /// Whether a data set of the name may be replaced.
    pub replace: bool,
}

/// Makes the data set `name` of a part of `source`.
///
/// # Errors
/// There is no such data set or part, a data set of the name has other bars, or the folder cannot
/// be written.
pub fn slice(
    folder: &DataFolder,
    source: &str,
    name: &str,
    wanted: &Slice,
) -> Result<(Saved, Vec<Bars>), SetError> {
    let (manifest, mut all) = folder.read(source)?;
    let zone = Zone::parse(&manifest.timezone)?;
    let of_source = Timeframe::parse(&manifest.timeframe).unwrap_or(Timeframe::Irregular);
    let mut made = Vec::new();
    if !wanted.symbols.is_empty() {
        all = chosen(all, &wanted.symbols)?;
        made.push(format!("symbols {}", wanted.symbols.join(", ")));
    }
    let bound = |date: Option<Date>| date.and_then(Date::microseconds);
    let (from, to) = (bound(wanted.from), bound(wanted.to));
    let end = to.map(|to| if is_midnight(to) { to + crate::timeframe::DAY - 1 } else { to });
    for bars in &mut all {
        cut(bars, from, end);
    }
    all.retain(|bars| !bars.times.is_empty());
    if let Some(from) = from {
        made.push(format!("from {}", time_text(from)));
    }
    if let Some(to) = to {
        made.push(format!("to {}", time_text(to)));
    }
    if all.is_empty() {
        let found = format!("no bars {}", made.join(" "));
        let allowed = format!("dates from {} to {}", manifest.first, manifest.last);
        let file = format!("data set {source}");
        return Err(DataError::new(&file, None, "", &found, &allowed).into());
    }
    let mut timeframe = of_source;
    if let Some(to) = wanted.timeframe.filter(|to| *to != of_source) {
        all = resample(&all, of_source, to, &zone)?;
        timeframe = to;
        made.push(format!("timeframe {to}"));
    }
    let made = Made {
        timeframe,
        zone,
        sources: Vec::new(),
        origin: Some(Origin {
            name: source.to_owned(),
            content: manifest.content,
            made: made.join(", "),
        }),
        repeated: 0,
        out_of_order: 0,
    };
    let staging = staging(folder)?;
    let saved = save(folder, &staging, name, &all, made, wanted.replace)?;
    Ok((saved, all))
}

/// The wanted symbols, in the order in which they are wanted.
fn chosen(mut all: Vec<Bars>, wanted: &[String]) -> Result<Vec<Bars>, SetError> {
    let names: Vec<String> = all.iter().map(|bars| bars.symbol.clone()).collect();
    let mut chosen = Vec::new();
    for symbol in wanted {
        let Some(place) = all.iter().position(|bars| bars.symbol == *symbol) else {
            let what = match nearest(symbol, names.iter().map(String::as_str)) {
                Some(near) if near == symbol => " a second time".to_owned(),
                Some(near) => format!(" (did you mean {near}?)"),
                None => String::new(),
            };
            let allowed = format!("different symbols of {}", names.join(", "));
            return Err(SetError::asked("--symbols", format!("{symbol}{what}"), allowed));
        };
        chosen.push(all.remove(place));
    }
    Ok(chosen)
}

fn cut(bars: &mut Bars, from: Option<i64>, end: Option<i64>) {
    let place = |bound: i64, is_end: bool| {
        bars.times.partition_point(|time| if is_end { *time <= bound } else { *time < bound })
    };
    let start = from.map_or(0, |from| place(from, false));
    let end = end.map_or(bars.times.len(), |end| place(end, true)).max(start);
    bars.times = bars.times[start..end].to_vec();
    for column in &mut bars.columns {
        column.values = column.values[start..end].to_vec();
    }
}
