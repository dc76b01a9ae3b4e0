//! `optimize templates`.

use serde::Serialize;

use crate::cli::{Output, Templates, TemplatesAction};
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::library;
use crate::say::print;

#[derive(Serialize)]
struct Listed {
    name: String,
    description: String,
}

/// `optimize templates`.
///
/// # Errors
/// The template is not there.
pub fn templates(args: &Templates) -> Result<Exit, Failure> {
    match &args.action {
        TemplatesAction::List { format } => list(*format),
        TemplatesAction::Show { template } => print(&library::find(template)?.text),
        TemplatesAction::Diff { first, second, format } => diff(first, second, *format),
    }?;
    Ok(Exit::Done)
}

/// A key whose values differ; null where a template lacks it.
#[derive(Serialize)]
struct Differing {
    key: String,
    first: Option<String>,
    second: Option<String>,
}

fn diff(first: &str, second: &str, format: Output) -> Result<(), Failure> {
    let document = |name: &str| library::document(&library::find(name)?, &[]);
    let differences = document(first)?.differences(&document(second)?);
    print(&match format {
        Output::Json => {
            let all = differences.into_iter();
            json(
                &all.map(|each| Differing {
                    key: each.key,
                    first: each.first,
                    second: each.second,
                })
                .collect::<Vec<_>>(),
            )?
        }
        Output::Table if differences.is_empty() => "no differences".to_owned(),
        Output::Table => {
            let mut lines = vec![format!("- {first}"), format!("+ {second}")];
            for difference in differences {
                lines.push(String::new());
                lines.push(difference.key);
                let sides = [("-", difference.first), ("+", difference.second)];
                let there = sides.into_iter().filter_map(|(sign, text)| Some((sign, text?)));
                lines.extend(there.map(|(sign, text)| format!("  {sign} {text}")));
            }
            lines.join("\n")
        }
    })
}

fn list(format: Output) -> Result<(), Failure> {
    let names = library::names();
    print(&match format {
        Output::Json => {
            let listed = names.into_iter().map(|(name, description)| Listed { name, description });
            json(&listed.collect::<Vec<_>>())?
        }
        Output::Table => {
            let mut table = people_table(vec!["template".to_owned(), "description".to_owned()]);
            for (name, description) in names {
                table.add_row([name, description]);
            }
            table.trim_fmt()
        }
    })
}
