//! The queue on a real Redis server, which the tests start themselves.

mod server;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use jobs::{
    Board, Certificates, Event, JobResult, JobSpec, Key, Lease, Outcome, Queue, RedisOptions,
    RedisQueue, StudyId, TrialResult, WorkerAbout, file_hash,
};
use server::Server;

const STUDY: StudyId = StudyId([1; 32]);
const WAIT: Duration = Duration::from_millis(20);

fn address(text: &str) -> jobs::Server {
    jobs::Server::new(text, &Certificates::default()).expect("an address")
}

fn queue_with(server: &Server, key: &str) -> RedisQueue {
    let lease = Duration::from_secs(2);
    let about = WorkerAbout { host: "test host".to_owned(), threads: 3 };
    let (server, key) = (address(&server.address()), Key::from_text(key));
    let options = RedisOptions { server, key, lease, about };
    RedisQueue::new(STUDY, options)
}

fn queue(server: &Server) -> RedisQueue {
    queue_with(server, "secret")
}

fn key(what: &str) -> String {
    format!("optimize:{{{}}}:{what}", "01".repeat(8))
}

fn result(lease: &Lease) -> JobResult {
    let trial = || TrialResult { outcome: Outcome::Complete(vec![0.5]), reports: Vec::new() };
    JobResult {
        study: lease.job.study,
        id: lease.job.id,
        attempt: lease.job.attempt,
        trials: (0..lease.job.len()).map(|_| trial()).collect(),
        worker: "test".to_owned(),
        elapsed_ns: 1,
    }
}

/// Looks again and again, for a minute at most.
#[expect(clippy::disallowed_methods, reason = "a test that hangs should say so")]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        if let Some(found) = look() {
            return found;
        }
    }
    panic!("{what} does not come");
}

fn taken(queue: &RedisQueue) -> Lease {
    wait_for("a job", || queue.take(WAIT, 1).expect("take").pop())
}

/// Pushes a job that travels at once: with the look for events that follows.
fn push(queue: &RedisQueue, job: &JobSpec) {
    queue.push(job.clone()).expect("push");
    assert_eq!(queue.next_event(Duration::ZERO), Ok(None));
}

fn event(queue: &RedisQueue) -> Event {
    wait_for("an event", || queue.next_event(WAIT).expect("next_event"))
}

fn job(number: u64) -> JobSpec {
    jobs::conformance::job(number)
}

#[test]
fn conforms() {
    let servers = RefCell::new(Vec::new());
    jobs::conformance::check(&|| {
        let server = Server::start(&[]);
        let queue = queue(&server);
        servers.borrow_mut().push(server);
        Box::new(queue)
    });
}

#[test]
fn the_jobs_of_a_worker_that_does_not_move_are_taken_back() {
    let server = Server::start(&[]);
    let coordinator = queue(&server);
    push(&coordinator, &job(0));
    // A worker that is killed neither returns its job nor says good-bye.
    let _: u64 = server.give(&["HINCRBY", &key("beats"), "dead", "1"]);
    let jobs = key("jobs");
    let read = ["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "1", "STREAMS", &jobs, ">"];
    let _: redis::Value = server.give(&read);
    assert_eq!(event(&coordinator), Event::Lost(job(0).id));
    push(&coordinator, &job(0));
    let worker = queue(&server);
    let lease = taken(&worker);
    worker.finish(lease.clone(), result(&lease)).expect("finish");
    assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    assert_eq!(server.give::<u64>(&["XLEN", &key("jobs")]), 0);
    coordinator.confirm().expect("confirm");
}

#[test]
fn a_worker_that_leaves_gives_its_jobs_back_at_once() {
    let server = Server::start(&[]);
    let coordinator = queue(&server);
    push(&coordinator, &job(0));
    let worker = queue(&server);
    let lease = taken(&worker);
    // The coordinator has to have seen it alive.
    wait_for("a beat", || {
        assert_eq!(coordinator.next_event(WAIT).expect("next_event"), None);
        (server.give::<u64>(&["HLEN", &key("beats")]) == 1).then_some(())
    });
    let seen = wait_for("the worker", || {
        assert_eq!(coordinator.next_event(WAIT).expect("next_event"), None);
        coordinator.workers().pop().filter(|seen| seen.about.threads > 0)
    });
    assert_eq!((seen.about.host.as_str(), seen.about.threads), ("test host", 3));
    drop(worker);
    assert_eq!(event(&coordinator), Event::Dropped(lease.job.id));
}

#[test]
fn a_server_that_forgets_everything_costs_time_only() {
    for flush in [true, false] {
        let mut server = Server::start(&[]);
        let (coordinator, worker) = (queue(&server), queue(&server));
        for number in 0..4 {
            push(&coordinator, &job(number));
        }
        let held = taken(&worker);
        let done = taken(&worker);
        if flush {
            let _: String = server.give(&["FLUSHALL"]);
        } else {
            server.kill();
            server.launch();
        }
        // One result is finished while nothing is there, and one after everything is again.
        worker.finish(done.clone(), result(&done)).expect("finish");
        let (mut lost, mut finished) = (Vec::new(), Vec::new());
        wait_for("all that was open", || {
            match coordinator.next_event(WAIT).expect("next_event") {
                Some(Event::Dropped(id) | Event::Lost(id)) => lost.push(id),
                Some(Event::Finished(result)) => finished.push(result),
                None => {}
            }
            (lost.len() == 4 && finished.len() == 1).then_some(())
        });
        assert_eq!(finished, [result(&done)]);
        lost.sort_unstable();
        assert_eq!(lost, [0, 1, 2, 3].map(|number| job(number).id));
        worker.finish(held.clone(), result(&held)).expect("finish");
        assert_eq!(event(&coordinator), Event::Finished(result(&held)));
        for number in 0..4 {
            push(&coordinator, &job(number));
        }
        let again = taken(&worker);
        worker.finish(again.clone(), result(&again)).expect("finish");
        assert_eq!(event(&coordinator), Event::Finished(result(&again)));
        // A worker that ends waits for its results to be safe.
        coordinator.confirm().expect("confirm");
    }
}

#[test]
fn results_stay_with_their_worker_until_they_are_confirmed() {
    let server = Server::start(&[]);
    let (coordinator, worker) = (queue(&server), queue(&server));
    push(&coordinator, &job(0));
    let lease = taken(&worker);
    worker.finish(lease.clone(), result(&lease)).expect("finish");
    assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    // It was read and not confirmed when everything was lost: it comes once more.
    let _: String = server.give(&["FLUSHALL"]);
    assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    coordinator.confirm().expect("confirm");
    wait_for("the worker's beat", || {
        assert_eq!(coordinator.next_event(WAIT).expect("next_event"), None);
        (server.give::<u64>(&["HLEN", &key("beats")]) == 1).then_some(())
    });
    std::thread::sleep(Duration::from_millis(2500));
    let _: String = server.give(&["FLUSHALL"]);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(coordinator.next_event(WAIT).expect("next_event"), None, "nobody sends it again");
}

#[test]
fn a_job_that_reached_nobody_is_found_by_its_worker() {
    let server = Server::start(&[]);
    let (coordinator, worker) = (queue(&server), queue(&server));
    push(&coordinator, &job(0));
    let held = taken(&worker);
    let name = wait_for("a beat", || server.give::<Vec<String>>(&["HKEYS", &key("beats")]).pop());
    // A read that was given up may be served later, on a connection that nobody reads any more.
    push(&coordinator, &job(1));
    let jobs = key("jobs");
    let read = ["XREADGROUP", "GROUP", "workers", &name, "COUNT", "1", "STREAMS", &jobs, ">"];
    let _: redis::Value = server.give(&read);
    let found = taken(&worker);
    assert_eq!(found.job, job(1), "and not the one that it holds");
    for lease in [found, held] {
        worker.finish(lease.clone(), result(&lease)).expect("finish");
        assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    }
}

#[test]
fn a_server_without_room_is_waited_for() {
    let server = Server::start(&[]);
    let (coordinator, worker) = (queue(&server), queue(&server));
    push(&coordinator, &job(0));
    let lease = taken(&worker);
    let _: String = server.give(&["CONFIG", "SET", "maxmemory", "1"]);
    worker.finish(lease.clone(), result(&lease)).expect("finish");
    // Longer than it takes to look after the workers, and to find that everything is lost.
    let _: String = server.give(&["FLUSHALL"]);
    for _ in 0..30 {
        assert_eq!(coordinator.next_event(WAIT).expect("no room is no fault"), None);
        assert_eq!(worker.take(WAIT, 1).expect("no room is no fault"), []);
        std::thread::sleep(Duration::from_millis(50));
    }
    let _: String = server.give(&["CONFIG", "SET", "maxmemory", "0"]);
    let finished = wait_for("the result", || {
        let event = coordinator.next_event(WAIT).expect("next_event");
        event.filter(|event| *event != Event::Dropped(job(0).id))
    });
    assert_eq!(finished, Event::Finished(result(&lease)));
}

#[test]
fn forged_foreign_and_damaged_messages_are_refused() {
    let server = Server::start(&[]);
    let coordinator = queue(&server);
    push(&coordinator, &job(0));
    let stranger = queue_with(&server, "another secret");
    for _ in 0..20 {
        assert_eq!(stranger.take(WAIT, 1), Ok(Vec::new()), "a job is not opened with another key");
    }
    drop(stranger);
    for forged in ["", "junk", &"x".repeat(500)] {
        let _: String = server.give(&["XADD", &key("results"), "*", "m", forged]);
        let _: String = server.give(&["XADD", &key("jobs"), "*", "m", forged]);
    }
    let worker = queue(&server);
    for _ in 0..20 {
        assert_eq!(worker.take(WAIT, 1), Ok(Vec::new()));
    }
    // The stranger threw the job away; it is missed, and comes again.
    assert_eq!(event(&coordinator), Event::Dropped(job(0).id));
}

#[test]
fn two_coordinators_are_never_at_work_together() {
    let server = Server::start(&[]);
    let first = queue(&server);
    push(&first, &job(0));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| queue(&server).push(job(0)));
        while !second.is_finished() {
            first.next_event(WAIT).expect("next_event");
        }
        let error = second.join().expect("no panic").expect_err("it is refused").to_string();
        assert!(error.contains("another coordinator"), "{error}");
    });
    // A dead one, that shows no sign of life, is followed by the next.
    let next = queue(&server);
    push(&next, &job(1));
    let error = wait_for("the end of the first", || first.next_event(WAIT).err()).to_string();
    assert!(error.contains("taken this study over"), "{error}");
    drop(first);
    assert_eq!(taken(&queue(&server)).job, job(1));
}

#[test]
fn a_server_that_throws_keys_away_is_refused() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let error = queue(&server).push(job(0)).expect_err("refused").to_string();
    assert!(error.contains("allkeys-lru, allowed: noeviction"), "{error}");
    drop(server);
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let key = Key::from_text("k");
    let server = address("redis://user:password@127.0.0.1:1/");
    let (lease, about) = (Duration::from_secs(2), WorkerAbout::default());
    let options = RedisOptions { server, key, lease, about };
    let error = RedisQueue::new(STUDY, options).push(job(0)).expect_err("nobody there").to_string();
    assert!(error.contains("127.0.0.1:1") && !error.contains("password"), "{error}");
}

#[test]
fn a_board_keeps_studies_by_priority_with_what_workers_need() {
    let server = Server::start(&[]);
    let board = |key: &str| Board::open(&address(&server.address()), Key::from_text(key));
    let (ours, other) = (board("secret"), StudyId([2; 32]));
    assert!(ours.studies().expect("reachable").is_empty());
    let data = b"prices".to_vec();
    ours.publish(STUDY, 1, b"one", std::slice::from_ref(&data)).expect("published");
    ours.publish(other, 5, b"two", &[]).expect("published");
    assert_eq!(ours.studies().expect("reachable"), [other, STUDY]);
    assert_eq!(ours.specification(STUDY).expect("reachable"), Some(b"one".to_vec()));
    assert_eq!(board("another").specification(STUDY).expect("reachable"), None);
    let hash = file_hash(&data);
    assert_eq!(ours.file(STUDY, &hash).expect("reachable"), Some(data));
    assert_eq!(ours.file(other, &hash).expect("reachable"), None);
    let is_up = |study, hashes: &[String]| ours.is_up(study, hashes).expect("reachable");
    assert!(is_up(STUDY, std::slice::from_ref(&hash)) && is_up(other, &[]));
    assert!(!is_up(other, std::slice::from_ref(&hash)), "a file is missing");
    ours.hide(other).expect("hidden");
    assert!(!is_up(other, &[]), "it is not listed");
    ours.publish(other, 5, b"two", &[]).expect("published");
    let name = format!("optimize:{{{}}}:file:{hash}", "01".repeat(8));
    let _: String = server.give(&["SET", &name, "other prices"]);
    assert_eq!(ours.file(STUDY, &hash).expect("reachable"), None, "it is not what it was");
    ours.withdraw(STUDY, std::slice::from_ref(&hash)).expect("withdrawn");
    ours.withdraw(other, &[]).expect("withdrawn");
    // Orders to workers are forgotten after a minute.
    assert_eq!(server.give::<Vec<String>>(&["KEYS", "*"]), ["optimize:control"]);
}

#[test]
fn a_server_that_forgets_a_part_begins_anew() {
    for part in ["jobs", "results", "meta"] {
        let server = Server::start(&[]);
        let (coordinator, worker) = (queue(&server), queue(&server));
        push(&coordinator, &job(0));
        let lease = taken(&worker);
        let _: u64 = server.give(&["DEL", &key(part)]);
        worker.finish(lease.clone(), result(&lease)).expect("finish");
        let mut lost = false;
        loop {
            match event(&coordinator) {
                Event::Dropped(id) if id == job(0).id && !lost => lost = true,
                other => {
                    assert_eq!(other, Event::Finished(result(&lease)), "{part}");
                    break;
                }
            }
        }
        coordinator.confirm().expect("confirm");
    }
}

#[test]
fn a_coordinator_that_begins_anew_on_an_empty_server_is_served_by_living_workers() {
    let server = Server::start(&[]);
    let (first, worker) = (queue(&server), queue(&server));
    push(&first, &job(0));
    let _: String = server.give(&["FLUSHALL"]);
    assert_eq!(event(&first), Event::Dropped(job(0).id));
    // The second epoch.
    push(&first, &job(0));
    let lease = taken(&worker);
    drop(first);
    let _: String = server.give(&["FLUSHALL"]);
    let second = queue(&server);
    push(&second, &job(1));
    assert_eq!(taken(&worker).job, job(1), "of the first epoch once more");
    assert_eq!(second.refused(), 0);
    drop(lease);
}

#[test]
fn a_late_first_result_takes_nothing_from_a_later_attempt() {
    let server = Server::start(&[]);
    let (coordinator, worker) = (queue(&server), queue(&server));
    let first = job(0);
    push(&coordinator, &first);
    let lease = taken(&worker);
    // As an audit asks for the first trial of a job again.
    let again = JobSpec { attempt: 1, ..first.single(0) };
    push(&coordinator, &again);
    worker.finish(lease.clone(), result(&lease)).expect("finish");
    assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    coordinator.confirm().expect("confirm");
    let lease = taken(&worker);
    assert_eq!(lease.job, again);
    // What nobody needs any more is taken back.
    let other = JobSpec { attempt: 2, ..again };
    push(&coordinator, &other);
    coordinator.forget(other.id, other.attempt);
    worker.finish(lease.clone(), result(&lease)).expect("finish");
    assert_eq!(event(&coordinator), Event::Finished(result(&lease)));
    coordinator.confirm().expect("confirm");
    assert_eq!(server.give::<u64>(&["XLEN", &key("jobs")]), 0);
}
