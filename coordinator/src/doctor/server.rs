//! The server of a queue.

use std::time::Duration;

use jobs::{Inspection, ServerAbout};

use crate::doctor::{Area, Finding, size};

/// Answers that take longer make small jobs slow.
const FAR: Duration = Duration::from_millis(50);

/// Clocks that differ by more are told.
const APART_MS: u64 = 2000;

/// What is said where the server does not let this user ask.
const NOT_TOLD: &str = "not told to this user";

/// Judges a server.
#[must_use]
pub fn judge_server(seen: &Inspection) -> Vec<Finding> {
    let mut findings = vec![judge_connection(seen), judge_encryption(seen)];
    match &seen.about {
        Some(about) => {
            findings.push(judge_version(about));
            findings.push(judge_role(about, seen.shards));
            findings.push(judge_memory(about));
            findings.push(judge_persistence(about, seen.stops_when_snapshots_fail));
        }
        None => findings.extend(
            ["version", "role", "memory", "persistence"]
                .map(|check| Finding::unknown(Area::Server, check, format!("{NOT_TOLD} (INFO)"))),
        ),
    }
    findings.extend(judge_user(seen));
    findings.push(judge_clock(seen));
    findings
}

fn ok(check: &str, found: impl Into<String>) -> Finding {
    Finding::ok(Area::Server, check, found)
}

fn judge_connection(seen: &Inspection) -> Finding {
    let milliseconds = seen.round_trip.as_secs_f64() * 1000.0;
    let digits = if milliseconds < 10.0 { 2 } else { 0 };
    let finding =
        ok("connection", format!("{} answers in {milliseconds:.digits$} ms", seen.address));
    if seen.round_trip < FAR {
        return finding;
    }
    finding.warning("have workers and server near each other, or trials of seconds")
}

fn judge_encryption(seen: &Inspection) -> Finding {
    match (seen.is_encrypted, seen.is_local) {
        (true, _) => ok("encryption", "TLS"),
        (false, true) => ok("encryption", "none, and none needed within this machine"),
        (false, false) => {
            ok("encryption", "none: messages are signed, and can be read on their way")
                .warning("rediss:// for TLS, unless the network is yours alone")
        }
    }
}

fn judge_version(about: &ServerAbout) -> Finding {
    let ServerAbout { product, version, .. } = about;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let oldest = if product == "Valkey" { (7, 2) } else { (7, 0) };
    let finding = ok("version", format!("{product} {version}"));
    if found >= oldest {
        return finding;
    }
    finding.problem("Redis 7.0 or later, or Valkey 7.2 or later")
}

fn judge_role(about: &ServerAbout, shards: Option<u64>) -> Finding {
    if about.is_replica {
        let remedy = "the address of its primary";
        return ok("role", "a replica, which takes nothing").problem(remedy);
    }
    match (about.is_cluster, shards) {
        (false, _) => ok("role", "primary, not in a cluster"),
        (true, Some(1)) => ok("role", "primary of a cluster of one shard"),
        (true, Some(shards)) => ok("role", format!("one of {shards} shards of a cluster"))
            .problem("a server, or a cluster of one shard"),
        (true, None) => Finding::unknown(
            Area::Server,
            "role",
            format!("in a cluster; how many shards it has is {NOT_TOLD} (CLUSTER INFO)"),
        ),
    }
}

fn judge_memory(about: &ServerAbout) -> Finding {
    let ServerAbout { used_memory, max_memory, policy, .. } = about;
    let limit = match max_memory {
        0 => "no limit".to_owned(),
        limit => format!("the most is {}", size(*limit)),
    };
    let finding = ok("memory", format!("{} in use, {limit}, {policy}", size(*used_memory)));
    if policy.starts_with("allkeys") {
        return finding.problem(
            "it throws jobs away when its memory is full: \
             `redis-cli config set maxmemory-policy noeviction`",
        );
    }
    if *max_memory > 0 && *used_memory > max_memory / 5 * 4 {
        return finding.warning("studies wait while it is full: give it more (maxmemory)");
    }
    finding
}

fn judge_persistence(about: &ServerAbout, stops: Option<bool>) -> Finding {
    let saving = about.saving;
    let disk = "make room on its disk";
    if saving.appends && saving.append_failed {
        return ok("persistence", "its last write to its file failed, so that it refuses others")
            .problem(disk);
    }
    let config = "or `redis-cli config set stop-writes-on-bgsave-error no`";
    match (saving.snapshot_failed, stops) {
        (true, Some(true)) => {
            ok("persistence", "its last snapshot failed, so that it refuses writes")
                .problem(format!("{disk}, {config}"))
        }
        (true, None) => ok("persistence", "its last snapshot failed; it may refuse writes")
            .warning(format!("{disk}, {config}")),
        _ if saving.appends => ok("persistence", "writes go to a file; the queue needs none"),
        (_, Some(true)) => ok("persistence", "snapshots; the queue needs none"),
        _ => ok("persistence", "the queue needs none"),
    }
}

/// Nothing, where nobody may write anyway.
fn judge_user(seen: &Inspection) -> Option<Finding> {
    let denied = seen.denied.as_ref()?;
    let user = &seen.user;
    let acl = "docs/workers.md has the smallest ACL";
    let refused = |commands: &[String]| commands.join(", ");
    Some(match (denied.coordinator.as_slice(), denied.worker.as_slice()) {
        ([], []) => ok("user", format!("{user} may start studies and run workers")),
        (commands, []) => ok("user", format!("{user} may run workers, and not start studies"))
            .warning(format!("to start studies as well: {}; {acl}", refused(commands))),
        ([], commands) => ok("user", format!("{user} may start studies, and not run workers"))
            .warning(format!("to run workers as well: {}; {acl}", refused(commands))),
        (coordinator, worker) => {
            let mut all = coordinator.to_vec();
            all.extend(worker.iter().filter(|name| !coordinator.contains(name)).cloned());
            ok("user", format!("{user} may neither start studies nor run workers"))
                .problem(format!("it needs {} on optimize:*; {acl}", refused(&all)))
        }
    })
}

fn judge_clock(seen: &Inspection) -> Finding {
    let Some(ahead) = seen.clock_ahead_ms else {
        return Finding::unknown(Area::Server, "clock", format!("{NOT_TOLD} (TIME)"));
    };
    let apart = ahead.unsigned_abs();
    if apart <= APART_MS {
        return ok("clock", format!("within {:.1} s of this machine's", apart as f64 / 1000.0));
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let seconds = Duration::from_secs(apart / 1000);
    let found = format!("{} {way} this machine's", humantime::format_duration(seconds));
    ok("clock", found).warning("no clock decides anything here; times that people compare differ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, Ok, Problem, Unknown, Warning};
    use jobs::{Denied, Saving};

    fn about() -> ServerAbout {
        ServerAbout {
            product: "Redis".to_owned(),
            version: "7.0.15".to_owned(),
            used_memory: 1_200_000,
            max_memory: 0,
            policy: "noeviction".to_owned(),
            saving: Saving::default(),
            is_replica: false,
            is_cluster: false,
        }
    }

    fn seen(about: Option<ServerAbout>) -> Inspection {
        Inspection {
            address: "redis://db:6379".to_owned(),
            is_local: false,
            is_encrypted: true,
            round_trip: Duration::from_micros(310),
            clock_ahead_ms: Some(-40),
            user: "default".to_owned(),
            denied: Some(Denied::default()),
            about,
            stops_when_snapshots_fail: Some(false),
            shards: None,
            studies: Some(Vec::new()),
            watched: Duration::ZERO,
        }
    }

    #[track_caller]
    fn expect(seen: &Inspection, check: &str, verdict: Verdict, found: &str) {
        let findings = judge_server(seen);
        let finding = findings.iter().find(|each| each.check == check).expect("it is judged");
        assert_eq!((finding.verdict, finding.found.as_str()), (verdict, found));
        assert_eq!(finding.remedy.is_some(), verdict >= Warning, "{finding:?}");
        let others = findings.iter().filter(|each| each.check != check);
        assert!(others.clone().all(|each| each.verdict == Ok), "{findings:#?}");
    }

    #[test]
    fn a_server_that_is_fit_is_all_right() {
        let all = seen(Some(about()));
        expect(&all, "connection", Ok, "redis://db:6379 answers in 0.31 ms");
        expect(&all, "encryption", Ok, "TLS");
        expect(&all, "version", Ok, "Redis 7.0.15");
        expect(&all, "role", Ok, "primary, not in a cluster");
        expect(&all, "memory", Ok, "1.2 MB in use, no limit, noeviction");
        expect(&all, "user", Ok, "default may start studies and run workers");
        expect(&all, "clock", Ok, "within 0.0 s of this machine's");
    }

    #[test]
    fn what_is_far_open_or_late_is_a_warning() {
        let good = || seen(Some(about()));
        let far = Inspection { round_trip: Duration::from_millis(180), ..good() };
        expect(&far, "connection", Warning, "redis://db:6379 answers in 180 ms");
        let open = Inspection { is_encrypted: false, ..good() };
        let found = "none: messages are signed, and can be read on their way";
        expect(&open, "encryption", Warning, found);
        let local = Inspection { is_local: true, ..open };
        expect(&local, "encryption", Ok, "none, and none needed within this machine");
        let late = Inspection { clock_ahead_ms: Some(-3_725_000), ..good() };
        expect(&late, "clock", Warning, "1h 2m 5s behind this machine's");
        let silent = Inspection { clock_ahead_ms: None, ..good() };
        expect(&silent, "clock", Unknown, "not told to this user (TIME)");
    }

    #[test]
    fn versions_have_a_floor() {
        let of = |product: &str, version: &str| {
            let (product, version) = (product.to_owned(), version.to_owned());
            seen(Some(ServerAbout { product, version, ..about() }))
        };
        expect(&of("Redis", "6.2.14"), "version", Problem, "Redis 6.2.14");
        expect(&of("Redis", "8.4.0"), "version", Ok, "Redis 8.4.0");
        expect(&of("Redis", "10.0.0"), "version", Ok, "Redis 10.0.0");
        expect(&of("Valkey", "7.2.5"), "version", Ok, "Valkey 7.2.5");
        expect(&of("Redis", ""), "version", Problem, "Redis ");
    }

    #[test]
    fn memory_must_not_be_given_to_others() {
        let of = |max_memory, used_memory, policy: &str| {
            let policy = policy.to_owned();
            seen(Some(ServerAbout { max_memory, used_memory, policy, ..about() }))
        };
        let evicts = of(100_000_000, 1, "allkeys-lru");
        expect(&evicts, "memory", Problem, "1 bytes in use, the most is 100 MB, allkeys-lru");
        let keeps = of(100_000_000, 5_000_000, "volatile-lru");
        expect(&keeps, "memory", Ok, "5.0 MB in use, the most is 100 MB, volatile-lru");
        let full = of(100_000_000, 81_000_000, "noeviction");
        expect(&full, "memory", Warning, "81 MB in use, the most is 100 MB, noeviction");
    }

    #[test]
    fn a_server_that_refuses_writes_is_found() {
        let of = |saving, stops| Inspection {
            stops_when_snapshots_fail: stops,
            ..seen(Some(ServerAbout { saving, ..about() }))
        };
        let failed = Saving { snapshot_failed: true, ..Saving::default() };
        let found = "its last snapshot failed, so that it refuses writes";
        expect(&of(failed, Some(true)), "persistence", Problem, found);
        let found = "its last snapshot failed; it may refuse writes";
        expect(&of(failed, None), "persistence", Warning, found);
        expect(&of(failed, Some(false)), "persistence", Ok, "the queue needs none");
        let failed = Saving { appends: true, append_failed: true, snapshot_failed: false };
        let found = "its last write to its file failed, so that it refuses others";
        expect(&of(failed, Some(false)), "persistence", Problem, found);
        let replica = ServerAbout { is_replica: true, ..about() };
        let replica = Inspection { denied: None, ..seen(Some(replica)) };
        expect(&replica, "role", Problem, "a replica, which takes nothing");
    }

    #[test]
    fn a_cluster_has_one_shard() {
        let of = |shards| Inspection {
            shards,
            ..seen(Some(ServerAbout { is_cluster: true, ..about() }))
        };
        expect(&of(Some(1)), "role", Ok, "primary of a cluster of one shard");
        expect(&of(Some(3)), "role", Problem, "one of 3 shards of a cluster");
        let found = "in a cluster; how many shards it has is not told to this user (CLUSTER INFO)";
        expect(&of(None), "role", Unknown, found);
    }

    #[test]
    fn rights_are_told_by_what_they_are_for() {
        let of = |coordinator: &[&str], worker: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let denied = Denied { coordinator: list(coordinator), worker: list(worker) };
            Inspection { denied: Some(denied), ..seen(Some(about())) }
        };
        let found = "default may run workers, and not start studies";
        expect(&of(&["SET"], &[]), "user", Warning, found);
        let found = "default may start studies, and not run workers";
        expect(&of(&[], &["GET"]), "user", Warning, found);
        let found = "default may neither start studies nor run workers";
        let neither = of(&["SET", "XADD"], &["XADD", "GET"]);
        expect(&neither, "user", Problem, found);
        let findings = judge_server(&neither);
        let remedy = findings.into_iter().find_map(|each| each.remedy).expect("a remedy");
        assert!(remedy.starts_with("it needs SET, XADD, GET on optimize:*"), "{remedy}");
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        let findings = judge_server(&seen(None));
        let unknown: Vec<&str> = findings
            .iter()
            .filter(|each| each.verdict == Unknown)
            .map(|each| each.check.as_str())
            .collect();
        assert_eq!(unknown, ["version", "role", "memory", "persistence"]);
    }
}
