//! What the final populations are worth, which is what the literature and other libraries report.
//! (What all trials of a study attain together is tested from outside, in `tests/evolution.rs`.)

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::Point;

use super::moead::{Moead, Settings};
use super::nsga2::Nsga2;
use super::nsga3::Nsga3;
use super::population::{Evolution, Individual, Survival};
use super::smsemoa::SmsEmoa;
use super::variation::Variation;
use crate::common::{Problem, median, numbers, problem};
use crate::optimizer::{Origin, Strategy, Told};
use crate::pareto::{Scores, hypervolume};
use crate::strategies::Task;

/// The solutions that an algorithm would end with.
trait Population: Strategy {
    fn members(&self) -> Vec<&Individual>;
}

impl<S: Survival> Population for Evolution<S> {
    fn members(&self) -> Vec<&Individual> {
        self.survivors.iter().collect()
    }
}

impl Population for Moead {
    fn members(&self) -> Vec<&Individual> {
        self.subproblems.iter().filter_map(|each| each.solution.as_ref()).collect()
    }
}

fn population(name: &str, task: &Task<'_>) -> Box<dyn Population> {
    let (space, seed, variation) = (task.space, task.seed, Variation::default());
    match name {
        "nsga2" => Box::new(Evolution::new(space, seed, 100, 100, variation, Nsga2::default())),
        "nsga3" => {
            let survival = Nsga3::new(task.objectives, 100);
            Box::new(Evolution::new(space, seed, 100, 100, Nsga3::variation(), survival))
        }
        "smsemoa" => Box::new(Evolution::new(space, seed, 100, 1, variation, SmsEmoa::default())),
        "moead" => {
            Box::new(Moead::new(space, seed, task.objectives, Settings::of(task.objectives)))
        }
        _ => panic!("an evolutionary algorithm, not {name}"),
    }
}

/// The hypervolume, reference 1.1, of the final population and of all trials.
fn attained(name: &str, on: &Problem, trials: u64, lag: u64, seed: u64) -> [f64; 2] {
    let task = Task { objectives: on.width, ..Task::new(&on.space, seed, Some(trials)) };
    let mut strategy = population(name, &task);
    let mut open: Vec<(u64, Point)> = Vec::new();
    let mut all = Vec::new();
    let mut learn = |strategy: &mut Box<dyn Population>, (number, point): (u64, Point)| {
        let objectives = (on.function)(&numbers(&point));
        all.extend(&objectives);
        let told = Told::Complete { objectives, violation: 0.0 };
        strategy.learn(Origin::Proposed(number), &point, &told);
    };
    for number in 0..trials {
        if open.len() as u64 >= lag {
            learn(&mut strategy, open.remove(0));
        }
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(number);
        let point = strategy.propose(number, &mut generator, &[]).expect("nothing is waited for");
        open.push((number, point));
    }
    for each in open {
        learn(&mut strategy, each);
    }
    let of_members: Vec<f64> =
        strategy.members().iter().flat_map(|each| each.objectives.clone()).collect();
    let volume = |rows: &[f64]| hypervolume(Scores::new(rows, on.width), &vec![1.1; on.width]);
    [volume(&of_members), volume(&all)]
}

/// Prints the medians over 15 seeds, and every one for those who want to test a difference.
#[expect(clippy::print_stdout, reason = "it prints a table")]
fn print_table(name: &str) {
    for on in ["zdt1", "zdt2", "zdt3", "zdt4", "zdt6", "dtlz2"] {
        let problem = problem(on);
        for lag in [1, 64] {
            let of_seeds: Vec<[f64; 2]> =
                (0..15).map(|seed| attained(name, &problem, 25_000, lag, seed)).collect();
            for (which, place) in [("final", 0), ("all", 1)] {
                let values: Vec<f64> = of_seeds.iter().map(|pair| pair[place]).collect();
                let middle = median(values.clone());
                println!("{name} {on} lag {lag} {which} median {middle:.5} of {values:.5?}");
            }
        }
    }
}

#[test]
#[ignore = "prints a table"]
fn table_of_nsga2() {
    print_table("nsga2");
}

#[test]
#[ignore = "prints a table"]
fn table_of_nsga3() {
    print_table("nsga3");
}

#[test]
#[ignore = "prints a table"]
fn table_of_smsemoa() {
    print_table("smsemoa");
}

#[test]
#[ignore = "prints a table"]
fn table_of_moead() {
    print_table("moead");
}
