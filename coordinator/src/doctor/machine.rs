//! The machine: where studies and copies of files go.

use std::path::{Path, PathBuf};

use crate::doctor::{Area, Finding, counted};

/// With less than this, a study may run out of it.
const LITTLE_SPACE: u64 = 1_000_000_000;

/// File systems of other machines: some of them promise more than they keep.
const REMOTE: [&str; 9] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.s3fs"];

/// File systems that forget everything when the machine is started again.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What was seen of a machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The version of this program.
    pub version: &'static str,
    /// How many threads it can run at a time.
    pub threads: usize,
    /// The store.
    pub store: Folder,
    /// The studies in it, or why they cannot be read.
    pub studies: Result<usize, String>,
    /// Where workers keep copies of files.
    pub cache: Folder,
    /// The version of DuckDB that wrote a database, where the store can be written into its file
    /// system, or why it could not.
    pub duckdb: Result<String, String>,
}

/// What was seen of a folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Its name, as it was given.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// Whether something could be written there, or into the folder that it would be made in.
    pub writable: Result<(), String>,
    /// Bytes that are free.
    pub free: Option<u64>,
    /// The name of its kind of file system.
    pub file_system: Option<String>,
}

/// Judges a machine.
#[must_use]
pub fn judge_machine(machine: &Machine) -> Vec<Finding> {
    let program = format!("optimize {}, {}", machine.version, counted(machine.threads, "thread"));
    let duckdb = match &machine.duckdb {
        Ok(version) => Finding::ok(Area::Machine, "DuckDB", format!("{version} writes and reads")),
        Err(reason) => Finding::ok(Area::Machine, "DuckDB", reason)
            .problem("a folder on a local disk for --store"),
    };
    vec![
        Finding::ok(Area::Machine, "program", program),
        judge_store(machine),
        judge_folder(&machine.cache, "data cache", "another --data-cache for the worker"),
        duckdb,
    ]
}

fn judge_store(machine: &Machine) -> Finding {
    let other = "another folder for --store";
    let finding = judge_folder(&machine.store, "store", other);
    let found = match &machine.studies {
        Ok(0) => finding.found,
        Ok(count) => {
            let studies = if *count == 1 { "study" } else { "studies" };
            format!("{}; {count} {studies}", finding.found)
        }
        Err(reason) => return Finding { found: reason.clone(), ..finding }.problem(other),
    };
    Finding { found, ..finding }
}

fn judge_folder(folder: &Folder, check: &str, other: &str) -> Finding {
    let mut found = folder.path.display().to_string();
    let path = found.clone();
    if !folder.exists {
        found += ", made when it is needed";
    }
    let file_system = folder.file_system.as_deref().unwrap_or_default();
    if !file_system.is_empty() {
        found += &format!("; {file_system}");
    }
    if let Some(free) = folder.free {
        found += &format!("; {} free", size(free));
    }
    if let Err(reason) = &folder.writable {
        let found = format!("{path} cannot be written: {reason}");
        return Finding::ok(Area::Machine, check, found).problem(format!("mend that, or {other}"));
    }
    let finding = Finding::ok(Area::Machine, check, found);
    if folder.free.is_some_and(|free| free < LITTLE_SPACE) {
        return finding.warning(format!("free some space, or {other}"));
    }
    if IN_MEMORY.contains(&file_system) {
        let what = "it is gone when this machine is started again";
        return finding.warning(format!("{what}: {other}, unless that is all right"));
    }
    if REMOTE.contains(&file_system) {
        let what = "some file systems of other machines do not keep locks and syncs";
        return finding.warning(format!("{what}: {other}, on a local disk"));
    }
    finding
}

/// A number of bytes, as people say it.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    let digits = usize::from(value < 9.95 && unit > 0);
    format!("{value:.digits$} {}", units[unit])
}

/// The kind of file system that a path is on, by what Linux says in `/proc/self/mountinfo`.
#[must_use]
pub fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let parsed = mounts.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = PathBuf::from(unescaped(mount.split(' ').nth(4)?));
        Some((point, source.split(' ').next()?.to_owned()))
    });
    // Of two at the same place, the later one covers the other.
    parsed
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.components().count())
        .map(|(_, kind)| kind)
}

/// A path of Linux's list, where spaces and the like are written as octal numbers.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn folder(path: &str) -> Folder {
        Folder {
            path: path.into(),
            exists: true,
            writable: Ok(()),
            free: Some(12_300_000_000),
            file_system: Some("ext4".to_owned()),
        }
    }

    fn machine() -> Machine {
        Machine {
            version: "0.1.0",
            threads: 8,
            store: folder("optimize-store"),
            studies: Ok(3),
            cache: folder("/home/u/.cache/optimize/studies"),
            duckdb: Ok("v1.5.6".to_owned()),
        }
    }

    fn store(machine: &Machine) -> Finding {
        judge_machine(machine).into_iter().find(|each| each.check == "store").expect("a store")
    }

    #[test]
    fn a_machine_that_works_is_all_right() {
        let findings = judge_machine(&machine());
        assert!(findings.iter().all(|each| each.verdict == Verdict::Ok), "{findings:#?}");
        assert_eq!(store(&machine()).found, "optimize-store; ext4; 12 GB free; 3 studies");
        let store = store(&Machine {
            store: Folder { exists: false, ..folder("new") },
            studies: Ok(0),
            ..machine()
        });
        assert_eq!(store.found, "new, made when it is needed; ext4; 12 GB free");
    }

    #[test]
    fn a_store_that_may_fail_is_told() {
        let with = |change: &dyn Fn(&mut Machine)| {
            let mut machine = machine();
            change(&mut machine);
            store(&machine)
        };
        let full = with(&|machine| machine.store.free = Some(30_000_000));
        assert_eq!((full.verdict, full.found.contains("30 MB free")), (Verdict::Warning, true));
        let forgetful = with(&|machine| machine.store.file_system = Some("tmpfs".to_owned()));
        assert_eq!(forgetful.verdict, Verdict::Warning);
        let remote = with(&|machine| machine.store.file_system = Some("nfs4".to_owned()));
        assert!(remote.remedy.is_some_and(|remedy| remedy.contains("local disk")));
        let shut = with(&|machine| machine.store.writable = Err("Permission denied".to_owned()));
        assert_eq!(shut.verdict, Verdict::Problem);
        assert!(shut.found.contains("Permission denied"), "{}", shut.found);
        let newer = with(&|machine| machine.studies = Err("has format 9".to_owned()));
        assert_eq!((newer.verdict, newer.found.as_str()), (Verdict::Problem, "has format 9"));
        let mut broken = machine();
        broken.duckdb = Err("no locks".to_owned());
        assert_eq!(crate::doctor::count(&judge_machine(&broken), Verdict::Problem), 1);
    }

    #[test]
    fn sizes_are_short() {
        let pairs = [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345, "12 kB")];
        for (bytes, expected) in
            pairs.into_iter().chain([(999_600, "1.0 MB"), (5_240_000_000, "5.2 GB")])
        {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      30 22 0:25 / /data rw - tmpfs tmpfs rw\n\
                      31 22 0:26 / /data rw shared:2 master:3 - xfs /dev/sdb rw\n\
                      32 22 0:27 / /my\\040disk rw - nfs4 host:/x rw\n";
        let of = |path: &str| file_system(mounts, Path::new(path));
        assert_eq!(of("/home/u").as_deref(), Some("ext4"));
        assert_eq!(of("/data/store").as_deref(), Some("xfs"));
        assert_eq!(of("/database").as_deref(), Some("ext4"));
        assert_eq!(of("/my disk/a").as_deref(), Some("nfs4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }
}
