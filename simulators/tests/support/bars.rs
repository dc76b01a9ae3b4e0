//! Backtests on bars that a test writes down.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use simulators::Backtest;

use super::{backtest_in, backtest_text};

/// Files of bars, the main one called p.csv. Its volume counts the bars, so that a rule can name
/// the bars at which it holds.
pub(crate) struct Bars {
    files: Vec<(String, String)>,
}

const HEADER: &str = "Date,Open,High,Low,Close,Volume\n";

fn line(date: &str, [open, high, low, close]: [f64; 4], volume: usize) -> String {
    format!("{date},{open:?},{high:?},{low:?},{close:?},{volume}\n")
}

fn date(bar: usize) -> String {
    format!("2020-{:02}-{:02}", bar / 28 + 1, bar % 28 + 1)
}

impl Bars {
    /// Daily bars of one symbol: open, high, low, close.
    pub(crate) fn new(bars: &[[f64; 4]]) -> Self {
        let lines = bars.iter().enumerate().map(|(bar, prices)| line(&date(bar), *prices, bar));
        let text = format!("{HEADER}{}", lines.collect::<String>());
        Self { files: vec![("p.csv".to_owned(), text)] }
    }

    /// Bars that are given as lines of the file.
    pub(crate) fn of_text(lines: &str) -> Self {
        Self { files: vec![("p.csv".to_owned(), format!("{HEADER}{lines}"))] }
    }

    /// Daily bars of several symbols, each beginning at its own bar.
    pub(crate) fn of_symbols(all: &[(&str, usize, &[[f64; 4]])]) -> Self {
        let mut text = String::from("Date,Open,High,Low,Close,Volume,Ticker\n");
        for (symbol, first, bars) in all {
            for (place, prices) in bars.iter().enumerate() {
                let date = date(first + place);
                text += &line(&date, *prices, place).replace('\n', &format!(",{symbol}\n"));
            }
        }
        Self { files: vec![("p.csv".to_owned(), text)] }
    }

    /// The same bars with other volumes.
    pub(crate) fn with_volume(mut self, volumes: &[u32]) -> Self {
        let lines: Vec<&str> = self.files[0].1.lines().skip(1).collect();
        let changed = lines.iter().zip(volumes).map(|(line, volume)| {
            let (rest, _) = line.rsplit_once(',').expect("a volume");
            format!("{rest},{volume}\n")
        });
        self.files[0].1 = format!("{HEADER}{}", changed.collect::<String>());
        self
    }

    /// A file of finer bars within one of the daily bars; other days have one bar at midnight.
    pub(crate) fn detail(&mut self, file: &str, day: usize, bars: &[(&str, [f64; 4])]) {
        let mut text = String::from(HEADER);
        text += &line(&date(day - 1), [100.0, 101.0, 99.0, 100.0], 0);
        for (time, prices) in bars {
            text += &line(&format!("{} {time}", date(day)), *prices, 0);
        }
        self.files.retain(|(name, _)| name != file);
        self.files.push((file.to_owned(), text));
    }
}

/// Opens a backtest on the bars, with one parameter n.
pub(crate) fn on_bars(bars: &Bars, settings: &str, rules: &str) -> Backtest {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("simulators-bars-{}-{count}", std::process::id());
    let folder: PathBuf = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    for (file, text) in &bars.files {
        std::fs::write(folder.join(file), text).expect("a temporary file");
    }
    let space = "n = { int = [1, 9] }";
    let text = backtest_text(space, &format!("data = 'p.csv'\n{settings}"), rules);
    let (backtest, _) = backtest_in(&text, &folder);
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    backtest
}
