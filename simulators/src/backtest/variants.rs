//! Rules of which a parameter of the space chooses one, so that mutations of a strategy are points
//! of its space.

use search_spaces::{Domain, Parameter, Section, TemplateError, expr};

use super::text::printable;

/// Reads the text of a rule. Where it is a table, `{ choose = "p", options = { a = "…", b = "" } }`,
/// it is the rule that `(p == 'a' and (…)) or …` is; an empty text is a rule that never holds.
pub(super) fn rule(
    section: &mut Section<'_>,
    key: &str,
    parameters: &[Parameter],
) -> Result<Option<String>, TemplateError> {
    if !section.is_table(key) {
        return section.text(key);
    }
    let mut table = section.section(key)?.expect("it was seen to be a table");
    let choices: Vec<(&str, &[String])> = parameters
        .iter()
        .filter(|parameter| matches!(parameter.domain(), Domain::Labels { .. }))
        .map(|parameter| (parameter.name(), parameter.labels()))
        .collect();
    let allowed = || match choices.as_slice() {
        [] => {
            "a parameter of the space with texts to choose from, of which there is none".to_owned()
        }
        some => {
            let names: Vec<&str> = some.iter().map(|(name, _)| *name).collect();
            format!("a parameter with texts to choose from: {}", names.join(", "))
        }
    };
    let Some(name) = table.text("choose")? else {
        return Err(table.missing("choose", allowed()));
    };
    let Some((_, labels)) = choices.iter().find(|(known, _)| *known == name) else {
        return Err(table.error("choose", format!("\"{name}\""), allowed()));
    };
    let each = || format!("a table with a rule, or \"\", for each of {}", labels.join(", "));
    let Some(mut options) = table.section("options")? else {
        return Err(table.missing("options", each()));
    };
    let mut chosen = Vec::new();
    for label in *labels {
        let Some(text) = options.text(label)? else {
            return Err(options.missing(label, each()));
        };
        if text.trim().is_empty() {
            continue;
        }
        // By itself first, so that no text can end the brackets around it.
        expr::parse(&text).map_err(|error| {
            let found = format!(
                "a syntax error ({}) at column {}",
                printable(&error.message),
                error.column
            );
            options.error(label, found, "a condition, such as close > sma(close, 50), or \"\"")
        })?;
        chosen.push(format!("({name} == '{label}' and ({text}))"));
    }
    options.finish()?;
    table.finish()?;
    Ok(Some(if chosen.is_empty() { "false".to_owned() } else { chosen.join(" or ") }))
}
