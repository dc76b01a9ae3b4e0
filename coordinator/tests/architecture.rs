//! The rules of ARCHITECTURE.md that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom.
const IMPORTS: [(&str, &[&str]); 8] = [
    ("search-spaces", &[]),
    ("optimizers", &["search-spaces"]),
    ("jobs", &["search-spaces"]),
    ("simulators", &["search-spaces"]),
    ("worker", &["search-spaces", "jobs", "simulators"]),
    ("results", &["search-spaces", "optimizers", "jobs"]),
    ("data-sets", &["search-spaces", "simulators"]),
    (
        "coordinator",
        &["search-spaces", "optimizers", "jobs", "simulators", "worker", "results", "data-sets"],
    ),
];

const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn manifest(folder: &Path) -> toml::Table {
    let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    text.parse().expect("TOML")
}

#[test]
fn the_rooms_are_the_ones_of_the_table() {
    let manifest = manifest(&root());
    let members = manifest["workspace"]["members"].as_array().expect("a list");
    let members: Vec<&str> = members.iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(members, IMPORTS.map(|(room, _)| room));
}

#[test]
fn every_room_imports_what_the_table_allows() {
    let rooms = IMPORTS.map(|(room, _)| room);
    for (room, allowed) in IMPORTS {
        let manifest = manifest(&root().join(room));
        let dependencies = manifest["dependencies"].as_table().expect("a table");
        for dependency in dependencies.keys() {
            let is_room = rooms.contains(&dependency.as_str());
            assert!(
                !is_room || allowed.contains(&dependency.as_str()),
                "{room} imports {dependency}"
            );
        }
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{room} has the lints");
    }
}

#[test]
fn of_the_optimizers_the_results_see_the_pareto_mathematics_only() {
    for file in rust_files(&root().join("results/src")) {
        let text = fs::read_to_string(&file).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let foreign = line.contains("optimizers::") && !line.contains("optimizers::pareto");
            assert!(!foreign, "{}:{}: {line}", file.display(), number + 1);
        }
    }
}

#[test]
fn no_source_file_outgrows_a_reader() {
    for (room, _) in IMPORTS {
        for file in rust_files(&root().join(room).join("src")) {
            let text = fs::read_to_string(&file).expect("readable");
            // Tests at the end of a file are read on their own.
            let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let lines = code.lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn every_exception_to_determinism_is_in_a_shell() {
    let shells = [
        "worker/src/serve.rs",
        "worker/src/meter.rs",
        "results/src/",
        "coordinator/src/",
        "simulators/src/command/",
        "jobs/src/redis_queue/",
    ];
    for (room, _) in IMPORTS {
        for file in rust_files(&root().join(room).join("src")) {
            let text = fs::read_to_string(&file).expect("readable");
            let path = file.strip_prefix(root()).expect("inside").display().to_string();
            let excused = text.contains("clippy::disallowed_");
            let shell = shells.iter().any(|shell| path.starts_with(shell));
            assert!(!excused || shell, "{path} excuses itself from determinism");
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
