//! The functions that a rule may call: a part of CEL's own, and a few for dates and lists of numbers.

use cel::common::types::{CelDouble, CelInt, CelList, CelString, LIST_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

/// What may be called besides operators. All of them are pure, and give the same on every machine.
pub(super) const CALLABLE: [&str; 13] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "double",
    "days",
    "sum",
    "min",
    "max",
    "median",
];

/// Those of them that are Mirano's.
pub(super) const OWN: [&str; 5] = ["days", "sum", "min", "max", "median"];

/// CEL without optional values, with `days`, `sum`, `min`, `max`, `median`.
pub(super) fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_overload("days", "days_string", vec![STRING_TYPE.to_owned()], |args| {
        let date = args.first().and_then(|arg| arg.downcast_ref::<CelString>()).map(CelString::inner);
        let days =
            date.and_then(days).ok_or_else(|| ExecutionError::function_error("days", "not a date YYYY-MM-DD"))?;
        Ok(CowVal::owned(CelInt::from(days)))
    })?;
    env.add_overload("sum", "sum_list", vec![LIST_TYPE.to_owned()], |args| {
        Ok(CowVal::owned(CelDouble::from(numbers("sum", &args)?.iter().sum::<f64>())))
    })?;
    env.add_overload("min", "min_list", vec![LIST_TYPE.to_owned()], |args| {
        some("min", numbers("min", &args)?.into_iter().reduce(f64::min))
    })?;
    env.add_overload("max", "max_list", vec![LIST_TYPE.to_owned()], |args| {
        some("max", numbers("max", &args)?.into_iter().reduce(f64::max))
    })?;
    env.add_overload("median", "median_list", vec![LIST_TYPE.to_owned()], |args| {
        let mut numbers = numbers("median", &args)?;
        numbers.sort_by(f64::total_cmp);
        let (low, high) = (numbers.get(numbers.len().saturating_sub(1) / 2), numbers.get(numbers.len() / 2));
        some("median", low.zip(high).map(|(low, high)| (low + high) / 2.0))
    })?;
    Ok(env)
}

fn some<'b, 'v>(function: &str, number: Option<f64>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let number = number.ok_or_else(|| ExecutionError::function_error(function, "an empty list"))?;
    Ok(CowVal::owned(CelDouble::from(number)))
}

fn numbers(function: &str, args: &[CowVal<'_, '_>]) -> Result<Vec<f64>, ExecutionError> {
    let list = args.first().and_then(|arg| arg.downcast_ref::<CelList>());
    let items = list.map(CelList::inner).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            number(item.as_ref()).ok_or_else(|| ExecutionError::function_error(function, "not a list of numbers"))
        })
        .collect()
}

/// An int or a double as a double.
pub(super) fn number(value: &dyn Val) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a rule compares as CEL does, in doubles")]
    let int = value.downcast_ref::<CelInt>().map(|n| *n.inner() as f64);
    int.or_else(|| value.downcast_ref::<CelDouble>().map(|n| *n.inner())).filter(|n| n.is_finite())
}

/// Days from 1970-01-01 to a date `YYYY-MM-DD` of the Gregorian calendar; `None` when it is no such date.
pub(super) fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten();
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last; 400 of them have 146,097 days.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (date, want) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2000-03-01", Some(11_017)),
            ("2026-11-24", Some(20_781)),
            ("2025-02-29", None),
            ("2026-13-01", None),
            ("2026-1-01", None),
            ("2026-01-01T00", None),
            ("+026-01-01", None),
            ("", None),
        ] {
            assert_eq!(days(date), want, "{date}");
        }
    }
}
