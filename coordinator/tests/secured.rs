//! Fleets on servers that encrypt, and that let every user do no more than is needed.

mod support;

#[path = "../../jobs/tests/server/mod.rs"]
mod server;

#[path = "../../jobs/tests/server/certificates.rs"]
mod certificates;

use std::process::{Child, Stdio};

use certificates::Authority;
use server::Server;
use support::{Place, Said};

const STUDY: &str = "--template sma-crossover --algorithm grid --set space.fast.int=[2,40] \
     --set space.slow.int=[10,200]";

fn place() -> Place {
    let place = Place::new();
    place.write("key", "a secret of the tests");
    place
}

/// A worker that ends with its test.
struct Worker(Child);

impl Worker {
    fn start(place: &Place, words: &str) -> Self {
        let mut command = place.command(&format!("worker --threads 1 --key-file key {words}"));
        command.env("XDG_CACHE_HOME", place.path().join("cache"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(place: &Place, name: &str, words: &str) -> Said {
    place.run(&format!("start {STUDY} --quiet --format json --key-file key --name {name} {words}"))
}

fn expected(place: &Place) -> String {
    place.run(&format!("start {STUDY} --name near --quiet --format json")).ended(0).hash()
}

#[test]
fn a_study_runs_over_tls() {
    let (place, authority) = (place(), Authority::new("ours"));
    let settings = |folder: &_, port| authority.settings(folder, "localhost", port, "yes");
    let (_server, port) = Server::start_at_port(settings);
    let (certificate, key) = authority.issue("worker");
    place.write("ca.pem", &authority.pem());
    place.write("cert.pem", &certificate);
    place.write("key.pem", &key);
    let address = format!("--queue rediss://localhost:{port}");
    let proofs = "--ca-file ca.pem --client-cert cert.pem --client-key key.pem";
    let _worker = Worker::start(&place, &format!("{address} {proofs}"));
    let said = start(&place, "far", &format!("{address} {proofs}")).ended(0);
    assert_eq!(said.hash(), expected(&place));
    let said = place.run(&format!("doctor {address} {proofs} --key-file key")).ended(0);
    assert!(said.out.contains("TLS"), "{}", said.out);

    let said = place.run(&format!("worker {address} --key-file key")).ended(3);
    assert!(said.err.contains("with --ca-file"), "{}", said.err);
    let said = start(&place, "other", &format!("{address} --ca-file ca.pem")).ended(3);
    assert!(said.err.contains("--client-cert and --client-key"), "{}", said.err);
    let said = place.run(&format!("worker {address} --key-file key --ca-file none.pem")).ended(2);
    assert!(said.err.contains("failed to read none.pem"), "{}", said.err);
}

/// The commands of docs/workers.md that make users, for the password `s3cret`.
fn documented_users() -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/workers.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let text = text.replace("\\\n", " ").replace('\'', "").replace("PASSWORD", "s3cret");
    let commands = text.lines().filter_map(|line| line.strip_prefix("redis-cli acl setuser "));
    commands.map(|words| words.split_whitespace().map(str::to_owned).collect()).collect()
}

/// What doctor finds to be missing for a role, where a user lacks one of the documented commands.
fn missing(server: &Server, role: &str, without: &str) -> Vec<String> {
    let _: String = server.give(&["ACL", "SETUSER", role, &format!("-{without}")]);
    let address = format!("{}?user={role}&pass=s3cret", server.address());
    let address = jobs::Server::new(&address, &jobs::Certificates::default());
    let seen = jobs::inspect(&address.expect("an address"), None).expect("it is let in");
    let _: String = server.give(&["ACL", "SETUSER", role, &format!("+{without}")]);
    let denied = seen.denied.expect("it is no replica");
    if role == "worker" { denied.worker } else { denied.coordinator }
}

#[test]
fn every_command_of_the_documented_users_is_missed_by_doctor() {
    let server = Server::start(&[]);
    for user in documented_users() {
        let words = ["ACL", "SETUSER"].into_iter().chain(user.iter().map(String::as_str));
        let _: String = server.give(&words.collect::<Vec<_>>());
        for command in user.iter().filter_map(|word| word.strip_prefix('+')) {
            let expected = command.replace('|', " ").to_uppercase();
            assert_eq!(missing(&server, &user[0], command), [expected], "{}", user[0]);
        }
    }
}

#[test]
fn the_documented_users_may_do_what_is_needed_and_no_more() {
    let place = place();
    let server = Server::start(&[]);
    for user in documented_users() {
        let words = ["ACL", "SETUSER"].into_iter().chain(user.iter().map(String::as_str));
        let _: String = server.give(&words.collect::<Vec<_>>());
    }
    let address = |user: &str, password: &str| {
        format!("--queue {}?user={user}&pass={password}", server.address())
    };
    let _worker = Worker::start(&place, &address("worker", "s3cret"));
    let said = start(&place, "far", &address("coordinator", "s3cret")).ended(0);
    assert_eq!(said.hash(), expected(&place));
    // What was refused on the way, unknown to everybody, would be in there.
    let log: Vec<redis::Value> = server.give(&["ACL", "LOG"]);
    assert!(log.is_empty(), "{log:?}");

    let doctor = |user: &str| {
        let said = place.run(&format!("doctor --key-file key {}", address(user, "s3cret")));
        said.ended(0).out
    };
    assert!(doctor("coordinator").contains("coordinator may start studies, and not run workers"));
    assert!(doctor("worker").contains("worker may run workers, and not start studies"));

    let said = place.run(&format!("worker --key-file key {}", address("worker", "wr0ng"))).ended(3);
    assert!(said.err.contains("does not take this user and password"), "{}", said.err);
    assert!(!said.err.contains("wr0ng"), "{}", said.err);
    let said = start(&place, "other", &address("worker", "s3cret")).ended(3);
    assert!(said.err.contains("docs/workers.md has the smallest ACL"), "{}", said.err);
    assert!(!said.err.contains("s3cret"), "{}", said.err);
}
