//! Columns in single precision, which take half of the way from memory.
//!
//! Rounding keeps order: of two numbers that differ once they are rounded, the smaller one was
//! smaller. So most bars are compared by what is rounded, and only where that is equal by the
//! numbers themselves. NaN stays NaN, which compares with nothing.
#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for AVX2")]

use multiversion::multiversion;

/// The values of a column, each rounded to the nearest number of single precision.
pub(super) type Shadow = Vec<f32>;

pub(super) fn shadow(values: &[f64]) -> Shadow {
    values.iter().map(|value| *value as f32).collect()
}

/// Bars in a word of a mask.
const WORD: usize = 64;

/// A column with its shadow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shaded<'a> {
    pub values: &'a [f64],
    pub shadow: &'a [f32],
}

/// Fills `mask` with the bars at which `a` lies below `b`, or at which it `may_equal` it, and
/// `neither` with those at which neither lies below the other, being equal or unknown.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn below(
    mask: &mut Vec<u64>,
    neither: &mut Vec<u64>,
    a: Shaded<'_>,
    b: Shaded<'_>,
    may_equal: bool,
) {
    mask.clear();
    neither.clear();
    let ((a_words, a_rest), (b_words, b_rest)) =
        (a.shadow.as_chunks::<WORD>(), b.shadow.as_chunks::<WORD>());
    for (word, (a_word, b_word)) in a_words.iter().zip(b_words).enumerate() {
        let (below, neither_below) = word_bits(
            a_word,
            b_word,
            &a.values[word * WORD..],
            &b.values[word * WORD..],
            may_equal,
        );
        mask.push(below);
        neither.push(neither_below);
    }
    if !a_rest.is_empty() {
        let padded = |rest: &[f32]| {
            let mut word = [f32::NAN; WORD];
            word[..rest.len()].copy_from_slice(rest);
            word
        };
        let from = a_words.len() * WORD;
        let (a_rest, b_rest) = (padded(a_rest), padded(b_rest));
        let (a, b) = (&a.values[from..], &b.values[from..]);
        let (below, neither_below) = word_bits(&a_rest, &b_rest, a, b, may_equal);
        mask.push(below);
        neither.push(neither_below & ((1 << a.len()) - 1));
    }
}

/// The bits of one word of both masks, from the shadows of two columns and their values.
#[inline(always)]
fn word_bits(
    a_shadow: &[f32; WORD],
    b_shadow: &[f32; WORD],
    a: &[f64],
    b: &[f64],
    may_equal: bool,
) -> (u64, u64) {
    let mut below = bits(a_shadow, b_shadow, |a, b| a < b);
    let mut neither = bits_of_neither(a_shadow, b_shadow);
    let mut unsure = neither;
    while unsure != 0 {
        let bar = unsure.trailing_zeros() as usize;
        let bit = 1 << bar;
        unsure ^= bit;
        // What fills up a last word is unknown, and no bar.
        let (Some(a), Some(b)) = (a.get(bar), b.get(bar)) else { break };
        if a < b || (may_equal && a == b) {
            below |= bit;
        }
        if !is_neither(*a, *b) {
            neither ^= bit;
        }
    }
    (below, neither)
}

/// Where neither of two words lies below the other, which is rare.
#[inline(always)]
fn bits_of_neither(a: &[f32; WORD], b: &[f32; WORD]) -> u64 {
    let mut any = 0_u32;
    for lane in 0..WORD {
        any |= u32::from(is_neither(a[lane], b[lane]));
    }
    if any == 0 { 0 } else { bits(a, b, is_neither) }
}

/// Whether neither lies below the other, being equal or unknown.
#[inline(always)]
#[expect(clippy::double_comparisons, reason = "what is unknown is unequal and not below or above")]
pub(super) fn is_neither<T: PartialOrd + Copy>(a: T, b: T) -> bool {
    !(a < b || a > b)
}

#[inline(always)]
fn bits(a: &[f32; WORD], b: &[f32; WORD], holds: impl Fn(f32, f32) -> bool) -> u64 {
    // Bytes first, as in `mask::fill`.
    let mut bytes = [0_u8; WORD];
    for lane in 0..WORD {
        bytes[lane] = u8::from(holds(a[lane], b[lane]));
    }
    super::mask::pack(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rounded_decides_as_the_numbers_do() {
        let tiny = f64::EPSILON;
        let values = [
            1.0,
            1.0 + tiny,
            1.0 - tiny,
            1.0 + 1e-7,
            f64::NAN,
            f64::INFINITY,
            f64::MAX,
            1e300,
            0.0,
            -0.0,
            1e-300,
            -1e-300,
            -1.0,
            f64::NEG_INFINITY,
            16_777_217.0,
            16_777_216.0,
        ];
        let count = values.len();
        let a: Vec<f64> = (0..count * count).map(|bar| values[bar / count]).collect();
        let b: Vec<f64> = (0..count * count).map(|bar| values[bar % count]).collect();
        let (a_shadow, b_shadow) = (shadow(&a), shadow(&b));
        for bars in [0, 1, 63, 64, 65, a.len()] {
            let shaded = |values, shadow| -> Shaded<'_> {
                let (values, shadow): (&[f64], &[f32]) = (values, shadow);
                Shaded { values: &values[..bars], shadow: &shadow[..bars] }
            };
            for may_equal in [false, true] {
                let (mut found, mut neither, mut plain) = (Vec::new(), Vec::new(), Vec::new());
                let (a_shaded, b_shaded) = (shaded(&a, &a_shadow), shaded(&b, &b_shadow));
                below(&mut found, &mut neither, a_shaded, b_shaded, may_equal);
                let holds = |bar: usize| a[bar] < b[bar] || (may_equal && a[bar] == b[bar]);
                super::super::mask::fill(&mut plain, bars, holds);
                assert_eq!(found, plain, "{bars} bars");
                super::super::mask::fill(&mut plain, bars, |bar| is_neither(a[bar], b[bar]));
                assert_eq!(neither, plain, "{bars} bars");
            }
        }
    }
}
