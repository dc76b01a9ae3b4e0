//! Where templates come from: the library, a file, or a built-in problem.

use std::path::{Path, PathBuf};

use search_spaces::{Document, TEMPLATES, Template, nearest, template};
use simulators::{problem_names, problem_template, problem_template_of, simulator_names};

use crate::exit::Failure;

/// Prefix of the templates that are made for a built-in problem, as in `problem:sphere`.
const PROBLEM: &str = "problem:";

/// A template found by name: its text, the name that messages give it, and the folder that its
/// relative paths start from.
#[derive(Clone, Debug)]
pub struct Source {
    /// TOML.
    pub text: String,
    /// For messages: the path, or the name in the library.
    pub file: String,
    /// Where relative paths start.
    pub folder: PathBuf,
}

/// The names of all built-in templates with one line of description, sorted: those of the
/// library, then those of the problems.
#[must_use]
pub fn names() -> Vec<(String, String)> {
    let described = |name: String, text: &str| {
        let document = Document::parse(&name, text).ok();
        let description = document.and_then(|d| d.section().text("description").ok().flatten());
        (name, description.unwrap_or_default())
    };
    let library = TEMPLATES.iter().map(|(name, text)| described((*name).to_owned(), text));
    let problems = problem_names().into_iter().map(|name| {
        described(format!("{PROBLEM}{name}"), &problem_template(name).unwrap_or_default())
    });
    library.chain(problems).collect()
}

/// Finds a template: `name` is a path to a TOML file, a name of the library, or
/// `problem:` and the name of a built-in problem.
///
/// # Errors
/// There is none, or it cannot be read; says which names there are, and which one was meant.
pub fn find(name: &str) -> Result<Source, Failure> {
    let here = PathBuf::from(".");
    if let Some(problem) = name.strip_prefix(PROBLEM) {
        if let Some(text) = problem_template(problem) {
            return Ok(Source { text, file: name.to_owned(), folder: here });
        }
    } else if let Some(text) = template(name) {
        return Ok(Source { text: text.to_owned(), file: name.to_owned(), folder: here });
    }
    let path = Path::new(name);
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    if path.is_file() || is_toml || name.contains(std::path::MAIN_SEPARATOR) {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("failed to read the template {name}: {error}"))
        })?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.map_or(here, Path::to_owned);
        return Ok(Source { text, file: name.to_owned(), folder });
    }
    let known = names();
    let known: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let hint = nearest(name, known.iter().copied())
        .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
    let known = known.join(", ");
    Err(Failure::usage(format!(
        "--template: found \"{name}\"{hint}, allowed: a path to a TOML file, or one of {known}"
    )))
}

/// Parses a template, lays overrides over it, and fills in what a built-in problem knows of
/// itself: its objectives and its space.
///
/// # Errors
/// Any fault of the template or of an override.
pub fn document(source: &Source, overrides: &[String]) -> Result<Document, Failure> {
    let laid_over = |text: &str| -> Result<Document, Failure> {
        let mut document = Document::parse(&source.file, text)?;
        for assignment in overrides {
            document.set(assignment)?;
        }
        Ok(document)
    };
    let mut document = laid_over(&source.text)?;
    if source.file.starts_with(PROBLEM)
        && let Some(text) = problem_of(&document)?
    {
        // An override may ask for another number of variables or objectives than it is written
        // with.
        document = laid_over(&text)?;
    }
    let mut root = document.section();
    let simulator = root.text("simulator")?;
    if let Some(name) = simulator.as_deref().filter(|name| !simulator_names().contains(name)) {
        let hint = nearest(name, simulator_names().iter().copied())
            .map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"));
        let found = format!("\"{name}\"{hint}");
        return Err(root.error("simulator", found, simulator_names().join(", ")).into());
    }
    if simulator.as_deref() == Some("problem")
        && let Some(text) = problem_of(&document)?
    {
        document.fill_from(&Document::parse("built-in problem", &text)?);
    }
    Ok(document)
}

/// The template of the built-in problem that the table `[problem]` names, with as many variables
/// and objectives as it asks for.
fn problem_of(document: &Document) -> Result<Option<String>, Failure> {
    let mut root = document.section();
    let mut problem = root.section_or_empty("problem")?;
    let Some(name) = problem.text("name")? else { return Ok(None) };
    // What is no number is found fault with where the problem is opened.
    let mut count = |key: &str| usize::try_from(problem.integer(key).ok()??).ok();
    let (dimensions, objectives) = (count("dimensions"), count("objectives"));
    Ok(problem_template_of(&name, dimensions, objectives))
}

/// Reads the template of a name, with overrides.
///
/// # Errors
/// It is not found, or at fault.
pub fn load(name: &str, overrides: &[String]) -> Result<Template, Failure> {
    let source = find(name)?;
    Ok(Template::read(document(&source, overrides)?, &source.folder)?)
}
