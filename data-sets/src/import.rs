//! From files to a data set.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use simulators::{Bars, Column, DataError, DataFolder, PRICES, Source};

use crate::columns::Role;
use crate::duck::database;
use crate::error::SetError;
use crate::rows::Rows;
use crate::store::{Made, Saved, save, staging};
use crate::timeframe::Timeframe;
use crate::times::is_midnight;
use crate::zone::Zone;

/// What is to be imported, and how.
#[derive(Clone, Debug)]
pub struct Import {
    /// The files, which together are one data set.
    pub files: Vec<PathBuf>,
    /// The symbol of all bars, where the files do not name it; the name of the file otherwise.
    pub symbol: Option<String>,
    /// The time from one bar to the next; what most bars are apart otherwise.
    pub timeframe: Option<Timeframe>,
    /// The zone of times that do not say theirs.
    pub zone: Zone,
    /// The name of the data set; symbol and timeframe otherwise.
    pub name: Option<String>,
    /// Columns of unusual names.
    pub columns: Vec<(Role, String)>,
    /// Whether a data set of the name may be replaced.
    pub replace: bool,
}

/// What has been imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The data set.
    pub saved: Saved,
    /// Its bars.
    pub bars: Vec<Bars>,
    /// The columns that hold no numbers, which are not part of it.
    pub left_out: Vec<String>,
    /// Whether the zone that was given has decided when bars are.
    pub has_times_without_zone: bool,
}

/// Imports files into a folder of data sets.
///
/// # Errors
/// A file cannot be read or makes no sense, a data set of the name has other bars, or the folder
/// cannot be written. Nothing has changed then.
pub fn import(folder: &DataFolder, wanted: &Import) -> Result<Imported, SetError> {
    let staging = staging(folder)?;
    let connection = database(staging.path())?;
    let (mut sources, mut left_out) = (Vec::new(), Vec::new());
    let mut gathered = Gathered::default();
    for path in &wanted.files {
        let rows = Rows::read(&connection, path, &wanted.columns)?;
        sources.push(source(path, rows.times.len() as u64)?);
        left_out.extend(rows.left_out.iter().cloned());
        gathered.add(rows, path, wanted.symbol.as_deref())?;
    }
    drop(connection);
    left_out.sort();
    left_out.dedup();
    let timeframe = wanted.timeframe.unwrap_or_else(|| gathered.timeframe());
    let has_times_without_zone = !timeframe.is_daily() && gathered.has_times_without_zone();
    let (bars, repeated, out_of_order) = gathered.bars(timeframe, &wanted.zone)?;
    let made = Made {
        timeframe,
        zone: wanted.zone.clone(),
        sources,
        origin: None,
        repeated,
        out_of_order,
    };
    let name = match &wanted.name {
        Some(name) => name.clone(),
        None => usual_name(&bars, timeframe, &wanted.files[0]),
    };
    let saved = save(folder, &staging, &name, &bars, made, wanted.replace)?;
    Ok(Imported { saved, bars, left_out, has_times_without_zone })
}

/// A file as the manifest has it.
fn source(path: &Path, rows: u64) -> Result<Source, SetError> {
    let unreadable = |error| SetError::io("read", path, error);
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hasher).map_err(unreadable)?;
    let hash = hasher.finalize().to_hex().to_string();
    Ok(Source { file: path.display().to_string(), bytes, hash, rows })
}

/// The symbol and the timeframe; of several symbols the name of the file.
fn usual_name(bars: &[Bars], timeframe: Timeframe, file: &Path) -> String {
    let stem = stem(file);
    let of = match bars {
        [one] => one.symbol.as_str(),
        _ => &stem,
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = format!("{of}-{timeframe}").chars().map(plain).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-").chars().take(64).collect()
}

/// The name of a file up to its first point.
fn stem(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// The rows of one symbol in one file, oldest first.
struct Part {
    file: String,
    walls: Vec<i64>,
    instants: Vec<Option<i64>>,
    columns: Vec<Column>,
}

/// The rows of all files by symbol, in the order in which the symbols first appear.
#[derive(Default)]
struct Gathered {
    symbols: Vec<(String, Vec<Part>)>,
}

impl Gathered {
    fn add(&mut self, mut rows: Rows, path: &Path, symbol: Option<&str>) -> Result<(), SetError> {
        if let (Some((names, _)), Some(symbol)) = (&rows.symbols, symbol)
            && (names.len() > 1 || names[0] != symbol)
        {
            let found = format!("\"{symbol}\" for a file with bars of {}", names.join(", "));
            let allowed = "no --symbol for a file that names its own";
            return Err(SetError::asked("--symbol", found, allowed));
        }
        let file = rows.table.file;
        let stem = stem(path);
        let (names, of_row) = rows.symbols.unwrap_or_else(|| {
            (vec![symbol.unwrap_or(&stem).to_owned()], vec![0; rows.times.len()])
        });
        let is_one = names.len() == 1;
        let mut places = vec![Vec::new(); names.len()];
        for (row, symbol) in of_row.iter().enumerate() {
            places[*symbol as usize].push(row);
        }
        for (name, mut places) in names.into_iter().zip(places) {
            // Many sources give the newest row first, which is no disorder.
            let is_reversed =
                rows.times[places[0]].wall > rows.times[places[places.len() - 1]].wall;
            if is_reversed {
                places.reverse();
            }
            let chosen = |column: &Column| Column {
                name: column.name.clone(),
                values: places.iter().map(|row| column.values[*row]).collect(),
            };
            let part = Part {
                file: file.clone(),
                walls: places.iter().map(|row| rows.times[*row].wall).collect(),
                instants: places.iter().map(|row| rows.times[*row].instant).collect(),
                columns: match is_one && !is_reversed {
                    // Large files mostly are of one symbol, and need not be there twice.
                    true => std::mem::take(&mut rows.columns),
                    false => rows.columns.iter().map(chosen).collect(),
                },
            };
            match self.symbols.iter_mut().find(|(known, _)| *known == name) {
                Some((_, parts)) => parts.push(part),
                None => self.symbols.push((name, vec![part])),
            }
        }
        Ok(())
    }

    /// The time that most bars are apart.
    fn timeframe(&self) -> Timeframe {
        let parts = self.symbols.iter().flat_map(|(_, parts)| parts);
        let walls: Vec<&[i64]> = parts.map(|part| &part.walls[..]).collect();
        Timeframe::of(&walls)
    }

    fn has_times_without_zone(&self) -> bool {
        let mut parts = self.symbols.iter().flat_map(|(_, parts)| parts);
        parts.any(|part| part.instants.iter().any(Option::is_none))
    }

    /// The names of all columns: the prices, volume, adjusted close, then all others by name.
    fn columns(&self) -> Vec<String> {
        let parts = self.symbols.iter().flat_map(|(_, parts)| parts);
        let mut names: BTreeSet<(usize, &str)> = BTreeSet::new();
        for column in parts.flat_map(|part| &part.columns) {
            let known = PRICES.iter().chain([&simulators::VOLUME, &simulators::ADJUSTED]);
            let rank = known.clone().position(|known| *known == column.name);
            names.insert((rank.unwrap_or(usize::MAX), &column.name));
        }
        names.into_iter().map(|(_, name)| name.to_owned()).collect()
    }

    /// The bars of all symbols, how many rows were there more than once, and how many were out of
    /// order.
    fn bars(self, timeframe: Timeframe, zone: &Zone) -> Result<(Vec<Bars>, u64, u64), SetError> {
        let names = self.columns();
        let (mut all, mut repeated, mut out_of_order) = (Vec::new(), 0, 0);
        for (symbol, parts) in self.symbols {
            let mut bars = Bars { symbol, times: Vec::new(), columns: Vec::new() };
            bars.columns
                .extend(names.iter().map(|name| Column { name: name.clone(), values: Vec::new() }));
            for mut part in parts {
                for row in 0..part.walls.len() {
                    let previous = bars.times.last().copied();
                    bars.times.push(part.time(row, timeframe, zone, previous)?);
                }
                for column in &mut bars.columns {
                    let own = part.columns.iter_mut().find(|own| own.name == column.name);
                    match own {
                        Some(own) if column.values.is_empty() => {
                            column.values = std::mem::take(&mut own.values);
                        }
                        Some(own) => column.values.append(&mut own.values),
                        None => column.values.resize(bars.times.len(), f64::NAN),
                    }
                }
            }
            out_of_order += bars.times.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
            repeated += in_order(&mut bars);
            all.push(bars);
        }
        Ok((all, repeated, out_of_order))
    }
}

impl Part {
    /// When a bar opens, in UTC; for bars of days the day.
    fn time(
        &self,
        row: usize,
        timeframe: Timeframe,
        zone: &Zone,
        previous: Option<i64>,
    ) -> Result<i64, SetError> {
        let (wall, instant) = (self.walls[row], self.instants[row]);
        if timeframe.is_daily() {
            // The day is that of the clock that the file shows, or of the exchange.
            let of_exchange = instant.map(|instant| zone.wall(instant));
            let days = [Some(wall), of_exchange].into_iter().flatten();
            if let Some(day) = days.into_iter().find(|wall| is_midnight(*wall)) {
                return Ok(day);
            }
        }
        let found = instant.or_else(|| zone.instant(wall, previous));
        found.ok_or_else(|| {
            let time = simulators::time_text(wall);
            let found = format!("{time}, which the clocks of {} have skipped", zone.name());
            let allowed = "times that there are, or another --timezone";
            DataError::new(&self.file, None, "time", &found, allowed).into()
        })
    }
}

/// Puts the bars of a symbol into the order of time and drops those that are there already with
/// the same values; returns how many.
fn in_order(bars: &mut Bars) -> u64 {
    let count = bars.times.len();
    if bars.times.is_sorted_by(|a, b| a < b) {
        return 0;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|row| bars.times[*row]);
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let equal = |a: usize, b: usize| {
        let columns = &bars.columns;
        bars.times[a] == bars.times[b]
            && columns.iter().all(|column| same(column.values[a], column.values[b]))
    };
    // Rows of one time follow each other, but equal ones among them need not.
    let mut kept: Vec<usize> = Vec::with_capacity(count);
    for row in order {
        let of_time = kept.iter().rev().take_while(|other| bars.times[**other] == bars.times[row]);
        if !of_time.into_iter().any(|other| equal(*other, row)) {
            kept.push(row);
        }
    }
    let is_unchanged = kept.len() == count && kept.is_sorted();
    if !is_unchanged {
        bars.times = kept.iter().map(|row| bars.times[*row]).collect();
        for column in &mut bars.columns {
            column.values = kept.iter().map(|row| column.values[*row]).collect();
        }
    }
    (count - bars.times.len()) as u64
}
