//! Points that a person wants to be evaluated first, as a template lists them.
//!
//! ```toml
//! [[enqueue]]
//! fast = 10
//! slow = 50
//! ```
//!
//! A point is given whole: what a study begins with does not depend on chance. Only parameters
//! whose condition does not hold at the point are left out, and have to be.

use crate::error::TemplateError;
use crate::parameter::Parameter;
use crate::section::Section;
use crate::space::Space;
use crate::value::{Point, Value};

/// Reads the list of tables `enqueue`; a point that is there twice counts once.
///
/// # Errors
/// An unknown parameter, a value outside its domain, a parameter that is missing or does not
/// count at the point, or a point that breaks a constraint.
pub(crate) fn read_points(
    root: &mut Section<'_>,
    space: &Space,
) -> Result<Vec<Point>, TemplateError> {
    let mut points = Vec::new();
    for table in root.sections("enqueue")? {
        let point = read_point(table, space)?;
        if !points.contains(&point) {
            points.push(point);
        }
    }
    Ok(points)
}

fn read_point(mut table: Section<'_>, space: &Space) -> Result<Point, TemplateError> {
    let mut values = Vec::new();
    for parameter in space.parameters() {
        let name = parameter.name();
        values.push(match table.written(name)? {
            None => Value::Inactive,
            Some(text) => parameter
                .parse(&text)
                .ok_or_else(|| table.error(name, text, parameter.allowed()))?,
        });
    }
    let point = space.point(values.clone());
    for ((parameter, given), value) in space.parameters().iter().zip(&values).zip(point.values()) {
        let (name, when) = (parameter.name(), parameter.when());
        let is_due = when.is_none_or(|when| when.holds(&point) == Some(true));
        if let (Some(when), Value::Inactive) = (when, value)
            && *given != Value::Inactive
        {
            let found = format!("{}, where it does not count", parameter.text(*given));
            return Err(table.error(name, found, format!("it when {}", when.source())));
        }
        if is_due && *given == Value::Inactive {
            return Err(table.missing(name, parameter.allowed()));
        }
    }
    let broken = space.constraints().iter().find(|each| each.holds(&point) == Some(false));
    if let Some(constraint) = broken {
        let found = described(space.parameters(), &point);
        return Err(table.error("", found, format!("points with {}", constraint.source())));
    }
    table.finish()?;
    Ok(point)
}

/// The values of a point by name.
fn described(parameters: &[Parameter], point: &Point) -> String {
    let active = parameters.iter().zip(point.values()).filter(|(_, v)| **v != Value::Inactive);
    let texts = active
        .map(|(parameter, value)| format!("{} = {}", parameter.name(), parameter.text(*value)));
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    const SPACE: &str = "
        fast = { int = [2, 20] }
        slow = { int = [10, 60] }
        size = { choice = ['10', '20'] }
        filter = { choice = ['none', 'rsi'] }
        level = { float = [20.0, 80.0], when = \"filter == 'rsi'\" }
        constraints = ['fast < slow']
    ";

    fn read(text: &str) -> Result<Vec<String>, TemplateError> {
        let space = Document::parse("s.toml", SPACE).unwrap();
        let space = Space::read(space.section()).unwrap();
        let document = Document::parse("t.toml", text)?;
        let points = read_points(&mut document.section(), &space)?;
        assert!(points.iter().all(|point| space.contains(point)));
        Ok(points.iter().map(|point| described(space.parameters(), point)).collect())
    }

    #[test]
    fn both_ways_of_writing_a_list_of_tables_are_read() {
        let tables = "[[enqueue]]\nfast = 5\nslow = 20\nsize = '10'\nfilter = 'none'\n\
                      [[enqueue]]\nfast = 6\nslow = 20\nsize = 20\nfilter = 'rsi'\nlevel = 50";
        let inline = "enqueue = [{ fast = 5, slow = 20, size = 10, filter = 'none' },\n\
                      { fast = 6, slow = 20, size = '20', filter = 'rsi', level = 50.0 },\n\
                      { fast = '6', slow = 20, size = '20', filter = 'rsi', level = 50 }]";
        let points = read(tables).unwrap();
        assert_eq!(points[0], "fast = 5, slow = 20, size = 10, filter = none");
        assert_eq!(points[1], "fast = 6, slow = 20, size = 20, filter = rsi, level = 50");
        assert_eq!(read(inline).unwrap(), points, "and a repetition counts once");
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn faults_name_the_key_the_value_and_what_is_allowed() {
        let good = "fast = 5, slow = 20, size = '10', filter = 'rsi', level = 50";
        for (from, to, message) in [
            ("fast = 5", "fast = 1", "t.toml:1: enqueue[0].fast: found 1, allowed: 2 … 20"),
            ("fast = 5", "fast = 5.5", "enqueue[0].fast: found 5.5"),
            ("fast = 5", "fsat = 5", "enqueue[0].fast: found nothing (but \"fsat\")"),
            ("'10'", "'30'", "enqueue[0].size: found 30, allowed: 10, 20"),
            (", level = 50", "", "enqueue[0].level: found nothing, allowed: 20 … 80"),
            ("'rsi'", "'none'", "level: found 50, where it does not count, allowed: it when"),
            ("fast = 5", "fast = 5, extra = 1", "enqueue[0].extra: found an unknown key"),
            (
                "slow = 20, size = '10'",
                "slow = 10, size = [1]",
                "enqueue[0].size: found [1], allowed: a number, text, true or false",
            ),
            ("fast = 5, slow = 20", "fast = 20, slow = 20", "allowed: points with fast < slow"),
        ] {
            let text = format!("enqueue = [{{ {} }}]", good.replacen(from, to, 1));
            let error = read(&text).expect_err(to).to_string();
            assert!(error.contains(message), "{to}: {error}");
        }
        assert!(read("enqueue = 3").unwrap_err().to_string().contains("a list of tables"));
    }
}
