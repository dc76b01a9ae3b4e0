//! Files as people have them, imported and read back.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use data_sets::{Calendar, Import, Imported, Kind, Role, SetError, Slice, Timeframe, Zone};
use data_sets::{check, import, slice};
use simulators::{Bars, DataFolder, time_text};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sets(&self) -> DataFolder {
        DataFolder::new(&self.path("data"))
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("writable");
        path
    }

    fn import(
        &self,
        files: &[PathBuf],
        change: impl FnOnce(&mut Import),
    ) -> Result<Imported, SetError> {
        let mut wanted = Import {
            files: files.to_vec(),
            symbol: None,
            timeframe: None,
            zone: zone("UTC"),
            name: Some("set".to_owned()),
            columns: Vec::new(),
            replace: true,
        };
        change(&mut wanted);
        import(&self.sets(), &wanted)
    }

    /// Imports a text as a CSV file.
    fn text(&self, text: &str) -> Result<Imported, SetError> {
        self.import(&[self.write("p.csv", text)], |_| {})
    }

    fn message(&self, text: &str) -> String {
        match self.text(text) {
            Ok(imported) => panic!("{text} was imported: {imported:?}"),
            Err(error) => {
                error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
            }
        }
    }
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect(name)
}

fn times(bars: &Bars) -> Vec<String> {
    bars.times.iter().map(|time| time_text(*time)).collect()
}

const HEADER: &str = "Date,Open,High,Low,Close,Volume\n";
const ROWS: &str =
    "2020-01-02,1,2,0.5,1.5,10\n2020-01-03,1.5,2.5,1,2,20\n2020-01-06,2,3,1.5,2.5,30\n";

fn three() -> String {
    format!("{HEADER}{ROWS}")
}

#[test]
fn the_same_bars_are_the_same_whatever_file_they_come_in() {
    let place = Place::new();
    let first = place.text(&three()).expect("valid");
    let content = &first.saved.manifest.content;
    assert_eq!(times(&first.bars[0]), ["2020-01-02", "2020-01-03", "2020-01-06"]);
    assert_eq!(first.saved.manifest.timeframe, "1d");
    assert_eq!(first.bars[0].column("volume"), Some(&[10.0, 20.0, 30.0][..]));

    let json: String = three().lines().skip(1).fold(String::new(), |mut json, line| {
        let cells: Vec<&str> = line.split(',').collect();
        let _ = writeln!(
            json,
            "{{\"timestamp\": \"{}T00:00:00Z\", \"o\": {}, \"h\": {}, \"l\": {}, \"c\": \"{}\", \"v\": {}}}",
            cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
        );
        json
    });
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(three().as_bytes()).expect("memory has room");
    let epoch = three()
        .replace("2020-01-02", "1577923200")
        .replace("2020-01-03", "1578009600")
        .replace("2020-01-06", "1578268800")
        .replace("Date", "open_time");
    let reversed: Vec<&str> = ROWS.lines().rev().collect();
    let files = [
        place.write("p.json", &json),
        place.write("p.jsonl", json.trim_end().replace('\n', "\n\n")),
        place.write("p.csv.gz", gz.finish().expect("memory has room")),
        place.write("p.tsv", three().replace(',', "\t")),
        place.write("semicolons.csv", three().replace(',', ";")),
        place.write("epoch.csv", epoch),
        place.write("days.csv", three().replace("2020-0", "20200").replace("-0", "0")),
        place.write("newest-first.csv", format!("{HEADER}{}\n", reversed.join("\n"))),
        place.write("about.csv", format!("https://www.example.org\n{}", three())),
        place.write("it's [1]*.csv", format!("\u{feff}{}", three().replace('\n', "\r\n"))),
        place.sets().of("set").join("bars.parquet"),
    ];
    for file in files {
        let again = place.import(std::slice::from_ref(&file), |wanted| {
            wanted.symbol = Some("p".to_owned()).filter(|_| !file.ends_with("bars.parquet"));
        });
        let again = again.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(again.saved.manifest.content, *content, "{}", file.display());
        assert!(again.saved.was_there, "{}", file.display());
        assert_eq!(again.saved.manifest.out_of_order, 0);
    }
}

#[test]
fn rows_at_fault_are_named_and_nothing_is_left_behind() {
    let place = Place::new();
    let with = |row: &str| place.message(&format!("{HEADER}2020-01-02,1,2,0.5,1.5,10\n{row}\n"));
    for (row, expected) in [
        ("2020-01-03,1,2,0.5,x,10", "p.csv:3: close: found \"x\", allowed: a number"),
        ("2020-01-03,1,2,0.5,1.5,ten", "p.csv:3: volume: found \"ten\", allowed: a number"),
        ("01/03/2020,1,2,0.5,1.5,10", "p.csv:3: time: found \"01/03/2020\", allowed: a date"),
        (",1,2,0.5,1.5,10", "p.csv:3: time: found nothing, allowed: a date"),
        ("2020-01-03,1,2,0.5", "p.csv:3: found 4 field(s) where the header has 6"),
        ("2020-01-03,1,2,0.5,1,1,1", "p.csv:3: found 7 field(s) where the header has 6"),
    ] {
        let message = with(row);
        assert!(message.starts_with(expected), "{row}: {message}");
    }
    assert!(place.message(HEADER).contains("found no rows"));
    assert!(place.message("").contains("the file is empty"));
    assert!(
        place.message("Date,Open,High,Low\n2020-01-02,1,2,1\n").contains("close: found no such")
    );
    let missing = place.import(&[place.path("none.csv")], |_| {}).expect_err("not there");
    assert!(
        missing.to_string().contains("none.csv: found a file that cannot be read"),
        "{missing}"
    );
    let zip = place.import(&[place.write("p.zip", b"PK\x03\x04")], |_| {}).expect_err("a zip file");
    assert!(zip.to_string().contains("found a zip archive"), "{zip}");
    let left: Vec<_> = std::fs::read_dir(place.path("data")).expect("made").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn clocks_that_are_put_back_and_forward() {
    let place = Place::new();
    let rows = |day: &str, times: &[&str]| -> String {
        times.iter().map(|time| format!("{day} {time},1,2,0.5,1.5,10\n")).collect()
    };
    let autumn = rows("2020-11-01", &["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]);
    let new_york = |text: &str| {
        place.import(&[place.write("p.csv", text)], |wanted| {
            wanted.zone = zone("America/New_York");
            wanted.timeframe = Timeframe::parse("30m");
        })
    };
    let imported = new_york(&format!("{HEADER}{autumn}")).expect("valid");
    let hours = ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"];
    assert_eq!(times(&imported.bars[0]), hours.map(|hour| format!("2020-11-01T{hour}:00")));
    assert!(imported.has_times_without_zone);
    let findings =
        check(&imported.saved.manifest, &imported.bars, Calendar::Always).expect("a zone");
    assert!(findings.is_empty(), "{findings:?}");

    let spring = rows("2020-03-08", &["01:30", "02:30"]);
    let message = new_york(&format!("{HEADER}{spring}")).expect_err("there is no such time");
    let expected = "found 2020-03-08T02:30:00, which the clocks of America/New_York have skipped";
    assert!(message.to_string().contains(expected), "{message}");

    // An offset has the last word, and days stay the days that they are.
    let text = format!("{HEADER}2020-07-01 09:30:00+02:00,1,2,0.5,1.5,10\n");
    let imported = new_york(&text).expect("valid");
    assert_eq!(times(&imported.bars[0]), ["2020-07-01T07:30:00"]);
    let text = format!(
        "{HEADER}2020-01-02 00:00:00-05:00,1,2,0.5,1.5,10\n2020-01-03 00:00:00-05:00,1,2,0.5,1.5,10\n"
    );
    let imported = place.text(&text).expect("valid");
    assert_eq!(times(&imported.bars[0]), ["2020-01-02", "2020-01-03"]);
}

#[test]
fn several_files_and_symbols_are_one_set() {
    let place = Place::new();
    let first = place.write("AAA.csv", three());
    let second = place.write("BBB.csv", three());
    let imported = place.import(&[first, second], |_| {}).expect("valid");
    assert_eq!(imported.saved.manifest.symbols, ["AAA", "BBB"]);
    assert_eq!(imported.saved.manifest.rows, 6);

    // Files of one symbol overlap, and one has a column more.
    let more = "Date,Open,High,Low,Close,Volume,Score,Note\n2020-01-06,2,3,1.5,2.5,30,,a\n2020-01-07,2,3,1.5,2.5,30,7,b\n";
    let files = [place.write("2.csv", more), place.write("1.csv", three())];
    let imported =
        place.import(&files, |wanted| wanted.symbol = Some("X".to_owned())).expect("valid");
    assert_eq!(times(&imported.bars[0]).len(), 4, "the same row is there once");
    assert_eq!((imported.saved.manifest.repeated, imported.saved.manifest.out_of_order), (1, 1));
    assert_eq!(imported.left_out, ["note"]);
    let score = imported.bars[0].column("score").expect("kept");
    assert!(score[..3].iter().all(|value| value.is_nan()) && score[3] == 7.0);

    let ticker = place.write("t.csv", three().replace(",Volume", ",Symbol"));
    let error = place.import(&[ticker], |wanted| wanted.symbol = Some("Y".to_owned()));
    assert!(error.expect_err("two symbols").to_string().starts_with("--symbol: found \"Y\" for"));
}

#[test]
fn unusual_columns_are_chosen() {
    let place = Place::new();
    let file = place.write("p.csv", three().replace("Close", "Settle"));
    let imported = place.import(&[file], |wanted| {
        wanted.columns = vec![(Role::Close, "Settle".to_owned())];
    });
    assert_eq!(imported.expect("valid").bars[0].column("close"), Some(&[1.5, 2.0, 2.5][..]));
}

#[test]
fn other_bars_under_a_name_need_a_word() {
    let place = Place::new();
    let first = place.text(&three()).expect("valid");
    let file = place.write("p.csv", three().replace(",30\n", ",31\n"));
    let kept = place.import(std::slice::from_ref(&file), |wanted| wanted.replace = false);
    let message = kept.expect_err("other bars").to_string();
    assert!(message.starts_with("--name: found \"set\", a data set with 3 bars of p"), "{message}");
    let (manifest, _) = place.sets().read("set").expect("as it was");
    assert_eq!(manifest.content, first.saved.manifest.content);
    let replaced = place.import(&[file], |_| {}).expect("replaced");
    assert_ne!(replaced.saved.manifest.content, first.saved.manifest.content);
    assert_eq!(place.sets().names(), ["set"]);
    data_sets::remove(&place.sets(), "set").expect("it is there");
    assert!(place.sets().names().is_empty());
    assert!(data_sets::remove(&place.sets(), "set").is_err());
}

#[test]
fn bytes_that_have_changed_are_not_read() {
    let place = Place::new();
    place.text(&three()).expect("valid");
    let path = place.sets().of("set").join("bars.parquet");
    let mut bytes = std::fs::read(&path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("writable");
    let message = place.sets().read("set").expect_err("other bytes").to_string();
    assert!(message.contains("bars.parquet: found other bytes"), "{message}");
    // Importing again mends it.
    place.text(&three()).expect("valid");
    place.sets().read("set").expect("mended");
}

#[test]
fn every_fault_is_found_with_its_date() {
    let place = Place::new();
    let mut text = String::from("Date,Open,High,Low,Close,Volume\n");
    let first = simulators::Date::parse("2020-01-06").and_then(simulators::Date::microseconds);
    // Four weeks of weekdays.
    for day in (0..28_i64).filter(|day| day % 7 < 5) {
        let date = time_text(first.expect("a date") + day * 86_400_000_000);
        let row = match day {
            1 => "0,11,9,10,5",
            2 => "10,11,9,,5",
            3 => "10,9,11,10,5",
            4 => "12,11,9,10,5",
            7 => "10,11,9,10,-5",
            8 => "10,11,9,inf,5",
            9 | 16..=18 | 21 => continue,
            14 => "10,11,9,10,5\n2020-01-20,10,11,9,10.5,5",
            22 => "5,5.5,4.5,5,5",
            23 => "9.9,11,9,10,5",
            _ => "10,11,9,10,5",
        };
        let _ = writeln!(text, "{date},{row}");
    }
    let imported = place.text(&text).expect("it can be imported");
    let findings =
        check(&imported.saved.manifest, &imported.bars, Calendar::Usual).expect("a zone");
    let found: Vec<(Kind, &str, u64)> = findings
        .iter()
        .map(|finding| (finding.kind, finding.examples[0].time.as_str(), finding.count))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::Duplicate, "2020-01-20", 1),
            (Kind::NotFinite, "2020-01-08", 2),
            (Kind::NotPositive, "2020-01-07", 2),
            (Kind::HighBelowLow, "2020-01-09", 1),
            (Kind::OutsideOfBar, "2020-01-10", 1),
            (Kind::Split, "2020-01-28", 2),
            (Kind::ClosedDays, "2020-01-16", 2),
        ]
    );
    let always = check(&imported.saved.manifest, &imported.bars, Calendar::Always).expect("a zone");
    assert!(always.iter().any(|finding| finding.kind == Kind::Gap && finding.count >= 4));
}

#[test]
fn sessions_are_learnt_and_holes_in_them_found() {
    let place = Place::new();
    let mut text = String::from(HEADER);
    let first = simulators::Date::parse("2020-01-06").and_then(simulators::Date::microseconds);
    for day in (0..28_i64).filter(|day| day % 7 < 5 && *day != 10) {
        for minute in (9 * 60 + 30..16 * 60).step_by(30) {
            let is_early_close = day == 9 && minute >= 13 * 60;
            let is_hole = day == 15 && (11 * 60..12 * 60).contains(&minute);
            if is_early_close || is_hole {
                continue;
            }
            let at = first.expect("a date") + (day * 1440 + minute) * 60_000_000;
            let _ = writeln!(text, "{},1,2,0.5,1,10", time_text(at));
        }
    }
    let file = place.write("p.csv", text);
    let imported = place.import(&[file], |wanted| wanted.zone = zone("America/New_York"));
    let imported = imported.expect("valid");
    let findings =
        check(&imported.saved.manifest, &imported.bars, Calendar::Usual).expect("a zone");
    let found: Vec<(Kind, &str, &str)> = findings
        .iter()
        .map(|finding| (finding.kind, &*finding.examples[0].time, &*finding.examples[0].found))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::Gap, "2020-01-21T17:00:00", "2 missing since 2020-01-21T15:30:00"),
            // The day after the short one has no bars at all.
            (Kind::ShortDay, "2020-01-17T14:30:00", "19 missing since 2020-01-15T17:30:00"),
        ]
    );
}

#[test]
fn a_part_is_a_set_of_its_own() {
    let place = Place::new();
    let first = place.write("AAA.csv", three());
    let second = place.write("BBB.csv", three());
    place.import(&[first, second], |_| {}).expect("valid");
    let sets = place.sets();
    let date = |text| simulators::Date::parse(text);
    let wanted = Slice {
        from: date("2020-01-03"),
        to: date("2020-01-03"),
        symbols: vec!["BBB".to_owned()],
        ..Slice::default()
    };
    let (saved, bars) = slice(&sets, "set", "part", &wanted).expect("there is such a part");
    assert_eq!((bars.len(), times(&bars[0])), (1, vec!["2020-01-03".to_owned()]));
    let origin = saved.manifest.origin.expect("it was made from another");
    assert_eq!(
        (origin.name.as_str(), origin.made.as_str()),
        ("set", "symbols BBB, from 2020-01-03, to 2020-01-03")
    );
    let weekly = Slice { timeframe: Timeframe::parse("1w"), ..Slice::default() };
    let (saved, bars) = slice(&sets, "set", "weeks", &weekly).expect("weeks");
    assert_eq!(saved.manifest.timeframe, "1w");
    assert_eq!(times(&bars[0]), ["2019-12-30", "2020-01-06"]);
    assert_eq!(bars[0].prices(0), [1.0, 2.5, 0.5, 2.0]);
    let error = |wanted: Slice| slice(&sets, "set", "x", &wanted).expect_err("refused").to_string();
    let message = error(Slice { from: date("2021-01-01"), ..Slice::default() });
    assert!(
        message.contains("found no bars from 2021-01-01, allowed: dates from 2020-01-02"),
        "{message}"
    );
    let message = error(Slice { symbols: vec!["BBC".to_owned()], ..Slice::default() });
    assert!(message.contains("did you mean BBB?"), "{message}");
    let message = error(Slice { timeframe: Timeframe::parse("1h"), ..Slice::default() });
    assert!(message.contains("found 1h, for bars of 1d"), "{message}");
}

/// Of a list after IN, DuckDB made a join, and two threads gave the rows of a large file in another
/// order; nothing but this says so.
#[test]
fn rows_of_a_large_file_stay_in_order() {
    let place = Place::new();
    let mut text = String::from("open_time,open,high,low,close,volume\n");
    for minute in 0..1_200_000_i64 {
        let _ = writeln!(
            text,
            "{},100.25,101.5,99.75,100.5,{minute}",
            minute * 60_000 + 1_500_000_000_000
        );
    }
    assert!(text.len() > 40_000_000, "more than DuckDB reads at a time");
    let imported = place.text(&text).expect("valid");
    assert_eq!(imported.saved.manifest.out_of_order, 0);
    let volume = imported.bars[0].column("volume").expect("there");
    assert!(volume.iter().enumerate().all(|(minute, value)| *value == minute as f64));
    assert_eq!(Path::new(&imported.saved.manifest.sources[0].file), place.path("p.csv"));
}
