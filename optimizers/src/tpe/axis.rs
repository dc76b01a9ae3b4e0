//! One parameter as an axis of a density: what a kernel looks like on it.

use libm::{erf, exp, log, sqrt};
use rand_chacha::ChaCha8Rng;
use search_spaces::{Domain, Scale};

use crate::draw::{below, normal_pair, unit};

/// Reciprocal of the square root of 2.
const HALF_ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Square root of 2 pi.
const ROOT_OF_TWO_PI: f64 = 2.5066282746310007;

/// A parameter on the unit interval.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Where the parameter is in the space.
    pub parameter: usize,
    domain: Domain,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A normal distribution, cut off at both ends.
    Real,
    /// The same, over the shares of so many levels, equal ones or not.
    Ordered { levels: u64, equal: bool },
    /// Levels without order.
    Choice { levels: u64 },
}

/// A kernel on an ordered axis: its part of the exponent is
/// `log_height - (sharpness * (x - centre))^2`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bell {
    pub sharpness: f64,
    pub log_height: f64,
}

impl Axis {
    /// The axis of a parameter; none where it has a single value, and nothing is to be chosen.
    pub fn new(parameter: usize, domain: &Domain) -> Option<Self> {
        let kind = match (domain.levels(), domain) {
            (Some(1), _) => return None,
            (None, _) => Kind::Real,
            (Some(levels), Domain::Labels { ordered: false, .. } | Domain::Bool) => {
                Kind::Choice { levels }
            }
            (Some(levels), domain) => Kind::Ordered { levels, equal: !is_logarithmic(domain) },
        };
        Some(Self { parameter, domain: domain.clone(), kind })
    }

    /// How many levels a choice has; none where the axis has an order.
    pub fn choices(&self) -> Option<f64> {
        match self.kind {
            Kind::Choice { levels } => Some(levels as f64),
            _ => None,
        }
    }

    /// The coordinate that stands for the value at `x`: on an axis of levels the middle of its
    /// level's share, so that equal values have equal coordinates.
    pub fn settled(&self, x: f64) -> f64 {
        match self.kind {
            Kind::Real => x,
            Kind::Ordered { levels, equal: true } | Kind::Choice { levels } => {
                let count = levels as f64;
                ((x * count).floor().min(count - 1.0) + 0.5) / count
            }
            Kind::Ordered { .. } => self.domain.encode(self.domain.decode(x)),
        }
    }

    /// The kernel of this width about `centre`.
    ///
    /// The probability of a level is a normal distribution's over its share. That is very nearly
    /// the density at the share's middle, if a twelfth of the square of the share's width is added
    /// to the variance (Sheppard's correction, the other way round): good to a hundredth from
    /// widths of a third of a share on, and in that form all axes are computed alike.
    pub fn bell(&self, centre: f64, width: f64) -> Bell {
        // What lies within the unit interval of the distribution.
        let reach = centre.min(1.0 - centre);
        let mass = if reach > 8.0 * width {
            1.0
        } else {
            let part = |distance: f64| erf(distance * HALF_ROOT / width);
            0.5 * (part(centre) + part(1.0 - centre))
        };
        let share = self.share(centre);
        let variance = width * width + share * share / 12.0;
        let deviation = sqrt(variance);
        // Levels far apart sum to more than the integral (the first term of Poisson's sum).
        let excess = if share > 0.5 * deviation {
            const TWO_PI_SQUARES: f64 = 2.0 * std::f64::consts::PI * std::f64::consts::PI;
            1.0 + 2.0 * exp(-TWO_PI_SQUARES * variance / (share * share))
        } else {
            1.0
        };
        Bell {
            sharpness: HALF_ROOT / deviation,
            log_height: -log(deviation * ROOT_OF_TWO_PI * mass * excess),
        }
    }

    /// The width of the share of the level at a coordinate; 0 where there are no levels.
    fn share(&self, centre: f64) -> f64 {
        match self.kind {
            Kind::Ordered { levels, equal: true } => 1.0 / levels as f64,
            Kind::Ordered { levels, .. } => {
                let level = self.domain.level_of(self.domain.decode(centre)).unwrap_or(0);
                let middle = |level| self.domain.encode(self.domain.level_value(level));
                let (below, above) = (level.saturating_sub(1), (level + 1).min(levels - 1));
                (middle(above) - middle(below)) / (above - below) as f64
            }
            Kind::Real | Kind::Choice { .. } => 0.0,
        }
    }

    /// A draw from the normal distribution of this centre and width, within the unit interval.
    ///
    /// Centres lie within it and widths are at most 1, so a third of all draws do as well.
    pub fn draw_near(&self, centre: f64, width: f64, generator: &mut ChaCha8Rng) -> f64 {
        loop {
            for normal in normal_pair(generator) {
                let x = centre + width * normal;
                if (0.0..1.0).contains(&x) {
                    return self.settled(x);
                }
            }
        }
    }

    /// A draw of one of the choices, all equally likely.
    pub fn draw_any(&self, generator: &mut ChaCha8Rng) -> f64 {
        match self.kind {
            Kind::Choice { levels } => {
                (below(generator, levels as usize) as f64 + 0.5) / levels as f64
            }
            _ => self.settled(unit(generator)),
        }
    }
}

fn is_logarithmic(domain: &Domain) -> bool {
    matches!(
        domain,
        Domain::Float { scale: Scale::Log, .. } | Domain::Int { scale: Scale::Log, .. }
    )
}

#[cfg(test)]
mod tests {
    use search_spaces::Value;

    use super::*;

    fn density(axis: &Axis, centre: f64, width: f64, x: f64) -> f64 {
        let bell = axis.bell(centre, width);
        let distance = bell.sharpness * (x - centre);
        exp(bell.log_height - distance * distance)
    }

    #[test]
    fn a_kernel_integrates_to_one_and_a_discrete_one_is_near_the_share_of_each_level() {
        let float =
            Domain::Float { low: 0.0, high: 1.0, scale: Scale::Linear, step: None, points: None };
        let real = Axis::new(0, &float).unwrap();
        for (centre, width) in [(0.5, 1.0), (0.0, 0.3), (0.97, 0.05), (0.4, 0.01)] {
            let sum: f64 = (0..10_000)
                .map(|i| density(&real, centre, width, (f64::from(i) + 0.5) / 1e4))
                .sum();
            assert!((sum / 1e4 - 1.0).abs() < 1e-3, "{centre} {width}: {sum}");
        }
        let int = Domain::Int { low: 1, high: 9, scale: Scale::Linear, step: 1 };
        let axis = Axis::new(0, &int).unwrap();
        for width in [0.04, 0.1, 0.3, 1.0] {
            for level in [0, 4, 8] {
                let middle = |level: u64| axis.domain.encode(axis.domain.level_value(level));
                let centre = middle(level);
                let below = |x: f64| 0.5 * erf((x - centre) * HALF_ROOT / width);
                let inside = below(1.0) - below(0.0);
                for other in 0..9 {
                    let x = middle(other);
                    let exact = (below(x + 1.0 / 18.0) - below(x - 1.0 / 18.0)) / inside;
                    let found = density(&axis, centre, width, x) / 9.0;
                    assert!(
                        (found - exact).abs() < 0.015,
                        "{width} {level} {other}: {found} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_settled_coordinate_is_the_middle_of_its_level() {
        for scale in [Scale::Linear, Scale::Log] {
            let domain = Domain::Int { low: 1, high: 20, scale, step: 1 };
            let axis = Axis::new(0, &domain).unwrap();
            for step in 0..1000 {
                let x = f64::from(step) / 1000.0;
                let settled = axis.settled(x);
                assert_eq!(domain.decode(settled), domain.decode(x));
                assert!((settled - domain.encode(domain.decode(x))).abs() < 1e-12);
            }
            assert_eq!(domain.decode(axis.settled(0.9999999)), Value::Int(20));
        }
    }
}
