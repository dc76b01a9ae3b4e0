//! The secret of coordinators and workers.

use crate::doctor::{Area, Finding};
use crate::key::{Found, Place};

/// Judges a key, or its absence; none where it is neither there nor needed.
#[must_use]
pub fn judge_key(
    place: &Place,
    found: Result<Option<&Found>, String>,
    is_needed: bool,
) -> Option<Finding> {
    let said = |text: String| Finding::ok(Area::Key, "key", text);
    let key = match found {
        Ok(Some(key)) => key,
        Ok(None) if !is_needed => return None,
        Ok(None) => {
            return Some(said(place.missing()).problem(
                "the first `optimize start --queue URL` makes one: copy its file from that \
                 machine, to the same place or for --key-file",
            ));
        }
        Err(reason) => return Some(Finding::fault(Area::Key, "key", reason)),
    };
    let fingerprint = key.key.fingerprint();
    let finding = said(format!("{place}: {} characters, fingerprint {fingerprint}", key.length));
    Some(match (key.mode, place) {
        (Some(mode), Place::File(path)) if mode & 0o077 != 0 => finding.warning(format!(
            "others on this machine may read or change it (mode {mode:o}): chmod 600 {}",
            path.display()
        )),
        _ => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use jobs::Key;

    #[test]
    fn a_key_is_judged_without_being_shown() {
        let place = Place::File("/home/u/key".into());
        let key = |mode| Found { key: Key::from_text("a secret of ours"), length: 16, mode };
        let judge = |found, is_needed| judge_key(&place, found, is_needed);
        let (private, public) = (key(Some(0o600)), key(Some(0o644)));
        let good = judge(Ok(Some(&private)), true).expect("a finding");
        assert_eq!(good.verdict, Verdict::Ok);
        assert!(good.found.starts_with("the key in /home/u/key: 16 characters, fingerprint "));
        assert!(!good.found.contains("a secret"));
        let open = judge(Ok(Some(&public)), true).expect("a finding");
        assert_eq!(open.verdict, Verdict::Warning);
        assert!(open.remedy.is_some_and(|remedy| remedy.ends_with("chmod 600 /home/u/key")));
        assert_eq!(judge(Ok(None), false), None);
        assert_eq!(judge(Ok(None), true).expect("a finding").verdict, Verdict::Problem);
        let short = judge(Err("too short".to_owned()), false).expect("a finding");
        assert_eq!((short.verdict, short.found.as_str()), (Verdict::Problem, "too short"));
    }

    #[test]
    fn the_environment_shows_no_key_either() {
        let place = Place::Environment("a secret of ours".to_owned());
        let found = Found { key: Key::from_text("a secret of ours"), length: 16, mode: None };
        let finding = judge_key(&place, Ok(Some(&found)), true).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.found.starts_with("the key in OPTIMIZE_KEY: 16"), "{}", finding.found);
    }
}
