//! Chance for tests, from a seed.
//! Lives here: a generator of numbers that are the same everywhere.
//! May not live here: what is simulated with it.

/// splitmix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014).
pub struct Dice(pub u64);

impl Dice {
    /// A number from 0 up to 1.
    pub fn number(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// What happens at this rate.
    pub fn falls(&mut self, rate: f64) -> bool {
        self.number() < rate
    }
}
