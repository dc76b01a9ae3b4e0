//! The signed-rank test for paired samples (F. Wilcoxon, "Individual Comparisons by Ranking
//! Methods", Biometrics Bulletin 1(6), 1945).

/// Up to so many differences the probability is exact; beyond, it is that of the normal
/// distribution with the same mean and variance, corrected for continuity.
const EXACT: usize = 25;

/// Whether the differences lie above zero, with at most this probability of seeing them, or any
/// that speak more for it, where they are symmetric about zero.
///
/// Differences of zero count half for either side (as `zero_method="zsplit"` of `SciPy`); equal
/// ones share the mean of their ranks.
#[must_use]
pub(crate) fn is_worse(differences: &[f64], level: f64) -> bool {
    let mut order: Vec<f64> = differences.to_vec();
    order.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Ranks are doubled, so that shared ones stay whole numbers.
    let mut ranks = vec![0_u64; order.len()];
    let mut from = 0;
    while from < order.len() {
        let same = order[from..].iter().take_while(|each| each.abs() <= order[from].abs()).count();
        ranks[from..from + same].fill((2 * from + same + 1) as u64);
        from += same;
    }
    let above: u64 =
        order.iter().zip(&ranks).filter(|(each, _)| **each > 0.0).map(|(_, r)| r).sum();
    let ties: u64 =
        order.iter().zip(&ranks).filter(|(each, _)| **each == 0.0).map(|(_, r)| r).sum();
    let all: u64 = ranks.iter().sum();
    // Twice the statistic, so that halves of ties stay whole numbers.
    let statistic = 2 * above + ties;
    if statistic <= all {
        return false;
    }
    let probability =
        if ranks.len() <= EXACT { exact(&ranks, statistic) } else { normal(&ranks, statistic) };
    probability <= level
}

/// The share of all choices of signs whose sum of positive ranks, doubled, is at least this.
fn exact(ranks: &[u64], statistic: u64) -> f64 {
    let all: usize = ranks.iter().map(|rank| *rank as usize).sum();
    let mut ways = vec![0.0_f64; all + 1];
    ways[0] = 1.0;
    let mut reach = 0;
    for rank in ranks {
        let rank = *rank as usize;
        for sum in (0..=reach).rev() {
            ways[sum + rank] += ways[sum];
        }
        reach += rank;
    }
    let least = statistic.div_ceil(2) as usize;
    // All are whole numbers below 2^26, so that the order of summing does not matter.
    ways[least..].iter().sum::<f64>() / (1_u64 << ranks.len()) as f64
}

fn normal(ranks: &[u64], statistic: u64) -> f64 {
    let sum: f64 = ranks.iter().map(|rank| *rank as f64 / 2.0).sum();
    let squares: f64 = ranks.iter().map(|rank| (*rank as f64 / 2.0) * (*rank as f64 / 2.0)).sum();
    let deviation = (squares / 4.0).sqrt();
    let above = statistic as f64 / 4.0 - sum / 2.0 - 0.5;
    0.5 * libm::erfc(above / deviation / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least level at which the differences count as worse.
    fn probability(differences: &[f64]) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if is_worse(differences, middle) { high = middle } else { low = middle }
        }
        high
    }

    #[test]
    fn small_samples_are_exact() {
        // All of n differences above zero: one way in 2^n.
        for n in 1..=10 {
            let differences: Vec<f64> = (1..=n).map(f64::from).collect();
            assert!((probability(&differences) - 1.0 / f64::from(1 << n)).abs() < 1e-12);
        }
        // Ranks of 1 to 5 with the 2 negative: positive sums of 13 or more, which 14 and 15 and
        // 13 are: {3,4,5,1}, all, and all without the 1.
        assert!((probability(&[1.0, -2.0, 3.0, 4.0, 5.0]) - 3.0 / 32.0).abs() < 1e-12);
        assert!(!is_worse(&[-1.0, -2.0, 3.0], 0.99), "the negative side has half of the ranks");
        assert!(!is_worse(&[0.0, 0.0], 0.99) && !is_worse(&[], 0.99));
    }

    #[test]
    fn large_samples_are_nearly_so() {
        let sample = |n: i32| -> Vec<f64> {
            (1..=n).map(|i| if i % 3 == 0 { -f64::from(i) } else { f64::from(i) }).collect()
        };
        // scipy.stats.wilcoxon(d, alternative="greater", method="approx", correction=True)
        assert!((probability(&sample(30)) - 0.084_089_5).abs() < 1e-4);
    }
}
