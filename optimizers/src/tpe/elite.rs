//! The best observations: those that are, or may become, the good ones.

use std::cmp::Ordering;

use super::subset::widest_subset;
use crate::optimizer::Told;
use crate::pareto::{Scores, first_fronts};

/// What is known of a trial that did not fail.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// Evaluated and feasible: its objectives.
    Complete(Vec<f64>),
    /// Ended early at a step, with this value; infinite where there was none.
    Pruned { step: u64, value: f64 },
    /// Evaluated and infeasible, by so much.
    Infeasible(f64),
}

impl Standing {
    /// That of a trial; none where it failed.
    pub fn new(told: &Told) -> Option<Self> {
        match told {
            Told::Complete { violation, .. } if *violation > 0.0 => {
                Some(Self::Infeasible(*violation))
            }
            Told::Complete { objectives, .. } => Some(Self::Complete(objectives.clone())),
            Told::Pruned { step, objectives } => {
                let value = match objectives.as_deref() {
                    Some(&[value]) => value,
                    _ => f64::INFINITY,
                };
                Some(Self::Pruned { step: *step, value })
            }
            Told::Failed => None,
        }
    }

    /// Complete ones before pruned ones before infeasible ones. Among pruned ones, who came
    /// further is better, then whose value is less. Complete ones with several objectives are
    /// not told apart here.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Complete(a), Self::Complete(b)) => match (&**a, &**b) {
                ([a], [b]) => a.total_cmp(b),
                _ => Ordering::Equal,
            },
            (Self::Pruned { step: a, value: x }, Self::Pruned { step: b, value: y }) => {
                b.cmp(a).then(x.total_cmp(y))
            }
            (Self::Infeasible(a), Self::Infeasible(b)) => a.total_cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Complete(_) => 0,
            Self::Pruned { .. } => 1,
            Self::Infeasible(_) => 2,
        }
    }
}

/// An observation among the best.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub identity: u64,
    pub units: Vec<f64>,
    standing: Standing,
}

/// The best observations, at most a few times as many as may ever be good.
pub(super) struct Elite {
    /// In order of their standing, then of time.
    members: Vec<Member>,
    /// How many may be good.
    limit: usize,
    /// The last choice among a front that had to be cut: its members, and which of them.
    last_cut: (Vec<u64>, Vec<usize>),
}

/// With several objectives, what is not good today may be tomorrow: so many times the good ones
/// are kept.
const RESERVE: usize = 4;

impl Elite {
    /// Keeps what is needed to choose up to `limit`.
    pub fn new(limit: usize) -> Self {
        Self { members: Vec::new(), limit, last_cut: (Vec::new(), Vec::new()) }
    }

    /// All of them.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Takes an observation in, where it may be good.
    pub fn offer(&mut self, identity: u64, units: Vec<f64>, standing: Standing) {
        let at = self.members.partition_point(|other| {
            other.standing.compare(&standing).then(other.identity.cmp(&identity)).is_lt()
        });
        self.members.insert(at, Member { identity, units, standing });
        if self.members.len() > RESERVE * self.limit {
            let mut kept = self.best(RESERVE / 2 * self.limit);
            kept.sort_unstable();
            let mut place = 0;
            self.members.retain(|_| {
                place += 1;
                kept.binary_search(&(place - 1)).is_ok()
            });
        }
    }

    /// The places of the `count` best members.
    ///
    /// With several objectives they are the first fronts, and of the one that has to be cut, the
    /// rows that cover the most (Ozaki et al., "Multiobjective Tree-Structured Parzen
    /// Estimator", JAIR 73, 2022).
    pub fn best(&mut self, count: usize) -> Vec<usize> {
        let is_complete = |member: &Member| matches!(member.standing, Standing::Complete(_));
        let complete = self.members.partition_point(is_complete);
        let width = self.members.first().map_or(1, |member| member.objectives().len());
        if width <= 1 || complete <= count {
            return (0..count.min(self.members.len())).collect();
        }
        let rows: Vec<f64> =
            self.members[..complete].iter().flat_map(Member::objectives).copied().collect();
        let mut best = Vec::with_capacity(count);
        for front in first_fronts(Scores::new(&rows, width), count) {
            let wanted = count - best.len();
            if front.len() <= wanted {
                best.extend(front);
                continue;
            }
            let identities: Vec<u64> =
                front.iter().map(|place| self.members[*place].identity).collect();
            if self.last_cut.0 != identities || self.last_cut.1.len() != wanted {
                let rows: Vec<&[f64]> =
                    front.iter().map(|place| self.members[*place].objectives()).collect();
                self.last_cut = (identities, widest_subset(&rows, wanted));
            }
            best.extend(self.last_cut.1.iter().map(|index| front[*index]));
        }
        best
    }
}

impl Member {
    fn objectives(&self) -> &[f64] {
        match &self.standing {
            Standing::Complete(objectives) => objectives,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(elite: &mut Elite, count: usize) -> Vec<u64> {
        let places = elite.best(count);
        places.into_iter().map(|place| elite.members()[place].identity).collect()
    }

    #[test]
    fn feasible_before_pruned_before_infeasible() {
        let mut elite = Elite::new(8);
        let complete = |value, violation| Told::Complete { objectives: vec![value], violation };
        let pruned = |step, value: Option<f64>| Told::Pruned {
            step,
            objectives: value.map(|value| vec![value]),
        };
        let told = [
            complete(-9.0, 2.0),
            pruned(5, None),
            complete(7.0, 0.0),
            pruned(5, Some(1.0)),
            complete(-9.0, 0.5),
            pruned(6, Some(4.0)),
            complete(3.0, 0.0),
        ];
        for (identity, told) in told.iter().enumerate() {
            elite.offer(identity as u64, Vec::new(), Standing::new(told).unwrap());
        }
        assert_eq!(identities(&mut elite, 7), [6, 2, 5, 3, 1, 4, 0]);
        assert_eq!(Standing::new(&Told::Failed), None);
    }

    #[test]
    fn the_best_are_never_let_go() {
        let mut elite = Elite::new(5);
        for identity in 0..1000u64 {
            let value = (identity * 7919 % 1009) as f64;
            elite.offer(identity, Vec::new(), Standing::Complete(vec![value]));
        }
        let values: Vec<f64> =
            elite.best(5).into_iter().map(|place| elite.members[place].objectives()[0]).collect();
        let mut all: Vec<f64> = (0..1000u64).map(|i| (i * 7919 % 1009) as f64).collect();
        all.sort_by(f64::total_cmp);
        assert_eq!(values, all[..5]);
        assert!(elite.members().len() <= 20);
    }

    #[test]
    fn a_front_is_cut_where_it_is_densest() {
        let mut elite = Elite::new(3);
        let rows = [[0.0, 1.0], [0.01, 0.99], [0.5, 0.5], [0.51, 0.49], [1.0, 0.0], [2.0, 2.0]];
        for (identity, row) in rows.iter().enumerate() {
            elite.offer(identity as u64, Vec::new(), Standing::Complete(row.to_vec()));
        }
        let mut best = identities(&mut elite, 3);
        best.sort_unstable();
        assert!(best.iter().filter(|identity| [0, 1].contains(*identity)).count() == 1, "{best:?}");
        assert!(best.iter().filter(|identity| [2, 3].contains(*identity)).count() == 1, "{best:?}");
        assert!(best.contains(&4));
    }
}
