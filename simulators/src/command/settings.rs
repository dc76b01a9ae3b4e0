//! The table `[command]`.

use search_spaces::{Section, Space, TemplateError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::Output;
use super::quantity::{bytes, duration};
use super::text::{Names, Style, Text};
use super::whereabouts::Whereabouts;

/// Raised whenever the same settings and program may give other answers than before.
const SEMANTICS: u32 = 2;

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A child stays and answers trial after trial.
    Persistent,
    /// A child per trial.
    Once,
}

/// Whose working directories are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those of failed trials.
    Failed,
    /// All.
    All,
    /// None.
    None,
}

/// A file that is written for each trial.
#[derive(Debug)]
pub(super) struct Deck {
    /// Its name in the trial's working directory.
    pub file: String,
    /// What it holds.
    pub text: Text,
}

/// What is fixed for all trials.
#[derive(Debug)]
pub(super) struct Settings {
    pub mode: Mode,
    /// The program and its arguments, as they are written.
    pub run: Vec<String>,
    /// The program, resolved.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<Text>,
    pub env: Vec<(String, Text)>,
    pub input: Option<Text>,
    pub deck: Option<Deck>,
    pub metrics: Vec<String>,
    /// How many steps a trial may take at most, in the program's own unit.
    pub budget: Option<u64>,
    pub output: Output,
    pub limits: Limits,
    pub retries: u32,
    /// Exit codes of failures that may pass.
    pub retry_on: Vec<i64>,
    pub keep: Keep,
    /// So many working directories are kept at most.
    pub keep_limit: u64,
    /// Where the program runs, unless each trial has a working directory of its own.
    pub folder: PathBuf,
    /// Whether each trial has a working directory of its own.
    pub fresh: bool,
    /// Files that are at hand in a working directory.
    pub inputs: Vec<PathBuf>,
    /// A child is replaced after so many trials.
    pub recycle: u64,
    /// A child with more resident memory, in bytes, is replaced between two trials.
    pub recycle_at: Option<u64>,
    /// Where the template is.
    pub whereabouts: Whereabouts,
    pub fingerprint: [u8; 32],
    /// Files beside the template that are part of the program or read by it, as named.
    pub files: Vec<String>,
}

/// What a program may take.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Time for one trial.
    pub timeout: Option<Duration>,
    /// Time for the handshake.
    pub startup: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Address space, in bytes.
    pub memory: Option<u64>,
    /// Processor time of one child.
    pub cpu: Option<Duration>,
    /// Bytes kept of each output stream.
    pub output: usize,
}

/// Keys that have a meaning for a child per trial only.
const ONCE_ONLY: [&str; 5] = ["input", "deck", "output", "keep", "keep_limit"];

/// TOML has whole numbers up to this one.
const MOST: i64 = i64::MAX;

impl Settings {
    /// Reads the table; `template_folder` is where relative paths start.
    pub(super) fn read(
        mut section: Section<'_>,
        space: &Space,
        template_folder: &Path,
    ) -> Result<Self, TemplateError> {
        let s = &mut section;
        let mode = mode(s)?;
        let metrics = metrics(s)?;
        let budget = whole(s, "budget", 1, MOST)?.map(i64::cast_unsigned);
        let names = Names { space, budget };
        let base = std::path::absolute(template_folder).unwrap_or(template_folder.to_owned());
        let folder = folder(s, &base)?;
        let run = run(s)?;
        let program = resolve(&run[0], &base)
            .map_err(|found| s.error("run", found, "a program on PATH or beside the template"))?;
        let output = Output::read(s, &metrics)?;
        let (deck, deck_source) = deck(s, names, &base)?;
        let keeps = [("failed", Keep::Failed), ("all", Keep::All), ("none", Keep::None)];
        let keep = s.one_of("keep", &keeps)?;
        let fresh = deck.is_some() || keep.is_some() || matches!(output, Output::Csv { .. });
        let elsewhere = fresh || folder != base;
        let arguments = arguments(s, mode, names, &run, elsewhere.then_some(&base))?;
        let (env, env_sources) = environment(s, mode, names)?;
        let input_source = s.text("input")?;
        let input = input_source.as_deref().map(|source| text(s, "input", source, mode, names));
        let input = input.transpose()?;
        let inputs = inputs(s, &base)?;
        if fresh {
            check_names(s, &inputs, deck.as_ref(), &output)?;
        }
        let mut parts = Parts::new();
        parts.part(format!("{mode:?} {run:?} {metrics:?} {env_sources:?}").as_bytes());
        parts.part(output.canonical().as_bytes());
        parts.part(format!("{input_source:?} {deck_source:?}").as_bytes());
        if let Some(budget) = budget {
            parts.part(format!("budget {budget}").as_bytes());
        }
        let fingerprint = parts.with_files(s, &run, &base)?;
        let files = files(s, &run, &base)?;
        let settings = Self {
            mode,
            run,
            program,
            arguments,
            env,
            input,
            deck,
            metrics,
            budget,
            output,
            limits: limits(s)?,
            retries: whole(s, "retries", 0, 1000)?.unwrap_or(0) as u32,
            retry_on: s.integers("retry_on")?.unwrap_or_else(|| vec![75]),
            keep: keep.unwrap_or(Keep::Failed),
            keep_limit: whole(s, "keep_limit", 1, MOST)?.map_or(100, i64::cast_unsigned),
            folder,
            fresh,
            inputs,
            recycle: whole(s, "recycle", 1, MOST)?.map_or(u64::MAX, i64::cast_unsigned),
            recycle_at: bytes(s, "recycle_at")?,
            whereabouts: Whereabouts::of(&base),
            fingerprint,
            files,
        };
        section.finish()?;
        Ok(settings)
    }
}

/// Those of the names in `run`, `inputs` and `deck` that are files beside the template.
fn files(s: &mut Section<'_>, run: &[String], base: &Path) -> Result<Vec<String>, TemplateError> {
    let beside = |name: &&String| !Path::new(name).is_absolute() && base.join(name).is_file();
    let mut files: Vec<String> = run.iter().filter(beside).cloned().collect();
    files.extend(s.texts("inputs")?.unwrap_or_default());
    if let Some(mut deck) = s.section("deck")? {
        files.extend(deck.text("template")?);
    }
    Ok(files)
}

fn mode(s: &mut Section<'_>) -> Result<Mode, TemplateError> {
    let modes = [("persistent", Mode::Persistent), ("once", Mode::Once)];
    let mode = s.one_of("mode", &modes)?.unwrap_or(Mode::Persistent);
    let keys = s.keys();
    match ONCE_ONLY.into_iter().find(|key| keys.iter().any(|found| found == key)) {
        Some(key) if mode == Mode::Persistent => {
            Err(s.error(key, "it beside mode = \"persistent\"", "it with mode = \"once\""))
        }
        _ => Ok(mode),
    }
}

fn whole(
    s: &mut Section<'_>,
    key: &str,
    least: i64,
    most: i64,
) -> Result<Option<i64>, TemplateError> {
    match s.integer(key)? {
        Some(value) if !(least..=most).contains(&value) => {
            let allowed = format!("a whole number from {least} to {most}");
            Err(s.error(key, value.to_string(), allowed))
        }
        value => Ok(value),
    }
}

fn metrics(s: &mut Section<'_>) -> Result<Vec<String>, TemplateError> {
    let allowed = "the names of the metrics that the program returns, such as [\"cost\"]";
    let Some(metrics) = s.texts("metrics")? else { return Err(s.missing("metrics", allowed)) };
    let mut distinct: Vec<&String> = metrics.iter().filter(|name| !name.is_empty()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if metrics.is_empty() || distinct.len() < metrics.len() {
        let allowed = format!("{allowed}, each once");
        return Err(s.error("metrics", format!("{metrics:?}"), allowed));
    }
    Ok(metrics)
}

fn folder(s: &mut Section<'_>, base: &Path) -> Result<PathBuf, TemplateError> {
    let Some(name) = s.text("folder")? else { return Ok(base.to_owned()) };
    let folder = base.join(&name);
    if !folder.is_dir() {
        return Err(s.error("folder", format!("{name:?}"), "a folder that is there"));
    }
    Ok(folder)
}

fn run(s: &mut Section<'_>) -> Result<Vec<String>, TemplateError> {
    let allowed = "a program and its arguments, such as [\"python3\", \"sim.py\"]";
    let Some(run) = s.texts("run")? else { return Err(s.missing("run", allowed)) };
    match run.first() {
        Some(program) if !program.is_empty() => Ok(run),
        _ => Err(s.error("run", format!("{run:?}"), allowed)),
    }
}

/// Whether there is a file that may be executed.
pub(super) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The path of a program that is called by its name alone.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join(name));
    places.find(|place| place.is_absolute() && is_program(place))
}

/// The path of a program, or what is wrong with it.
fn resolve(program: &str, base: &Path) -> Result<PathBuf, String> {
    let beside = base.join(program);
    if let Some(found) = on_path(program) {
        return Ok(found);
    }
    match beside.metadata() {
        Ok(_) if is_program(&beside) => Ok(beside),
        Ok(found) if found.is_file() => Err(format!("{program:?}, which is not executable")),
        _ => Err(format!("{program:?}, which is not there")),
    }
}

fn text(
    s: &Section<'_>,
    key: &str,
    source: &str,
    mode: Mode,
    names: Names<'_>,
) -> Result<Text, TemplateError> {
    let text = Text::parse(source, Style::Inline, names)
        .map_err(|(found, allowed)| s.error(key, found, allowed))?;
    if mode == Mode::Persistent && text.varies() {
        let allowed = "no placeholders with mode = \"persistent\", whose child serves many trials \
             and reads their parameters; or mode = \"once\"";
        return Err(s.error(key, format!("{source:?}"), allowed));
    }
    Ok(text)
}

/// The arguments; those that name a file beside the template are given with their path where the
/// program runs `elsewhere`.
fn arguments(
    s: &Section<'_>,
    mode: Mode,
    names: Names<'_>,
    run: &[String],
    elsewhere: Option<&PathBuf>,
) -> Result<Vec<Text>, TemplateError> {
    let parse = |source: &String| {
        if let Some(path) = elsewhere.map(|base| base.join(source)).filter(|path| path.is_file()) {
            let path = path.display().to_string().replace('{', "{{").replace('}', "}}");
            return text(s, "run", &path, mode, names);
        }
        text(s, "run", source, mode, names)
    };
    run[1..].iter().map(parse).collect()
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

type Environment = (Vec<(String, Text)>, Vec<(String, String)>);

fn environment(
    s: &mut Section<'_>,
    mode: Mode,
    names: Names<'_>,
) -> Result<Environment, TemplateError> {
    let limit = s.keys().into_iter().find(|key| ["memory", "cpu"].contains(&key.as_str()));
    let mut table = s.section_or_empty("env")?;
    let (mut texts, mut sources) = (Vec::new(), Vec::new());
    for name in table.keys() {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(table.error(&name, format!("{name:?}"), "a name without = in it"));
        }
        if let Some(limit) = limit.as_ref().filter(|_| !is_identifier(&name)) {
            let found = format!("{name:?} beside {limit}, which a shell sets");
            let allowed = "letters, digits and _, as shells throw other names away";
            return Err(table.error(&name, found, allowed));
        }
        let source = table.text(&name)?.expect("the key is there");
        texts.push((name.clone(), text(&table, &name, &source, mode, names)?));
        sources.push((name, source));
    }
    Ok((texts, sources))
}

fn deck(
    s: &mut Section<'_>,
    names: Names<'_>,
    base: &Path,
) -> Result<(Option<Deck>, Option<String>), TemplateError> {
    let Some(mut table) = s.section("deck")? else { return Ok((None, None)) };
    let Some(file) = table.text("file")? else {
        return Err(table.missing("file", "the name of the file that the program reads"));
    };
    if Path::new(&file).file_name().is_none_or(|name| name != file.as_str()) {
        return Err(table.error("file", format!("{file:?}"), "a file name without a folder"));
    }
    let Some(template) = table.text("template")? else {
        return Err(table.missing("template", "a text file with {{ name }} placeholders"));
    };
    let source = std::fs::read_to_string(base.join(&template)).map_err(|error| {
        table.error("template", format!("{template:?} ({error})"), "a text file that is there")
    })?;
    let text = Text::parse(&source, Style::Deck, names).map_err(|(found, allowed)| {
        table.error("template", format!("{template:?} with {found}"), allowed)
    })?;
    table.finish()?;
    Ok((Some(Deck { file, text }), Some(source)))
}

fn inputs(s: &mut Section<'_>, base: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    let names = s.texts("inputs")?.unwrap_or_default();
    let paths: Vec<PathBuf> = names.iter().map(|name| base.join(name)).collect();
    match paths.iter().position(|path| !path.is_file()) {
        Some(index) => {
            let found = format!("{:?}, which is not there", names[index]);
            Err(s.error("inputs", found, "files beside the template"))
        }
        None => Ok(paths),
    }
}

/// Makes sure that no two files in a trial's working directory have one name: a deck, or what the
/// program writes, would end up in the file that an input is a link to.
fn check_names(
    s: &Section<'_>,
    inputs: &[PathBuf],
    deck: Option<&Deck>,
    output: &Output,
) -> Result<(), TemplateError> {
    let csv = match output {
        Output::Csv { file, .. } => Path::new(file).components().next(),
        _ => None,
    };
    let csv = csv.map(std::path::Component::as_os_str);
    for (index, input) in inputs.iter().enumerate() {
        let name = input.file_name();
        let by = if inputs[..index].iter().any(|other| other.file_name() == name) {
            "the name of another input"
        } else if deck.is_some_and(|deck| name == Some(deck.file.as_ref())) {
            "the name of the deck"
        } else if name == csv {
            "the name of the file that the program writes"
        } else {
            continue;
        };
        let name = name.unwrap_or_default().display();
        let allowed = "files with names of their own, as they are linked into one folder";
        return Err(s.error("inputs", format!("{:?}, which is {by}", name.to_string()), allowed));
    }
    Ok(())
}

fn limits(s: &mut Section<'_>) -> Result<Limits, TemplateError> {
    let output = bytes(s, "output_limit")?.unwrap_or(64 << 10);
    let most = 1 << 30;
    if output > most {
        return Err(s.error("output_limit", format!("{output} bytes"), "at most 1GiB"));
    }
    Ok(Limits {
        timeout: duration(s, "timeout")?,
        startup: duration(s, "startup")?.unwrap_or(Duration::from_mins(1)),
        grace: duration(s, "grace")?.unwrap_or(Duration::from_secs(2)),
        memory: bytes(s, "memory")?,
        cpu: duration(s, "cpu")?,
        output: output as usize,
    })
}

/// A hash of parts, each after its length.
struct Parts(blake3::Hasher);

impl Parts {
    fn new() -> Self {
        let mut parts = Self(blake3::Hasher::new());
        parts.part(b"command");
        parts.part(&SEMANTICS.to_le_bytes());
        parts
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The contents of those of the names that are files beside the template. Programs of the
    /// machine, which are absolute paths or on PATH, stay with their names.
    fn files(
        &mut self,
        s: &Section<'_>,
        key: &str,
        names: &[String],
        base: &Path,
    ) -> Result<(), TemplateError> {
        for name in names {
            let path = base.join(name);
            if Path::new(name).is_absolute() && key == "run" || !path.is_file() {
                continue;
            }
            let fault = |error: std::io::Error| {
                s.error(key, format!("{name:?} ({error})"), "files that can be read")
            };
            let mut contents = blake3::Hasher::new();
            contents.update_reader(std::fs::File::open(&path).map_err(fault)?).map_err(fault)?;
            self.part(name.as_bytes());
            self.part(contents.finalize().as_bytes());
        }
        Ok(())
    }

    /// The hash of the parts, and of the files that `run` and `inputs` name.
    fn with_files(
        mut self,
        s: &mut Section<'_>,
        run: &[String],
        base: &Path,
    ) -> Result<[u8; 32], TemplateError> {
        self.files(s, "run", run, base)?;
        let inputs = s.texts("inputs")?.unwrap_or_default();
        self.files(s, "inputs", &inputs, base)?;
        Ok(*self.0.finalize().as_bytes())
    }
}
