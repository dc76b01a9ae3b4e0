//! Floating-point numbers whose mathematics is the same on every platform.

use std::fmt;
use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use argmin::core::KvValue;
use num_traits::{Float, FloatConst, FromPrimitive, Num, NumCast, One, ToPrimitive, Zero};

/// A number whose exponentials and the like are those of `libm`, for solvers that compute some:
/// those of the standard library differ in the last bit between platforms.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Portable(pub f64);

impl From<f64> for Portable {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

impl From<Portable> for KvValue {
    fn from(number: Portable) -> Self {
        Self::Float(number.0)
    }
}

impl fmt::Display for Portable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

macro_rules! operators {
    ($($operator:ident $name:ident),*) => {$(
        impl $operator for Portable {
            type Output = Self;
            fn $name(self, other: Self) -> Self {
                Self(self.0.$name(other.0))
            }
        }
    )*};
}

operators!(Add add, Sub sub, Mul mul, Div div, Rem rem);

impl Neg for Portable {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Zero for Portable {
    fn zero() -> Self {
        Self(0.0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl One for Portable {
    fn one() -> Self {
        Self(1.0)
    }
}

impl Num for Portable {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Self)
    }
}

impl NumCast for Portable {
    fn from<T: ToPrimitive>(number: T) -> Option<Self> {
        number.to_f64().map(Self)
    }
}

impl ToPrimitive for Portable {
    fn to_i64(&self) -> Option<i64> {
        self.0.to_i64()
    }
    fn to_u64(&self) -> Option<u64> {
        self.0.to_u64()
    }
    fn to_f64(&self) -> Option<f64> {
        Some(self.0)
    }
}

impl FromPrimitive for Portable {
    fn from_i64(number: i64) -> Option<Self> {
        f64::from_i64(number).map(Self)
    }
    fn from_u64(number: u64) -> Option<Self> {
        f64::from_u64(number).map(Self)
    }
    fn from_f64(number: f64) -> Option<Self> {
        Some(Self(number))
    }
}

macro_rules! constants {
    ($($constant:ident)*) => {
        #[allow(non_snake_case, reason = "the names of num-traits")]
        impl FloatConst for Portable {
            $(fn $constant() -> Self {
                Self(std::f64::consts::$constant)
            })*
        }
    };
}

constants!(
    E FRAC_1_PI FRAC_1_SQRT_2 FRAC_2_PI FRAC_2_SQRT_PI FRAC_PI_2 FRAC_PI_3 FRAC_PI_4 FRAC_PI_6
    FRAC_PI_8 LN_10 LN_2 LOG10_E LOG2_E PI SQRT_2
);

/// `Float`, by what is exact in the standard library and by `libm` for the rest.
macro_rules! float {
    (
        numbers $($number:ident = $constant:expr),*;
        tests $($test:ident)*;
        exact $($exact:ident)*;
        pairs $($pair:ident)*;
        libm $($name:ident = $function:ident),*;
        libm pairs $($pair_name:ident = $pair_function:ident),*;
    ) => {
        impl Float for Portable {
            $(fn $number() -> Self {
                Self($constant)
            })*
            $(fn $test(self) -> bool {
                self.0.$test()
            })*
            $(fn $exact(self) -> Self {
                Self(self.0.$exact())
            })*
            $(fn $pair(self, other: Self) -> Self {
                Self(self.0.$pair(other.0))
            })*
            $(fn $name(self) -> Self {
                Self(libm::$function(self.0))
            })*
            $(fn $pair_name(self, other: Self) -> Self {
                Self(libm::$pair_function(self.0, other.0))
            })*
            fn classify(self) -> FpCategory {
                self.0.classify()
            }
            fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(libm::fma(self.0, factor.0, term.0))
            }
            fn powi(self, exponent: i32) -> Self {
                Self(libm::pow(self.0, exponent.into()))
            }
            fn log(self, base: Self) -> Self {
                Self(libm::log(self.0) / libm::log(base.0))
            }
            fn sin_cos(self) -> (Self, Self) {
                let (sine, cosine) = libm::sincos(self.0);
                (Self(sine), Self(cosine))
            }
            fn integer_decode(self) -> (u64, i16, i8) {
                Float::integer_decode(self.0)
            }
        }
    };
}

float! {
    numbers nan = f64::NAN, infinity = f64::INFINITY, neg_infinity = f64::NEG_INFINITY,
        neg_zero = -0.0, min_value = f64::MIN, min_positive_value = f64::MIN_POSITIVE,
        epsilon = f64::EPSILON, max_value = f64::MAX;
    tests is_nan is_infinite is_finite is_normal is_sign_positive is_sign_negative;
    exact floor ceil round trunc fract abs signum recip sqrt;
    pairs max min;
    libm exp = exp, exp2 = exp2, ln = log, log2 = log2, log10 = log10, cbrt = cbrt, sin = sin,
        cos = cos, tan = tan, asin = asin, acos = acos, atan = atan, exp_m1 = expm1,
        ln_1p = log1p, sinh = sinh, cosh = cosh, tanh = tanh, asinh = asinh, acosh = acosh,
        atanh = atanh;
    libm pairs powf = pow, abs_sub = fdim, hypot = hypot, atan2 = atan2;
}
