//! What is found when a machine, a server and a template are looked at, and what that means.
//!
//! Everything here is a function of what was seen; `commands::doctor` does the looking.

mod key;
mod machine;
mod server;
mod studies;

use serde::Serialize;

pub use key::judge_key;
pub use machine::{Folder, Machine, file_system, judge_machine, size};
pub use server::judge_server;
pub use studies::{judge_studies, study_name};

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Nobody would say.
    Unknown,
    /// It works, and may not go as one expects.
    Warning,
    /// It does not work.
    Problem,
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The machine that this runs on.
    Machine,
    /// The secret of coordinators and workers.
    Key,
    /// The server of a queue.
    Server,
    /// The studies that are up on the server.
    Studies,
    /// A template.
    Template,
}

impl Area {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Machine => "this machine",
            Self::Key => "key",
            Self::Server => "server",
            Self::Studies => "studies",
            Self::Template => "template",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is part of.
    pub area: Area,
    /// What was looked at.
    pub check: String,
    /// How good it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, where there is something to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something is as it should be.
    pub fn ok(area: Area, check: &str, found: impl Into<String>) -> Self {
        let (check, found) = (check.to_owned(), found.into());
        Self { area, check, verdict: Verdict::Ok, found, remedy: None }
    }

    /// Nobody would say.
    pub fn unknown(area: Area, check: &str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::ok(area, check, found) }
    }

    /// It does not work, and what was found says what to do.
    pub fn fault(area: Area, check: &str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::ok(area, check, found) }
    }

    /// It works, and something may be done about it.
    #[must_use]
    pub fn warning(self, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, remedy: Some(remedy.into()), ..self }
    }

    /// It does not work, and something has to be done about it.
    #[must_use]
    pub fn problem(self, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, remedy: Some(remedy.into()), ..self }
    }
}

/// A number of things, as people say it.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    match count {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

/// How many findings are as bad as that.
#[must_use]
pub fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// The findings in a few words.
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    let problems = count(findings, Verdict::Problem);
    let warnings = count(findings, Verdict::Warning);
    match (problems, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => format!("{}, no problems", counted(warnings, "warning")),
        (problems, 0) => counted(problems, "problem"),
        (problems, warnings) => {
            format!("{}, {}", counted(problems, "problem"), counted(warnings, "warning"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_what_is_wrong() {
        let ok = || Finding::ok(Area::Server, "clock", "right");
        let with = |findings: &[Finding]| summary(findings);
        assert_eq!(with(&[ok()]), "nothing is wrong");
        assert_eq!(with(&[ok(), ok().warning("set it")]), "1 warning, no problems");
        assert_eq!(with(&[ok().problem("set it"), ok().problem("set it")]), "2 problems");
        assert_eq!(with(&[ok().problem("a"), ok().warning("b")]), "1 problem, 1 warning");
    }
}
