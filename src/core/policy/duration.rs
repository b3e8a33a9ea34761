//! Durations as configuration writes them: `"90s"`, `"14d"`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A duration in milliseconds; text form is a whole number with a unit `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationMs(pub u64);

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a duration like \"90s\", \"15m\", \"36h\" or \"14d\": {0:?}")]
pub struct ParseDurationError(pub String);

impl FromStr for DurationMs {
    type Err = ParseDurationError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDurationError(text.to_owned());
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (digits, unit) = text.split_at(digits_end);
        let number: u64 = digits.parse().map_err(|_| error())?;
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        number.checked_mul(*ms).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (unit, ms) = UNITS.iter().find(|(_, ms)| self.0.is_multiple_of(*ms)).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", self.0 / ms)
    }
}

impl Serialize for DurationMs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DurationMs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses() {
        for (text, ms) in [("14d", 1_209_600_000), ("90s", 90_000), ("0s", 0), ("250ms", 250)] {
            let parsed: DurationMs = text.parse().expect(text);
            assert_eq!(parsed.0, ms);
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["", "14", "d", "1.5h", "-1s", "1w", "99999999999999999999d"] {
            assert!(text.parse::<DurationMs>().is_err(), "{text}");
        }
    }
}
