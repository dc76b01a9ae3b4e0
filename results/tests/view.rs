//! The DuckDB view: made from the ledger, read by others meanwhile.

mod fixture;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fixture::{append, job, record, replay, row, schema};
use results::{
    Batch, Cell, Finished, Format, Ledger, Ranker, ResultsHash, Status, Store, StudyState, Table,
    View, ViewReader, trials_sql,
};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.duckdb");
    (folder, path)
}

/// A view of the trials before `end`.
fn view(path: &Path, end: u64) -> View {
    let schema = schema();
    let mut view = View::open(path, &record("a"), &schema).unwrap();
    let mut hash = ResultsHash::new(&schema);
    for first in (0..end).step_by(10) {
        append(&mut view, &schema, &mut hash, &job(first));
    }
    view
}

fn all(path: &Path) -> Vec<Table> {
    let reader = ViewReader::open(path).unwrap();
    ["trials", "reports", "frontier", "telemetry", "columns", "studies", "progress"]
        .map(|table| reader.query(&format!("SELECT * FROM {table} ORDER BY ALL")).unwrap())
        .to_vec()
}

fn single(path: &Path, sql: &str) -> Cell {
    let table = ViewReader::open(path).unwrap().query(sql).unwrap();
    table.rows[0][0].clone()
}

#[test]
fn trials_have_typed_columns_and_nulls_where_there_is_nothing() {
    let (_folder, path) = folder();
    view(&path, 20);
    let reader = ViewReader::open(&path).unwrap();
    let table = reader.query(&trials_sql(None).unwrap()).unwrap();
    assert_eq!(
        table.columns,
        [
            "trial",
            "status",
            "fast",
            "level",
            "hedge",
            "kind",
            "profit",
            "drawdown",
            "trades",
            "violation_1",
            "seed",
            "attempts",
            "error",
            "origin"
        ]
    );
    assert_eq!(table.rows.len(), 18, "two of twenty are skipped");
    assert!(table.rows.is_sorted_by_key(|row| row[0].to_string().parse::<u64>().unwrap()));
    let of = |trial: u64| {
        let is_it = |row: &&Vec<Cell>| row[0] == Cell::Int(trial.into());
        table.rows.iter().find(is_it).unwrap().clone()
    };
    let expected = row(&schema(), 2).unwrap();
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(
        of(2),
        [
            Cell::Int(2),
            text("complete"),
            Cell::Int(2),
            Cell::Float(0.25),
            Cell::Bool(true),
            text("slow"),
            Cell::Float(expected.metrics[0]),
            Cell::Float(expected.metrics[1]),
            Cell::Float(f64::INFINITY),
            Cell::Float(0.0),
            Cell::Int(expected.seed.into()),
            Cell::Int(2),
            Cell::Null,
            Cell::Null,
        ]
    );
    let failed = of(5);
    assert_eq!(failed[1], text("failed"));
    assert_eq!(failed[3], Cell::Null, "inactive");
    assert_eq!(failed[6..10], [Cell::Null, Cell::Null, Cell::Null, Cell::Null]);
    assert_eq!(failed[12], text("trial 5: \"no\" data; 'none'"));
    let infeasible = of(7);
    assert_eq!((&infeasible[1], &infeasible[9]), (&text("infeasible"), &Cell::Float(1.0)));
    let not_finite = of(9);
    assert_eq!((&not_finite[1], &not_finite[6]), (&text("failed"), &Cell::Null));
    assert_eq!(not_finite[12], text("profit is NaN, not a finite number"));
    let reports = reader.query("FROM reports ORDER BY trial").unwrap();
    assert_eq!(reports.rows[1][..2], [Cell::Int(4), Cell::Int(1)]);
    assert_eq!(reports.rows[1][3..], [Cell::Null, Cell::Float(1.0)]);
    let study = reader.query("SELECT name, status, created_at, seed FROM studies").unwrap();
    let expected = [text("a"), text("running"), text("2023-11-14 22:13:20.123"), Cell::Int(42)];
    assert_eq!(study.rows, [expected]);
}

#[test]
fn a_crash_between_ledger_and_view_leaves_no_gap_and_no_duplicate() {
    let folder = tempfile::tempdir().unwrap();
    let study = Store::open(folder.path()).unwrap().create_study("a").unwrap();
    let schema = schema();
    let mut ledger = Ledger::create(&study, &record("a")).unwrap();
    let mut view = View::open(&study.view_path(), &record("a"), &schema).unwrap();
    let mut hash = ResultsHash::new(&schema);
    for first in (0..50).step_by(10) {
        ledger.append(&[job(first)]).unwrap();
        // The process dies between the two.
        if first < 30 {
            append(&mut view, &schema, &mut hash, &job(first));
        }
    }
    drop((ledger, view));

    let ledger = Ledger::open(&study).unwrap();
    let mut view = View::open(&study.view_path(), &record("a"), &schema).unwrap();
    assert_eq!(view.high_water(), 30);
    assert_eq!(ViewReader::open(&study.view_path()).unwrap().high_water(), 30);
    let hash = replay(&ledger, &mut view, &schema);
    assert_eq!(view.high_water(), 50);
    let continued = all(&study.view_path());

    std::fs::remove_file(study.view_path()).unwrap();
    let mut view = View::open(&study.view_path(), &record("a"), &schema).unwrap();
    assert_eq!(view.high_water(), 0);
    assert_eq!(replay(&ledger, &mut view, &schema).hex(), hash.hex());
    assert_eq!(all(&study.view_path()), continued);
    let trials = single(&study.view_path(), "SELECT count(DISTINCT trial) FROM trials");
    assert_eq!(trials, Cell::Int(50 - 5));
    let recorded = single(&study.view_path(), "SELECT results_hash FROM progress");
    assert_eq!(recorded, Cell::Text(hash.hex()));
}

#[test]
fn the_batches_make_no_difference() {
    let (_folder, path) = folder();
    view(&path, 300);
    let piecemeal = all(&path);
    let (_other, path) = folder();
    let schema = schema();
    let mut view = View::open(&path, &record("a"), &schema).unwrap();
    let mut hash = ResultsHash::new(&schema);
    let rows: Vec<_> = (0..300).filter_map(|trial| row(&schema, trial)).collect();
    for row in &rows {
        hash.update(row);
    }
    let jobs: Vec<_> = (0..300).step_by(10).map(|first| (&job(first).result).into()).collect();
    let hash = &hash.hex();
    let batch =
        Batch { rows: &rows, jobs: &jobs, high_water: 300, results_hash: hash, ended: None };
    view.append(&batch).unwrap();
    view.append(&batch).unwrap();
    assert_eq!(all(&path), piecemeal);
}

#[test]
fn what_is_staged_is_seen_once_it_is_published() {
    let (_folder, path) = folder();
    let schema = schema();
    let mut view = View::expect(&path, &record("a"), &schema).unwrap();
    assert!(!path.exists(), "nothing is made before it is wanted");
    view.hold().unwrap();
    assert!(view.is_held());
    let rows: Vec<_> = (0..20).filter_map(|trial| row(&schema, trial)).collect();
    let part = |high_water: u64| Batch {
        rows: &rows[..rows.partition_point(|row| row.trial < high_water)],
        jobs: &[],
        high_water,
        results_hash: "",
        ended: None,
    };
    view.stage(&part(10)).unwrap();
    view.stage(&part(20)).unwrap();
    assert_eq!(view.high_water(), 20);
    drop(view);
    let mut view = View::expect(&path, &record("a"), &schema).unwrap();
    assert_eq!((view.high_water(), view.notice()), (0, None), "it was never published");
    view.stage(&part(10)).unwrap();
    view.stage(&part(20)).unwrap();
    view.publish().unwrap();
    assert!(!view.is_held() && !path.with_extension("duckdb.wal").exists());
    let count = Cell::Int(rows.len() as i128);
    assert_eq!(single(&path, "SELECT count(*) FROM trials"), count);
    assert_eq!(single(&path, "SELECT high_water FROM progress"), Cell::Int(20));
}

#[test]
fn the_view_of_a_study_that_has_just_begun_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let study = Store::open(folder.path()).unwrap().create_study("a").unwrap();
    let path = study.view_path();
    let ledger = Ledger::create(&study, &record("a")).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| ViewReader::open(&path).map(|reader| reader.high_water()));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!reader.is_finished(), "it waits");
        View::open(&path, &record("a"), &schema()).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    });
    std::fs::remove_file(&path).unwrap();
    drop(ledger);
    assert!(ViewReader::open(&path).is_err(), "nobody is going to make it");
}

#[test]
fn the_end_is_written_down_and_a_resumed_study_runs_again() {
    let (_folder, path) = folder();
    let mut view = view(&path, 10);
    let hash = "ff".repeat(32);
    let end = Finished {
        state: StudyState::Complete,
        results_hash: hash.clone(),
        trials: 10,
        reason: None,
        tainted: Some("by the clock".to_owned()),
    };
    let nothing =
        Batch { rows: &[], jobs: &[], high_water: 10, results_hash: &hash, ended: Some(&end) };
    view.append(&nothing).unwrap();
    let state = "SELECT concat_ws(' ', status, results_hash, tainted) FROM studies";
    assert_eq!(single(&path, state), Cell::Text(format!("complete {hash} by the clock")));
    View::open(&path, &record("a"), &schema()).unwrap();
    assert_eq!(single(&path, state), Cell::Text("running".into()));
}

#[test]
fn damaged_and_foreign_views_are_moved_aside() {
    let (_folder, path) = folder();
    assert!(view(&path, 20).notice().is_none());
    let good = std::fs::read(&path).unwrap();
    let cases: [(&str, Vec<u8>); 3] = [
        ("not a valid", b"junk".repeat(9000)),
        ("not read enough", good[..good.len() / 2].to_vec()),
        ("Corrupt", good.iter().enumerate().map(|(i, b)| b ^ u8::from(i > 5000)).collect()),
    ];
    for (why, bytes) in cases {
        std::fs::write(&path, &bytes).unwrap();
        let error = ViewReader::open(&path).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("optimize resume"), "{error}");
        let view = View::open(&path, &record("a"), &schema()).unwrap();
        assert_eq!(view.high_water(), 0);
        let notice = view.notice().unwrap();
        assert!(notice.contains(why) && notice.contains("duckdb.damaged"), "{notice}");
        assert_eq!(std::fs::read(path.with_extension("duckdb.damaged")).unwrap(), bytes);
    }
    let mut other = record("a");
    other.fingerprint = "cd".repeat(32);
    let view = View::open(&path, &other, &schema()).unwrap();
    assert!(view.notice().unwrap().contains("another study"));
    std::fs::remove_file(&path).unwrap();
    let error = ViewReader::open(&path).unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
}

#[test]
fn the_frontier_is_what_ranking_all_trials_gives() {
    let (_folder, path) = folder();
    view(&path, 400);
    let reader = ViewReader::open(&path).unwrap();
    let directions: Vec<_> = reader.objectives().iter().map(|each| each.direction).collect();
    let (mut feasible, mut violations) = (Ranker::new(&directions, 400), 0);
    for row in (0..400).filter_map(|trial| row(&schema(), trial)) {
        match row.status {
            Status::Complete => feasible.complete(row.trial, &row.metrics[..2]),
            Status::Infeasible => {
                violations += 1;
                feasible.infeasible(row.trial, row.violations[0]);
            }
            _ => {}
        }
    }
    let expected = feasible.finish();
    let found = reader.ranking(400, None).unwrap();
    assert_eq!(found, expected);
    assert_eq!(found.infeasible, violations);
    assert_eq!(reader.ranking(7, None).unwrap().trials[..], expected.trials[..7]);
    let frontier = reader.query("SELECT trial, knee FROM frontier ORDER BY profit DESC").unwrap();
    let ranked = expected.trials.iter().filter(|each| each.rank == Some(0));
    let ranked: Vec<Vec<Cell>> =
        ranked.map(|each| vec![Cell::Int(each.trial.into()), Cell::Bool(each.knee)]).collect();
    assert_eq!(frontier.rows, ranked);
    let some = reader.ranking(400, Some("hedge AND trial < 100 -- even ones")).unwrap();
    assert!(some.trials.iter().all(|each| each.trial < 100 && each.trial % 2 == 0));
    assert!(!some.trials.is_empty());
}

#[test]
fn of_equal_trials_the_frontier_keeps_the_first_and_counts_the_rest() {
    let (_folder, path) = folder();
    let schema = schema();
    let mut view = View::open(&path, &record("a"), &schema).unwrap();
    let template = row(&schema, 0).unwrap();
    for part in [0..5, 5..9] {
        let end = part.end;
        let rows: Vec<_> = part
            .map(|trial| results::Row { trial, metrics: vec![1.0, 0.0, 9.0], ..template.clone() })
            .collect();
        let batch =
            Batch { rows: &rows, jobs: &[], high_water: end, results_hash: "", ended: None };
        view.append(&batch).unwrap();
        // What an earlier process counted is read back.
        view = View::open(&path, &record("a"), &schema).unwrap();
    }
    let frontier = ViewReader::open(&path).unwrap().query("SELECT trial, ties FROM frontier");
    assert_eq!(frontier.unwrap().rows, [[Cell::Int(0), Cell::Int(9)]]);
}

#[test]
fn users_sql_changes_nothing_and_reaches_no_file() {
    let (folder, path) = folder();
    view(&path, 20);
    let before = all(&path);
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "a,b\n1,2\n").unwrap();
    let target = folder.path().join("written.csv");
    let reader = ViewReader::open(&path).unwrap();
    let (secret, written) = (secret.display(), target.display());
    for sql in [
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("SELECT * FROM '{secret}'"),
        format!("COPY trials TO '{written}'"),
        format!("SELECT 1) TO '{written}' (FORMAT csv) --"),
        format!("SELECT 1 AS a); COPY trials TO '{written}'; SELECT (1"),
        format!("ATTACH '{written}' AS w"),
        "SET enable_external_access = true".into(),
        "DELETE FROM trials".into(),
        "DROP TABLE trials".into(),
        "SELECT 1; DROP TABLE trials".into(),
        "SELECT nonsense FROM trials".into(),
        String::new(),
    ] {
        let error = reader.query(&sql).unwrap_err();
        assert!(matches!(error, results::ResultsError::Query(_)), "{sql}: {error}");
        let out = folder.path().join("out.csv");
        assert!(reader.export(&sql, Format::Csv, &out).is_err(), "{sql}");
        assert!(!out.exists() && !target.exists(), "{sql}");
        let condition = format!("true) UNION ALL BY NAME ({sql}");
        assert!(trials_sql(Some(&condition)).is_err(), "{sql}");
        assert!(reader.ranking(3, Some(&condition)).is_err(), "{sql}");
    }
    let several = reader.query("SELECT 1; SELECT 2").unwrap_err().to_string();
    assert!(several.starts_with("found several statements, allowed: a single SELECT"), "{several}");
    let typo = reader.query("SELECT profitt FROM trials").unwrap_err().to_string();
    assert!(typo.contains("profitt") && typo.contains("profit\""), "{typo}");
    let drop = reader.query("drop table trials").unwrap_err().to_string();
    assert_eq!(
        drop,
        "found a statement that begins with \"drop\", allowed: a single SELECT, such as SELECT * \
         FROM trials"
    );
    // None of the SQL that is put around the user's is shown.
    let out = folder.path().join("out.json");
    for sql in [
        "SELECT profitt FROM trials",
        "SELECT 1 FROM",
        "SELECT FROM WHERE",
        "WITH a AS (SELECT 1) DELETE FROM trials",
        "SHOW nonsense nonsense",
        &trials_sql(Some("profit >")).unwrap(),
        &trials_sql(Some("profit > 0 LIMIT 3")).unwrap(),
    ] {
        let export = |format| reader.export(sql, format, &out).unwrap_err();
        for error in [reader.query(sql).unwrap_err(), export(Format::Csv), export(Format::Json)] {
            let text = error.to_string();
            assert!(matches!(error, results::ResultsError::Query(_)), "{sql}: {text}");
            let alien = ["LINE", "answer", "COPY", "DESCRIBE", "\")\"", "^"];
            assert!(!alien.iter().any(|alien| text.contains(alien)), "{sql}: {text}");
        }
    }
    let cut = reader.ranking(3, Some("profit >")).unwrap_err().to_string();
    assert_eq!(cut, "Parser Error: syntax error before a closing bracket or at the end");
    assert_eq!(all(&path), before);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "the view and the secret, no partial file");
}

#[test]
fn answers_have_cells_of_their_own_kind() {
    let (_folder, path) = folder();
    view(&path, 20);
    let reader = ViewReader::open(&path).unwrap();
    let sql = "SELECT 1::TINYINT, 0.5, 1e300, NULL, true, 'é', DATE '2020-01-02', [1, 2],
               sum(trial) FROM trials -- done";
    let text = |text: &str| Cell::Text(text.into());
    let expected = [
        Cell::Int(1),
        Cell::Float(0.5),
        Cell::Float(1e300),
        Cell::Null,
        Cell::Bool(true),
        text("é"),
        text("2020-01-02"),
        text("[1, 2]"),
        Cell::Int((0..20).filter(|trial| trial % 11 != 3).sum()),
    ];
    assert_eq!(reader.query(sql).unwrap().rows, [expected]);
    let tables = reader.query("SHOW TABLES").unwrap();
    assert!(tables.rows.iter().any(|row| row[0] == text("trials")), "{tables:?}");
    for sql in ["DESCRIBE trials", "-- of them\ndesc trials;"] {
        assert_eq!(reader.query(sql).unwrap().rows.len(), 14, "{sql}");
    }
    // Comments and names end where DuckDB has them end.
    for (sql, width) in [
        ("SELECT 1 AS a -- , 3 AS c\r, 2 AS b", 2),
        ("SELECT a$$.x, 2, a$$.x FROM (SELECT 1 AS x) AS a$$", 3),
        ("SELECT é$$.x FROM (SELECT 1 AS x) AS é$$", 1),
        ("SELECT 1 /* /* */ , 2 */, 3", 2),
    ] {
        assert_eq!(reader.query(sql).unwrap().columns.len(), width, "{sql}");
    }
    for sql in [
        "VALUES (1)",
        "TABLE trials",
        "SUMMARIZE reports",
        "(SHOW TABLES)",
        "(SELECT 1)",
        "WITH a AS (SELECT 1) FROM a",
    ] {
        assert!(!reader.query(sql).unwrap().rows.is_empty(), "{sql}");
    }
    let json = |sql: &str| serde_json::to_string(&reader.query(sql).unwrap()).unwrap();
    assert_eq!(
        json("SELECT 'NaN'::DOUBLE a, 1.5 b, 18446744073709551615 c, 1::HUGEINT << 100 d"),
        r#"{"columns":["a","b","c","d"],"rows":[["nan",1.5,18446744073709551615,"1267650600228229401496703205376"]]}"#
    );
    let order = reader.query("SELECT trial FROM trials ORDER BY trial DESC").unwrap();
    assert_eq!(order.rows[0], [Cell::Int(19)]);
}

#[test]
fn exports_hold_what_the_query_gives() {
    let (folder, path) = folder();
    view(&path, 30);
    let reader = ViewReader::open(&path).unwrap();
    let sql = trials_sql(Some("status = 'complete' -- only these")).unwrap();
    let expected = reader.query(&sql).unwrap().rows.len() as u64;
    for (format, name) in
        [(Format::Csv, "o'ut.csv"), (Format::Json, "out.json"), (Format::Parquet, "out.parquet")]
    {
        let file = folder.path().join(name);
        std::fs::write(&file, "old").unwrap();
        assert_eq!(reader.export(&sql, format, &file).unwrap(), expected, "{name}");
        let bytes = std::fs::read(&file).unwrap();
        match format {
            Format::Csv => {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.starts_with("trial,status,fast,level,hedge,kind,profit"), "{text}");
                assert_eq!(text.lines().count() as u64, expected + 1);
            }
            Format::Json => {
                let rows: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(rows.len() as u64, expected);
                assert_eq!(rows[1]["trial"], 1);
                assert!(rows[1]["profit"].is_f64());
                assert_eq!(rows[1]["trades"], "inf");
                assert!(rows[0]["level"].is_null());
            }
            Format::Parquet => assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")),
        }
    }
    let nowhere = folder.path().join("no-such-folder/out.csv");
    let error = reader.export(&sql, Format::Csv, &nowhere).unwrap_err().to_string();
    assert!(error.contains("no-such-folder"), "{error}");
}

#[test]
fn a_store_is_no_place_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let study = Store::open(&store).unwrap().create_study("a").unwrap();
    view(&study.view_path(), 10);
    let reader = ViewReader::open(&study.view_path()).unwrap();
    let inside = [
        study.view_path(),
        study.path().join("out.csv"),
        store.join("format.json"),
        study.path().join("../out.csv"),
    ];
    for path in &inside {
        let error = reader.export("SELECT 1", Format::Csv, path).unwrap_err().to_string();
        assert!(error.contains("is within the store"), "{error}");
        assert!(error.ends_with("allowed: a file outside of every store"), "{error}");
    }
    // A folder that only resembles a store.
    std::fs::write(folder.path().join("format.json"), "[]").unwrap();
    assert_eq!(reader.export("SELECT 1", Format::Csv, &folder.path().join("out.csv")).unwrap(), 1);
    // A study's folder without its store.
    std::fs::remove_file(store.join("format.json")).unwrap();
    for name in ["results.duckdb", "ledger.redb", "study.json"] {
        let path = study.path().join(name);
        let error = reader.export("SELECT 1", Format::Csv, &path).unwrap_err().to_string();
        assert!(error.contains("is a file of the study itself"), "{error}");
    }
    assert_eq!(ViewReader::open(&study.view_path()).unwrap().high_water(), 10);
    let files = std::fs::read_dir(study.path()).unwrap().count();
    assert_eq!(files, 1, "the view, and no partial file");
}

#[cfg(unix)]
mod unix {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{FileTypeExt, symlink};

    use super::*;

    const SQL: &str = "SELECT 7 AS a";
    const CSV: &str = "a\n7\n";

    #[test]
    fn of_a_link_the_file_that_it_names_is_written() {
        let (folder, path) = folder();
        view(&path, 10);
        let reader = ViewReader::open(&path).unwrap();
        std::fs::create_dir(folder.path().join("there")).unwrap();
        for target in ["there/old.csv", "there/new.csv"] {
            let file = folder.path().join(target);
            if target.contains("old") {
                std::fs::write(&file, "old").unwrap();
            }
            // By way of another link, and relative to the folder of each.
            let (link, other) = (folder.path().join("link.csv"), folder.path().join("there/link"));
            symlink("there/link", &link).unwrap();
            symlink(file.file_name().unwrap(), &other).unwrap();
            assert_eq!(reader.export(SQL, Format::Csv, &link).unwrap(), 1);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), CSV);
            assert!(link.is_symlink() && other.is_symlink() && !file.is_symlink());
            std::fs::remove_file(link).unwrap();
            std::fs::remove_file(other).unwrap();
        }
        let folders = reader.export(SQL, Format::Csv, folder.path()).unwrap_err().to_string();
        assert!(folders.contains("directory"), "{folders}");
    }

    #[test]
    fn into_a_pipe_and_a_device_the_answer_is_copied() {
        let (folder, path) = folder();
        view(&path, 10);
        let reader = ViewReader::open(&path).unwrap();
        let pipe = folder.path().join("pipe.csv");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::thread::scope(|scope| {
            let read = scope.spawn(|| std::fs::read_to_string(&pipe).unwrap());
            assert_eq!(reader.export(SQL, Format::Csv, &pipe).unwrap(), 1);
            assert_eq!(read.join().unwrap(), CSV);
        });
        let is = |path: &Path| std::fs::metadata(path).unwrap().file_type();
        assert!(is(&pipe).is_fifo(), "it is still one");
        let full = Path::new("/dev/full");
        // Never try this on what is no device: it would be replaced.
        if full.exists() && is(full).is_char_device() {
            let link = folder.path().join("link.csv");
            symlink(full, &link).unwrap();
            for path in [full, &link] {
                let error = reader.export(SQL, Format::Csv, path).unwrap_err().to_string();
                let expected = format!(
                    "no space left on the disk of {}; nothing recorded is lost: free some and try \
                     again",
                    path.display()
                );
                assert_eq!(error, expected);
            }
            assert!(is(full).is_char_device());
        }
    }

    #[test]
    fn a_descriptor_is_written_where_it_stands() {
        let (folder, path) = folder();
        view(&path, 10);
        let reader = ViewReader::open(&path).unwrap();
        if !Path::new("/dev/fd").exists() {
            return;
        }
        let file = folder.path().join("redirected.csv");
        std::fs::write(&file, "before\n").unwrap();
        let open = std::fs::File::options().append(true).open(&file).unwrap();
        let descriptor = format!("/dev/fd/{}", open.as_raw_fd());
        assert_eq!(reader.export(SQL, Format::Csv, Path::new(&descriptor)).unwrap(), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("before\n{CSV}"));
    }
}

/// Reads the view over and over until it is whole, in another process; every answer must be
/// consistent in itself.
#[test]
fn child_reader() {
    let Ok(path) = std::env::var("OPTIMIZE_TEST_VIEW") else { return };
    let path = Path::new(&path);
    let mut last = 0;
    while last < 300 {
        let reader = ViewReader::open(path).unwrap();
        let sql = "SELECT high_water, (SELECT max(trial) FROM trials),
                          (SELECT count(*) FROM telemetry) FROM progress";
        let answer = reader.query(sql).unwrap().rows.remove(0);
        let [Cell::Int(high_water), Cell::Int(max), Cell::Int(jobs)] = answer[..] else {
            continue;
        };
        assert!(high_water >= last, "never backwards");
        assert!((high_water - 2..high_water).contains(&max), "{max} before {high_water}");
        assert_eq!(jobs * 10, high_water);
        last = high_water;
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn another_process_and_another_thread_read_while_the_study_runs() {
    let (_folder, path) = folder();
    let schema = schema();
    let mut view = View::open(&path, &record("a"), &schema).unwrap();
    let reader = Command::new(std::env::current_exe().unwrap())
        .args(["child_reader", "--exact", "--nocapture"])
        .env("OPTIMIZE_TEST_VIEW", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut hash = ResultsHash::new(&schema);
    let mut append_job = |first| {
        append(&mut view, &schema, &mut hash, &job(first));
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut seen = 0;
            while seen < 150 {
                let reader = ViewReader::open(&path).unwrap();
                let found = reader.ranking(5, None).unwrap().complete;
                assert!(found >= seen);
                seen = found;
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        (0..300).step_by(10).for_each(&mut append_job);
        thread.join().unwrap();
    });
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(single(&path, "SELECT high_water FROM progress"), Cell::Int(300));
}
