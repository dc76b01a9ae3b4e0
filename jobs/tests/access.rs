//! Servers that are encrypted, that ask who one is, and that are a cluster.

mod server;

#[path = "server/certificates.rs"]
mod certificates;

use std::cell::RefCell;
use std::time::Duration;

use certificates::Authority;
use jobs::{
    Board, Certificates, Denied, Key, Notice, RedisOptions, RedisQueue, StudyId, WorkerAbout,
    inspect,
};
use server::{Server, free_port};

const STUDY: StudyId = StudyId([1; 32]);

fn address(text: &str, certificates: &Certificates) -> jobs::Server {
    jobs::Server::new(text, certificates).expect("an address")
}

fn queue(server: jobs::Server) -> RedisQueue {
    let (lease, about) = (Duration::from_secs(2), WorkerAbout::default());
    RedisQueue::new(STUDY, RedisOptions { server, key: Key::from_text("secret"), lease, about })
}

/// What is said of a server that cannot be used.
fn refused(text: &str, certificates: &Certificates) -> String {
    let server = address(text, certificates);
    let error = queue(server.clone()).open().expect_err("it is refused").to_string();
    let board = Board::open(&server, Key::from_text("secret")).studies();
    assert_eq!(board.expect_err("it is refused").to_string(), error);
    assert_eq!(inspect(&server, None).expect_err("it is refused").to_string(), error);
    assert!(!error.contains("s3cret"), "{error}");
    error
}

#[test]
fn a_queue_works_over_tls() {
    let authority = Authority::new("ours");
    let known = Certificates { authorities: Some(authority.pem().into_bytes()), own: None };
    let servers = RefCell::new(Vec::new());
    jobs::conformance::check(&|| {
        let settings = |folder: &_, port| authority.settings(folder, "localhost", port, "no");
        let (server, port) = Server::start_at_port(settings);
        servers.borrow_mut().push(server);
        Box::new(queue(address(&format!("rediss://localhost:{port}"), &known)))
    });
}

#[test]
fn what_is_wrong_with_tls_is_said() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let settings = |folder: &_, port| ours.settings(folder, "db.example.org", port, "no");
    let (server, port) = Server::start_at_port(settings);
    let none = Certificates::default();
    let known = |authority: &Authority| Certificates {
        authorities: Some(authority.pem().into_bytes()),
        own: None,
    };
    let encrypted = format!("rediss://u:s3cret@localhost:{port}");
    for certificates in [&none, &known(&other)] {
        let error = refused(&encrypted, certificates);
        assert!(error.contains("with --ca-file"), "{error}");
        assert!(!error.contains("running"), "{error}");
    }
    let error = refused(&encrypted, &known(&ours));
    assert!(error.contains("other names") && error.contains("db.example.org"), "{error}");
    let error = refused(&format!("redis://u:s3cret@localhost:{port}"), &none);
    assert!(error.contains("write rediss://"), "{error}");
    drop(server);

    let plain = |_: &_, port: u16| vec!["--port".to_owned(), port.to_string()];
    let (_server, port) = Server::start_at_port(plain);
    let silent = address(&format!("rediss://u:s3cret@localhost:{port}"), &known(&ours));
    let error = queue(silent).open().expect_err("it is refused").to_string();
    assert!(error.contains("is this its port for TLS? If not, write redis://"), "{error}");
    let error = refused(&format!("rediss://u:s3cret@localhost:{}", free_port()), &known(&ours));
    assert!(error.contains("is it running?"), "{error}");
}

#[test]
fn a_server_that_asks_for_certificates_is_shown_one() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let settings = |folder: &_, port| ours.settings(folder, "localhost", port, "yes");
    let (_server, port) = Server::start_at_port(settings);
    let encrypted = format!("rediss://localhost:{port}");
    let authorities = || Some(ours.pem().into_bytes());
    let issued = |authority: &Authority| {
        let (certificate, key) = authority.issue("worker");
        Some((certificate.into_bytes(), key.into_bytes()))
    };
    let shown = Certificates { authorities: authorities(), own: issued(&ours) };
    queue(address(&encrypted, &shown)).open().expect("it is let in");
    let error = refused(&encrypted, &Certificates { authorities: authorities(), own: None });
    assert!(error.contains("--client-cert and --client-key"), "{error}");
    let foreign = Certificates { authorities: authorities(), own: issued(&other) };
    let error = refused(&encrypted, &foreign);
    assert!(error.contains("has to be of an authority that the server knows"), "{error}");
}

/// An address with a user and a password.
fn as_user(server: &Server, user: &str, password: &str) -> String {
    format!("{}?user={user}&pass={password}", server.address())
}

#[test]
fn a_wrong_password_is_said_and_never_shown() {
    let server = Server::start(&[]);
    let _: String = server.give(&["CONFIG", "SET", "requirepass", "right"]);
    let none = Certificates::default();
    let error = refused(&as_user(&server, "default", "s3cret"), &none);
    assert!(error.contains("does not take this user and password"), "{error}");
    let error = refused(&server.address(), &none);
    assert!(error.contains("asks for a password"), "{error}");
    queue(address(&as_user(&server, "default", "right"), &none)).open().expect("it is let in");
}

#[test]
fn what_a_user_may_not_do_is_found_without_doing_it() {
    let server = Server::start(&[]);
    let set = |rules: &[&str]| {
        let words: Vec<&str> = ["ACL", "SETUSER", "some", "reset", "on", ">right"].into();
        let _: String = server.give(&[words.as_slice(), rules].concat());
    };
    let denied = || {
        let server = address(&as_user(&server, "some", "right"), &Certificates::default());
        inspect(&server, None).expect("it is let in").denied.expect("it is no replica")
    };
    set(&["~optimize:*", "+@all"]);
    assert_eq!(denied(), Denied::default());
    set(&["~optimize:*", "+@all", "-xgroup", "-xreadgroup", "-multi"]);
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let expected = Denied {
        coordinator: list(&["XGROUP CREATE", "XGROUP DELCONSUMER", "MULTI"]),
        worker: list(&["XREADGROUP", "MULTI"]),
    };
    assert_eq!(denied(), expected);
    set(&["~other:*", "+@all"]);
    assert!(denied().worker.contains(&"XADD".to_owned()));
    set(&["~optimize:*"]);
    let server_of_some = address(&as_user(&server, "some", "right"), &Certificates::default());
    let error = queue(server_of_some).open().expect_err("it is refused").to_string();
    assert!(error.contains("docs/workers.md"), "{error}");
    assert_eq!(server.give::<u64>(&["DBSIZE"]), 0, "nothing was written");
}

#[test]
fn a_queue_and_a_board_work_on_a_cluster_of_one_node() {
    let (server, none) = (Server::start_cluster(1).remove(0), Certificates::default());
    jobs::conformance::check(&|| {
        // A cluster takes its time to begin.
        let _: String = server.give(&["FLUSHALL"]);
        Box::new(queue(address(&server.address(), &none)))
    });
    let _: String = server.give(&["FLUSHALL"]);
    let board = Board::open(&address(&server.address(), &none), Key::from_text("secret"));
    let data = vec![b"prices".to_vec()];
    board.publish(STUDY, 1, b"one", &data).expect("published");
    let seen = inspect(&address(&server.address(), &none), Some(&Key::from_text("secret")));
    let seen = seen.expect("reachable");
    assert_eq!(seen.shards, Some(1));
    assert_eq!(seen.studies.expect("allowed")[0].notice, Notice::Opened(b"one".to_vec()));
    board.withdraw(STUDY, &[jobs::file_hash(&data[0])]).expect("withdrawn");
    // Orders stay for a minute.
    assert_eq!(server.give::<Vec<String>>(&["KEYS", "*"]), ["optimize:control"]);
}

#[test]
fn a_cluster_of_several_shards_is_refused() {
    let nodes = Server::start_cluster(2);
    let none = Certificates::default();
    let seen = inspect(&address(&nodes[0].address(), &none), None).expect("reachable");
    assert_eq!(seen.shards, Some(2));
    // The board is in one shard, and not every study in the same.
    let board = |node: &Server| Board::open(&address(&node.address(), &none), Key::from_text("k"));
    let errors: Vec<String> = nodes
        .iter()
        .filter_map(|node| board(node).publish(STUDY, 1, b"one", &[]).err())
        .map(|error| error.to_string())
        .collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert!(error.contains("one of several shards"), "{error}");
        assert!(error.contains("allowed: a server, or a cluster of one shard"), "{error}");
    }
}
