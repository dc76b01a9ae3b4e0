//! A thousand trials in each mode, many of which go wrong in every way there is: the others have
//! their right values, and afterwards nothing is left. Alone in its process, whose descriptors
//! and children are counted.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use command_lab::{names, processes};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use search_spaces::{Document, Point, Template, Value};
use simulators::{Failure, FailureKind, Simulator, Trial, Unwatched};

mod command_lab;

const TRIALS: usize = 1000;
const THREADS: usize = 4;
const KEEP_LIMIT: usize = 20;

/// What a trial does, and how many of a thousand do it; the rest is fine.
const FAULTS: [(&str, usize); 15] = [
    ("exit", 60),
    ("signal", 40),
    ("hang", 6),
    ("stubborn", 4),
    ("children", 40),
    ("orphans", 20),
    ("hungry", 20),
    ("noise", 20),
    ("flood", 10),
    ("garbage", 40),
    ("nothing", 20),
    ("error", 40),
    ("nan", 20),
    ("infinite", 20),
    ("late words", 20),
];

/// What happens in both modes. `say` writes an answer, and `n` is from 1 to 9.
const FAULTY: &str = r#"
case $fault in
exit) echo "code $n" >&2; exit "$n" ;;
signal) case $n in [123]) kill -9 $$ ;; [456]) kill -11 $$ ;; *) kill -15 $$ ;; esac; sleep 1000 ;;
hang) sleep 1000 ;;
stubborn) trap '' TERM; while :; do sleep 1000; done ;;
children) sleep 1000 & (sleep 1000 & sleep 1000) & ;;
orphans) sleep 1000 & (trap '' TERM; sleep 1000) & exit 9 ;;
hungry) dd if=/dev/zero of=/dev/null bs=500000000 count=1 || exit 8 ;;
noise) head -c 10000000 /dev/zero >&2 ;;
flood) head -c 10000000 /dev/zero; echo ;;
garbage) echo 'cost: none'; [ "$mode" = once ] && exit 0; return ;;
nothing) say '{}'; return ;;
error) echo '{"error": "no mesh"}'; return ;;
nan) say '{"cost": NaN}'; return ;;
infinite) say '{"cost": "-inf"}'; return ;;
'late words') echo 'all is well' >&2 ;;
esac
say "{\"cost\": $((n * 7 + 1))}"
"#;

/// What becomes of a trial, by its fault: its value, or its message, which is a part of results,
/// or only the beginning of one that ends with the words of a program of the machine.
enum Expected {
    Value(f64),
    Failure(FailureKind, String),
    Begins(String),
}

fn expected(fault: &str, n: i64, once: bool) -> Expected {
    let error = |words: &str| {
        // SIGKILL and SIGTERM may have been meant for more than the trial.
        let is_to_all = words.ends_with("signal 9") || words.ends_with("signal 15");
        let kind = if is_to_all { FailureKind::Signal } else { FailureKind::Error };
        Expected::Failure(kind, words.to_owned())
    };
    let good = Expected::Value((n * 7 + 1) as f64);
    match fault {
        "exit" => {
            error(&format!("the program ended with exit code {n}; standard error ends: code {n}"))
        }
        "signal" => error(&format!(
            "the program was ended by signal {}",
            [9, 11, 15][usize::try_from(n - 1).expect("positive") / 3]
        )),
        "hang" | "stubborn" => {
            Expected::Failure(FailureKind::Timeout, "stopped at its timeout of 500ms".to_owned())
        }
        "orphans" => error("the program ended with exit code 9"),
        "hungry" => Expected::Begins(
            "the program ended with exit code 8; standard error ends: dd: ".to_owned(),
        ),
        // The last line counts where there is no protocol.
        "flood" if once => good,
        "flood" => {
            error("the program wrote a line of more than 1048576 bytes, allowed: shorter ones")
        }
        "garbage" if once => error("standard output has no line that is a JSON object"),
        "garbage" => error(
            "the program wrote \"cost: none\", allowed: {\"metrics\": ..}, {\"error\": ..} or a report",
        ),
        "nothing" => error("metric cost is missing; found: nothing"),
        "error" => error("no mesh"),
        "nan" => Expected::Value(f64::NAN),
        "infinite" => Expected::Value(f64::NEG_INFINITY),
        _ => good,
    }
}

/// Two simulators of the same programs: one for trials that hang, and one whose timeout no slow
/// machine meets.
fn open(folder: &Path, once: bool, mark: &str) -> [Box<dyn Simulator>; 2] {
    let (mode, run) = match once {
        true => {
            (format!("mode = 'once'\nkeep = 'failed'\nkeep_limit = {KEEP_LIMIT}"), "'{k}', '{n}'")
        }
        false => ("mode = 'persistent'".to_owned(), ""),
    };
    let script = if once { "once.sh" } else { "stays.sh" };
    let kinds: Vec<String> =
        FAULTS.iter().map(|fault| fault.0).chain(["fine"]).map(|it| format!("'{it}'")).collect();
    ["500ms", "10min"].map(|timeout| {
        let text = format!(
            "name = 't'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n[space]\n\
             n = {{ int = [1, 9] }}\nk = {{ choice = [{}] }}\n[command]\n{mode}\n\
             run = ['sh', '{script}', {run}]\nmetrics = ['cost']\ntimeout = '{timeout}'\n\
             startup = '10min'\ngrace = '50ms'\nmemory = '256MiB'\nenv = {{ MARK = '{mark}' }}\n",
            kinds.join(", ")
        );
        let document = Document::parse("t.toml", &text).expect("TOML");
        let template = Template::read(document, folder).expect("a template");
        let settings = template.settings().expect("a table");
        simulators::open("command", settings, &template.space, &template.folder).expect("opens")
    })
}

/// The faults of all trials, in a random order.
fn plan(rng: &mut ChaCha8Rng) -> Vec<(u32, i64)> {
    let numbers = (0..FAULTS.len() as u32).flat_map(|k| vec![k; FAULTS[k as usize].1]);
    let mut kinds: Vec<u32> = numbers.collect();
    kinds.resize(TRIALS, FAULTS.len() as u32);
    for last in (1..TRIALS).rev() {
        kinds.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
    }
    kinds.into_iter().map(|k| (k, i64::from(rng.next_u32() % 9) + 1)).collect()
}

fn check(trial: u64, fault: &str, expected: &Expected, result: Result<Vec<f64>, Failure>) {
    match (expected, result) {
        (Expected::Value(value), Ok(found)) => {
            let same =
                found.len() == 1 && (found[0] == *value || found[0].is_nan() && value.is_nan());
            assert!(same, "trial {trial}, {fault}: {found:?}, expected {value}");
        }
        (Expected::Failure(kind, words), Err(failure)) => {
            assert_eq!(failure.message, *words, "trial {trial}, {fault}");
            assert_eq!(failure.kind, *kind, "trial {trial}, {fault}: {failure}");
        }
        (Expected::Begins(words), Err(failure)) => {
            assert!(failure.message.starts_with(words), "trial {trial}, {fault}: {failure}");
            assert_eq!(failure.kind, FailureKind::Error, "trial {trial}, {fault}: {failure}");
        }
        (_, result) => panic!("trial {trial}, {fault}: {result:?}"),
    }
}

/// Runs all trials on as many threads, each with one session for all of its trials.
fn run(simulators: &[Box<dyn Simulator>; 2], plan: &[(u32, i64)], once: bool, files: &Path) {
    let next = AtomicUsize::new(0);
    let work = || {
        let [mut hasty, mut patient] = simulators.each_ref().map(|it| it.session());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((k, n)) = plan.get(index) else { return };
            let fault = FAULTS.get(*k as usize).map_or("fine", |fault| fault.0);
            let at = Point::new(vec![Value::Int(*n), Value::Label(*k)]);
            let number = index as u64;
            // Some have no place for files.
            let files = (!number.is_multiple_of(10)).then_some(files);
            let trial = Trial { number, files, ..Trial::new(&at, 7) };
            let hangs = ["hang", "stubborn"].contains(&fault);
            let session = if hangs { &mut hasty } else { &mut patient };
            let result = session.run(&trial, &mut Unwatched);
            check(number, fault, &expected(fault, *n, once), result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
}

fn descriptors() -> usize {
    names(Path::new("/proc/self/fd")).len()
}

/// The processes with the campaign's mark, and our own children and zombies.
fn left_over(mark: &str) -> Vec<u32> {
    let marked = |pid: u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(mark)
    };
    let ours = std::process::id();
    let all = processes().into_iter();
    all.filter(|(pid, parent, _)| *parent == ours || marked(*pid)).map(|it| it.0).collect()
}

#[test]
fn a_campaign_of_failures_leaves_right_values_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let once =
        format!("mode=once fault=$1 n=$2\nsay() {{ echo \"$1\"; }}\nrun() {{ {FAULTY} }}\nrun\n");
    fs::write(folder.path().join("once.sh"), once).expect("written");
    let stays = format!(
        "mode=persistent\nsay() {{ echo \"{{\\\"metrics\\\": $1}}\"; }}\nrun() {{ {FAULTY} }}\n\
         say_hello() {{ echo '{{\"optimize\": 1}}'; read -r hello; }}\nsay_hello\n\
         while read -r line; do\n    \
             n=${{line##*'\"n\": '}} n=${{n%%[,\\}}]*}}\n    \
             fault=${{line##*'\"k\": \"'}} fault=${{fault%%'\"'*}}\n    run\ndone\n"
    );
    fs::write(folder.path().join("stays.sh"), stays).expect("written");
    let mark = format!("campaign-{}-{}", std::process::id(), folder.path().display());
    let before = descriptors();
    let files = folder.path().join("trials");
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    for once in [true, false] {
        let simulators = open(folder.path(), once, &mark);
        run(&simulators, &plan(&mut rng), once, &files);
        drop(simulators);
        // Who was killed may take a moment to be gone.
        let gone = (0..3000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            left_over(&mark).is_empty()
        });
        assert!(gone, "these are left: {:?}", left_over(&mark));
        assert_eq!(descriptors(), before, "open descriptors");
    }
    let kept = names(&files);
    assert!(kept.iter().all(|name| name.parse::<u64>().is_ok()), "{kept:?}");
    assert_eq!(kept.len(), KEEP_LIMIT);
    let ours = format!("optimize-trial-{}-", std::process::id());
    let left = names(&std::env::temp_dir());
    assert!(!left.iter().any(|name| name.starts_with(&ours)), "{left:?}");
}
