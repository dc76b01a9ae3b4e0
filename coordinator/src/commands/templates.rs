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
    }?;
    Ok(Exit::Done)
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
