//! Deterministic draws: the same seed and name give the same numbers, on every machine and in every order of asking.

/// A stream of numbers named by a seed and a path of words.
pub struct Draw(blake3::OutputReader);

impl Draw {
    /// The stream of this name. Words are length-prefixed, so `["a", "bc"]` and `["ab", "c"]` are different streams.
    pub fn new(seed: u64, name: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_be_bytes());
        for word in name {
            hasher.update(&(word.len() as u64).to_be_bytes());
            hasher.update(word.as_bytes());
        }
        Self(hasher.finalize_xof())
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = (high - low).unsigned_abs() + 1;
        low + (self.next() % width) as i64
    }

    /// True in `percent` of a hundred draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of the words; the empty word of an empty list.
    pub fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.next() % (words.len().max(1) as u64);
        words.get(at as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_the_same_numbers_and_another_name_others() {
        let first = |name: &[&str]| Draw::new(7, name).next();
        assert_eq!(first(&["a", "bc"]), first(&["a", "bc"]));
        assert_ne!(first(&["a", "bc"]), first(&["ab", "c"]));
        assert_ne!(first(&["a"]), Draw::new(8, &["a"]).next());
    }

    #[test]
    fn a_number_stays_between_its_ends_and_reaches_both() {
        let mut draw = Draw::new(1, &["ends"]);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| draw.between(-1, 2)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-1, 0, 1, 2]);
    }
}
