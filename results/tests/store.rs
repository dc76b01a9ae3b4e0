//! Stores, studies and ledgers, as several processes see them.

mod fixture;

use std::path::Path;

use fixture::{job, record};
use results::{
    Contradiction, Counts, Finished, Ledger, ResultsError, Store, StudyState, StudyStatus,
};

fn status(name: &str) -> StudyStatus {
    StudyStatus {
        name: name.into(),
        state: StudyState::Running,
        pid: 1,
        started_at: 5,
        updated_at: 6,
        done: 10,
        total: None,
        counts: Counts::default(),
        best: Vec::new(),
        frontier: 0,
        trials_per_second: f64::INFINITY,
        workers: 1,
        threads: 2,
        epoch: 0,
        jobs_in_flight: 0,
        jobs_lost: 0,
        messages_refused: 0,
        fleet: Vec::new(),
        view_lag: 0,
        results_hash: None,
        reason: None,
        audited: 0,
        contradictions: Vec::new(),
        tainted: None,
        message: None,
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("optimize-store")).unwrap();
    (folder, store)
}

#[test]
fn names_are_free_ones_and_studies_come_in_order_of_creation() {
    let (_folder, store) = store();
    assert!(store.studies().unwrap().is_empty());
    assert!(matches!(store.latest(), Err(ResultsError::NoStudies { .. })));
    let create = |wanted: &str, created_at| {
        let folder = store.create_study(wanted).unwrap();
        let mut record = record(folder.name());
        record.created_at = created_at;
        Ledger::create(&folder, &record).unwrap();
        folder.name().to_owned()
    };
    let names = [create("sma", 3), create("sma", 1), create("sma", 2)];
    assert_eq!(names, ["sma", "sma-2", "sma-3"]);
    store.create_study("never-began").unwrap();
    let studies = store.studies().unwrap();
    let listed: Vec<&str> = studies.iter().map(results::StudyFolder::name).collect();
    assert_eq!(listed, ["sma-2", "sma-3", "sma"]);
    assert_eq!(store.latest().unwrap().name(), "sma");
    assert_eq!(store.study("sma-3").unwrap().record().unwrap().created_at, 2);
    let error = store.study("sma-4").unwrap_err().to_string();
    assert!(
        error.contains("no study named sma-4") && error.contains("did you mean sma"),
        "{error}"
    );
    let error = store.create_study("../evil").unwrap_err().to_string();
    assert!(error.contains("found the study name \"../evil\", allowed: "), "{error}");
}

#[test]
fn no_two_threads_get_the_same_study() {
    let (_folder, store) = store();
    let mut names: Vec<String> = std::thread::scope(|scope| {
        let create = || store.create_study("a").unwrap().name().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[test]
fn a_store_of_a_newer_program_is_refused() {
    let (_folder, store) = store();
    store.create_study("a").unwrap();
    std::fs::write(store.folder().join("format.json"), "{\"format\": 9, \"new\": 1}").unwrap();
    let error = Store::open(store.folder()).unwrap_err().to_string();
    assert!(error.contains("has format 9, this program reads formats up to 1"), "{error}");
    assert!(error.contains("use the program that wrote it, or a newer one"), "{error}");
}

#[test]
fn a_damaged_format_says_what_may_be_done() {
    let (_folder, store) = store();
    store.create_study("a").unwrap();
    let format = store.folder().join("format.json");
    std::fs::write(&format, "").unwrap();
    let error = Store::open(store.folder()).unwrap_err();
    assert!(matches!(error, ResultsError::DamagedFormat { .. }));
    let error = error.to_string();
    assert!(error.contains("format.json is damaged ("), "{error}");
    assert!(error.contains("which format the store has"), "{error}");
    assert!(error.contains("if this version of the program made the store"), "{error}");
    std::fs::remove_file(&format).unwrap();
    Store::open(store.folder()).unwrap().create_study("b").unwrap();
    assert!(format.is_file());
}

#[test]
fn a_study_is_found_by_its_ledger_too() {
    let (_folder, store) = store();
    for (name, created_at) in [("a", 2), ("b", 1)] {
        let study = store.create_study(name).unwrap();
        let mut record = record(name);
        record.created_at = created_at;
        drop(Ledger::create(&study, &record).unwrap());
    }
    let study = store.study("a").unwrap();
    let whole = std::fs::read(study.record_path()).unwrap();
    let listed = || -> Vec<String> {
        store.studies().unwrap().iter().map(|study| study.name().to_owned()).collect()
    };
    for text in [None, Some(""), Some("{\"format\": 1")] {
        match text {
            None => std::fs::remove_file(study.record_path()).unwrap(),
            Some(text) => std::fs::write(study.record_path(), text).unwrap(),
        }
        assert_eq!(listed(), ["b", "a"], "in order of creation");
        assert_eq!(study.record().unwrap().created_at, 2);
        let ledger = Ledger::open(&study).unwrap();
        assert_eq!(std::fs::read(study.record_path()).unwrap(), whole, "written anew");
        std::fs::remove_file(study.record_path()).unwrap();
        assert_eq!(listed(), ["a", "b"], "found while it runs, though nobody knows since when");
        assert!(matches!(study.record(), Err(ResultsError::Locked { .. })));
        drop(ledger);
    }
    // What is left of studies that were never begun.
    for bytes in [&b""[..], b"redb", &[0; 9000]] {
        let study = store.create_study("never").unwrap();
        std::fs::write(study.ledger_path(), bytes).unwrap();
        assert_eq!(listed(), ["b", "a"]);
        assert!(matches!(study.record(), Err(ResultsError::Damaged { .. })));
    }
}

#[test]
fn a_study_without_its_ledger_says_so() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    drop(Ledger::create(&study, &record("a")).unwrap());
    std::fs::remove_file(study.ledger_path()).unwrap();
    assert_eq!(store.study("a").unwrap().record().unwrap(), record("a"));
    let error = Ledger::open(&study).unwrap_err().to_string();
    assert!(error.contains("ledger.redb is missing: what study a found is in results"), "{error}");
    assert!(error.ends_with("and it cannot be resumed"), "{error}");
    std::fs::write(study.record_path(), "").unwrap();
    let error = study.record().unwrap_err().to_string();
    assert!(error.contains("study.json is damaged"), "{error}");
    assert_eq!(store.studies().unwrap().len(), 1, "it is listed all the same");
}

#[test]
fn a_damaged_status_is_none() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    study.write_status(&status("a")).unwrap();
    assert_eq!(study.status().unwrap().unwrap().state, StudyState::Crashed);
    assert_eq!(StudyState::Crashed.name(), "crashed");
    for bytes in [&b""[..], b"{\"name\": ", b"\xff\x00", b"[]"] {
        std::fs::write(study.status_path(), bytes).unwrap();
        assert_eq!(study.status().unwrap(), None);
    }
}

#[test]
fn a_ledger_of_a_newer_program_is_refused() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    let mut newer = record("a");
    newer.format = 2;
    drop(Ledger::create(&study, &newer).unwrap());
    let newer = |error| matches!(error, ResultsError::NewerFormat { found: 2, known: 1, .. });
    assert!(newer(Ledger::open(&study).unwrap_err()));
    assert!(newer(study.record().unwrap_err()));
    assert_eq!(store.studies().unwrap().len(), 1, "it is listed all the same");
}

#[test]
fn a_ledger_keeps_everything_in_order_and_nothing_twice() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    assert!(matches!(Ledger::open(&study), Err(ResultsError::NotFound { .. })));
    let mut ledger = Ledger::create(&study, &record("a")).unwrap();
    ledger.append(&[job(20), job(0)]).unwrap();
    ledger.append(&[job(30)]).unwrap();
    let twice = ledger.append(&[job(40), job(30)]).unwrap_err();
    assert!(matches!(twice, ResultsError::AlreadyRecorded { trial: 30, .. }));
    assert_eq!(ledger.finished().unwrap(), None);
    let end = |state| Finished {
        state,
        results_hash: "00".into(),
        trials: 40,
        reason: None,
        tainted: None,
    };
    assert!(ledger.contradictions().unwrap().is_empty());
    let found = |trial| Contradiction {
        trial,
        first: "cost 1.0".into(),
        again: "cost 2.0".into(),
        worker: "w".into(),
    };
    ledger.contradict(&[found(7)]).unwrap();
    ledger.contradict(&[found(3)]).unwrap();
    ledger.finish(&end(StudyState::Interrupted)).unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(&study).unwrap();
    assert_eq!(ledger.record(), &record("a"));
    assert_eq!(ledger.contradictions().unwrap(), [found(3), found(7)]);
    assert_eq!(ledger.finished().unwrap(), Some(end(StudyState::Interrupted)));
    ledger.finish(&end(StudyState::Complete)).unwrap();
    assert_eq!(ledger.finished().unwrap(), Some(end(StudyState::Complete)));
    let read = |from| -> Vec<results::Record> {
        ledger.records_from(from).unwrap().map(Result::unwrap).collect()
    };
    // Bytes, because a NaN is not equal to itself.
    let bytes = |records: Vec<results::Record>| -> Vec<Vec<u8>> {
        records.iter().map(|each| [each.job.to_bytes(), each.result.to_bytes()].concat()).collect()
    };
    assert_eq!(bytes(read(0)), bytes(vec![job(0), job(20), job(30)]), "trial 40 was taken back");
    assert_eq!(bytes(read(9)), bytes(vec![job(0), job(20), job(30)]));
    assert_eq!(bytes(read(10)), bytes(vec![job(20), job(30)]));
    assert_eq!(bytes(read(30)), bytes(vec![job(30)]));
    assert!(read(40).is_empty());
}

#[test]
fn a_damaged_ledger_is_named() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    drop(Ledger::create(&study, &record("a")).unwrap());
    for bytes in [Vec::new(), b"junk".repeat(4000)] {
        std::fs::write(study.ledger_path(), bytes).unwrap();
        let error = Ledger::open(&study).unwrap_err().to_string();
        assert!(error.contains("ledger.redb"), "{error}");
        assert!(error.contains("is damaged"), "{error}");
    }
}

/// Runs the test named `child_<role>` of this file in another process.
fn child(role: &str, store: &Path) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args([&format!("child_{role}"), "--exact", "--nocapture"])
        .env("OPTIMIZE_TEST_STORE", store)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// Holds the study `a` until its standard input ends.
#[test]
fn child_holder() {
    let Ok(folder) = std::env::var("OPTIMIZE_TEST_STORE") else { return };
    let study = Store::open(Path::new(&folder)).unwrap().study("a").unwrap();
    let mut ledger = Ledger::open(&study).unwrap();
    ledger.append(&[job(0)]).unwrap();
    study.write_status(&status("a")).unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_study_that_another_process_runs_is_locked_until_it_dies() {
    let (_folder, store) = store();
    let study = store.create_study("a").unwrap();
    drop(Ledger::create(&study, &record("a")).unwrap());
    assert_eq!(study.status().unwrap(), None);
    assert!(!study.is_running());
    let mut holder = child("holder", store.folder());
    while study.status().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let running = study.status().unwrap().unwrap();
    assert_eq!((running.state, running.trials_per_second), (StudyState::Running, 0.0));
    let error = Ledger::open(&study).unwrap_err().to_string();
    let expected = format!("study a is running in another process (pid {})", holder.id());
    assert!(error.contains(&expected), "{error}");
    assert_eq!(study.record().unwrap(), record("a"), "readable all the same");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(study.status().unwrap().unwrap().state, StudyState::Crashed);
    // Nobody closed the ledger, and what it says of the study is read all the same.
    std::fs::remove_file(study.record_path()).unwrap();
    assert_eq!(store.latest().unwrap().record().unwrap(), record("a"));
    assert_eq!(Ledger::open(&study).unwrap().records().unwrap().count(), 1);
}
