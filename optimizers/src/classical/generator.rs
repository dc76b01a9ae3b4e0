//! Our generator, as the solvers of `argmin` want it.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// `ChaCha8Rng` with the traits of the older `rand` that `argmin` builds on.
#[derive(Clone, Debug)]
pub(crate) struct Generator(pub ChaCha8Rng);

impl RngCore for Generator {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
