//! Signals as bit masks: bit i of word i / 64 says whether a condition holds at bar i.

/// A condition over all bars. Bits after the last bar are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mask {
    /// The same at every bar.
    All(bool),
    /// One bit for each bar.
    Bits(Vec<u64>),
}

/// Fills `mask` with `holds(bar)` for every bar.
#[inline]
pub(super) fn fill(mask: &mut Vec<u64>, bars: usize, holds: impl Fn(usize) -> bool) {
    mask.clear();
    let mut start = 0;
    while start + 64 <= bars {
        // Bytes first: comparing into bytes is a loop without dependencies, which a compiler
        // turns into vector instructions; packing them costs one multiplication for eight.
        let mut bytes = [0_u8; 64];
        for (lane, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from(holds(start + lane));
        }
        mask.push(pack(&bytes));
        start += 64;
    }
    if start < bars {
        let bits = (start..bars).map(|bar| u64::from(holds(bar)) << (bar - start));
        mask.push(bits.fold(0, |word, bit| word | bit));
    }
}

/// Packs at most 64 bytes of 0 or 1 into bits, the first byte lowest.
#[inline]
pub(super) fn pack<const N: usize>(bytes: &[u8; N]) -> u64 {
    let mut word = 0;
    for (place, chunk) in bytes.chunks_exact(8).enumerate() {
        let eight = u64::from_le_bytes(chunk.try_into().expect("chunks of eight"));
        // Each byte's bit is moved to its place in the topmost byte; no two sums meet.
        let packed = eight.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= packed << (8 * place);
    }
    word
}

/// Clears the bits after the last bar.
pub(super) fn trim(mask: &mut [u64], bars: usize) {
    if let Some(last) = mask.last_mut().filter(|_| !bars.is_multiple_of(64)) {
        *last &= (1 << (bars % 64)) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_they_belong_and_nowhere_else() {
        for bars in [0, 1, 63, 64, 65, 128, 200] {
            let holds = |bar: usize| bar * bar % 7 < 3;
            let mut mask = Vec::new();
            fill(&mut mask, bars, holds);
            assert_eq!(mask.len(), bars.div_ceil(64));
            let bit = |mask: &[u64], bar: usize| mask[bar / 64] >> (bar % 64) & 1 == 1;
            assert!((0..bars).all(|bar| bit(&mask, bar) == holds(bar)));
            let ones = (0..bars).filter(|bar| holds(*bar)).count();
            assert_eq!(mask.iter().map(|w| w.count_ones() as usize).sum::<usize>(), ones);
            for word in &mut mask {
                *word = !*word;
            }
            trim(&mut mask, bars);
            assert!((0..bars).all(|bar| bit(&mask, bar) != holds(bar)));
            let zeros = bars - ones;
            assert_eq!(mask.iter().map(|w| w.count_ones() as usize).sum::<usize>(), zeros);
        }
    }
}
