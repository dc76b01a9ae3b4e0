//! The studies that a campaign disturbs.

use crate::support::Place;

/// A kind of study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Study {
    /// A grid of backtests in jobs of many trials.
    Grid,
    /// Many jobs of one tiny trial each.
    Tiny,
    /// A process for every trial.
    Program,
    /// A Sobol sequence, with a share of the trials run twice.
    Audited,
    /// Generations of trials that pause, and of which some go on, where they are, as new jobs.
    Pruned,
}

impl Study {
    /// All of them; rounds take turns.
    pub const ALL: [Self; 5] = [Self::Grid, Self::Tiny, Self::Program, Self::Audited, Self::Pruned];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Tiny => "tiny jobs",
            Self::Program => "program",
            Self::Audited => "audited sobol",
            Self::Pruned => "pruned nsga2",
        }
    }

    /// The options that it is started with. `size` 1 is about two seconds of two workers.
    pub fn words(self, size: u64) -> String {
        match self {
            Self::Grid => format!(
                "--template sma-crossover --algorithm grid --set space.fast.int=[2,{}] \
                 --set space.slow.int=[10,{}]",
                100 + 100 * size.min(2),
                300 + 600 * size
            ),
            Self::Tiny => format!(
                "--template problem:branin --algorithm random --trials {} --chunk 1 --seed 3",
                10_000 * size
            ),
            Self::Program => {
                format!("--template program.toml --trials {} --chunk 1 --seed 3", 400 * size)
            }
            Self::Audited => format!(
                "--template problem:zdt1 --algorithm sobol --trials {} --seed 5",
                120_000 * size
            ),
            Self::Pruned => format!(
                "--template problem:zdt1 --set problem.steps=27 --algorithm nsga2 --prune asha \
                 --lag 64 --trials {} --seed 5",
                4000 * size
            ),
        }
    }

    /// The options that every process which coordinates it needs.
    pub fn running(self) -> &'static str {
        match self {
            Self::Audited => "--audit 5%",
            _ => "",
        }
    }

    /// Writes the files that it needs.
    pub fn prepare(self, place: &Place) {
        if self == Self::Program {
            place.write(
                "program.toml",
                "name = 'program'\nsimulator = 'command'\n[objectives]\ncost = 'minimize'\n\
                 [space]\nx = { float = [0.0, 1.0] }\n[command]\nmode = 'once'\n\
                 run = ['sh', 'sim.sh', '{trial}', '{x}']\nmetrics = ['cost']\n\
                 output = 'lines'\n",
            );
            // Whoever runs a trial leaves a line: so it is known how often each of them was run.
            place.write("sim.sh", "echo \"$1\" >> \"$RUNS\"\nsleep 0.005\necho \"cost = $2\"\n");
        }
    }
}
