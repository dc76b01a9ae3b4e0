//! Where a template comes from.

use std::path::Path;
use std::process::Command;

/// The commit of the repository that the template lies in, for the record.
pub fn git_commit(folder: &Path) -> Option<String> {
    // Outside of any repository, a process that only says so would take as long as a short study.
    let folder = folder.canonicalize().ok()?;
    let is_inside = folder.ancestors().any(|above| above.join(".git").exists());
    if !is_inside && std::env::var_os("GIT_DIR").is_none() {
        return None;
    }
    let output =
        Command::new("git").arg("-C").arg(folder).args(["rev-parse", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
