//! Data sets appear and disappear as a whole.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use simulators::{BARS, Bars, DataFolder, MANIFEST, Manifest, Origin, SETS_FORMAT, Source};
use simulators::{content_hash, time_text, write_bars};
use tempfile::TempDir;

use crate::error::SetError;
use crate::timeframe::Timeframe;
use crate::zone::Zone;

/// How the bars of a data set came about.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub timeframe: Timeframe,
    pub zone: Zone,
    pub sources: Vec<Source>,
    pub origin: Option<Origin>,
    pub repeated: u64,
    pub out_of_order: u64,
}

/// A data set that has been saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// Whether it was there already, with the same bars.
    pub was_there: bool,
}

/// A folder beside the data sets for what is under way; no name of a data set begins as its own.
pub(crate) fn staging(folder: &DataFolder) -> Result<TempDir, SetError> {
    let path = folder.path();
    std::fs::create_dir_all(path).map_err(|error| SetError::io("make", path, error))?;
    let made = tempfile::Builder::new().prefix(".partial-").tempdir_in(path);
    made.map_err(|error| SetError::io("write", path, error))
}

/// Saves bars under a name.
pub(crate) fn save(
    folder: &DataFolder,
    staging: &TempDir,
    name: &str,
    bars: &[Bars],
    made: Made,
    replace: bool,
) -> Result<Saved, SetError> {
    if !DataFolder::is_name(name) {
        let allowed =
            "lower-case letters, digits, - and _, the first a letter or a digit, at most 64";
        return Err(SetError::asked("--name", format!("\"{name}\""), allowed));
    }
    let content = content_hash(bars);
    let (timeframe, timezone) = (made.timeframe.to_string(), made.zone.name().to_owned());
    if folder.has(name) {
        let manifest = folder.manifest(name)?;
        let is_same = manifest.content == content
            && manifest.timeframe == timeframe
            && manifest.timezone == timezone;
        if is_same && folder.read(name).is_ok() {
            return Ok(Saved { name: name.to_owned(), manifest, was_there: true });
        }
        if !replace {
            let found = format!(
                "\"{name}\", a data set with {} bars of {} (hash {}…), and these are {} (hash {}…)",
                manifest.rows,
                manifest.symbols.join(", "),
                &manifest.content[..12],
                bars.iter().map(|bars| bars.times.len()).sum::<usize>(),
                &content[..12]
            );
            return Err(SetError::asked("--name", found, "another name, or --replace"));
        }
    }
    let whole = staging.path().join(name);
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |error| SetError::io(action, &path, error)
    };
    std::fs::create_dir(&whole).map_err(io("make", &whole))?;
    let path = whole.join(BARS);
    let written = File::create(&path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write_bars(bars, &mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    });
    written.map_err(io("write", &path))?;
    let bytes = std::fs::read(&path).map_err(io("read", &path))?;
    let file = blake3::hash(&bytes).to_hex().to_string();
    drop(bytes);
    let manifest = manifest(bars, made, content, file);
    let path = whole.join(MANIFEST);
    let text = serde_json::to_string_pretty(&manifest).expect("texts and numbers are JSON");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(io("write", &path))?;
    place(&whole, &folder.of(name)).map_err(io("write", &folder.of(name)))?;
    Ok(Saved { name: name.to_owned(), manifest, was_there: false })
}

fn manifest(bars: &[Bars], made: Made, content: String, file: String) -> Manifest {
    let first = bars.iter().filter_map(|bars| bars.times.first()).min();
    let last = bars.iter().filter_map(|bars| bars.times.last()).max();
    let columns = bars.first().map_or(&[][..], |bars| &bars.columns[..]);
    let text = |time: Option<&i64>| time.map_or_else(String::new, |time| time_text(*time));
    Manifest {
        format: SETS_FORMAT,
        symbols: bars.iter().map(|bars| bars.symbol.clone()).collect(),
        timeframe: made.timeframe.to_string(),
        timezone: made.zone.name().to_owned(),
        rows: bars.iter().map(|bars| bars.times.len() as u64).sum(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        first: text(first),
        last: text(last),
        content,
        file,
        sources: made.sources,
        origin: made.origin,
        repeated: made.repeated,
        out_of_order: made.out_of_order,
    }
}

/// Gives a folder its name. One that has the name takes its place in turn, in one step where the
/// file system can do that, so that nobody finds half of either.
fn place(whole: &Path, name: &Path) -> std::io::Result<()> {
    if !name.exists() {
        return std::fs::rename(whole, name);
    }
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, whole, CWD, name, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let aside = whole.with_extension("replaced");
    std::fs::rename(name, &aside)?;
    std::fs::rename(whole, name).inspect_err(|_| {
        // What was there is put back, as far as that can be done.
        let _ = std::fs::rename(&aside, name);
    })
}

/// Removes a data set.
///
/// # Errors
/// There is none of that name, or it cannot be removed.
pub fn remove(folder: &DataFolder, name: &str) -> Result<(), SetError> {
    if !folder.has(name) {
        return Err(folder.unknown(name).into());
    }
    // Out of sight first: what is half removed has no name of a data set.
    let staging = staging(folder)?;
    let path = folder.of(name);
    std::fs::rename(&path, staging.path().join(name))
        .map_err(|error| SetError::io("remove", &path, error))?;
    staging.close().map_err(|error| SetError::io("remove", &path, error))
}
