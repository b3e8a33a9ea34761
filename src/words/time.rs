//! How long something takes, and how long ago it was.

use super::{Both, both};

/// The largest whole unit, rounded down.
fn unit(seconds: u64) -> (&'static str, u64) {
    match seconds {
        0..60 => ("seconds", seconds),
        60..3_600 => ("minutes", seconds / 60),
        3_600..86_400 => ("hours", seconds / 3_600),
        _ => ("days", seconds / 86_400),
    }
}

/// A duration: «1 минута», "1 minute".
pub fn duration(seconds: u64) -> Both {
    let (unit, n) = unit(seconds);
    both(&format!("duration-{unit}"), &[("n", n.into())])
}

/// A duration as what lies between: «через 1 минуту», "in 1 minute".
pub fn within(seconds: u64) -> Both {
    let (unit, n) = unit(seconds);
    both(&format!("within-{unit}"), &[("n", n.into())])
}

/// How old something is: «2 часа назад», "2 hours ago". Never «только что»: that would be read as "checked just now", and the
/// answer may have been another check's.
pub fn ago(seconds: u64) -> Both {
    if seconds < 1 {
        return both("ago-less_than_second", &[]);
    }
    both("ago-told", &[("age", within(seconds).into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_nouns() {
        for (seconds, ru, en) in [
            (0, "меньше секунды назад", "less than a second ago"),
            (1, "1 секунду назад", "1 second ago"),
            (60, "1 минуту назад", "1 minute ago"),
            (21 * 60, "21 минуту назад", "21 minutes ago"),
            (2 * 3_600, "2 часа назад", "2 hours ago"),
            (11 * 86_400, "11 дней назад", "11 days ago"),
        ] {
            assert_eq!((ago(seconds).ru.as_str(), ago(seconds).en.as_str()), (ru, en));
        }
        assert_eq!(duration(14 * 86_400), Both::new("14 дней", "14 days"));
        assert_eq!((duration(60).ru.as_str(), within(60).ru.as_str()), ("1 минута", "1 минуту"));
    }
}
