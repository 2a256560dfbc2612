//! Durations, sizes and other values that are written as text.
//!
//! Errors are fragments that say what was expected.

/// Milliseconds of a duration such as `1m30s`; parts of a millisecond are rounded up.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration; write for example 1m30s, 500ms or 2h");
    let mut nanoseconds = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = number(rest).ok_or_else(wrong)?;
        let length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        nanoseconds += number * nanoseconds_of(unit).ok_or_else(wrong)?;
        rest = after;
    }
    whole((nanoseconds / 1e6).ceil()).ok_or_else(|| format!("`{text}` is too long a time"))
}

fn nanoseconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3_600e9,
        "d" => 86_400e9,
        "w" => 604_800e9,
        _ => return None,
    })
}

/// Bytes of a size such as `64mb`; without a unit it is bytes, and units count by 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write for example 64mb, 1.5g or a number of bytes");
    let (number, unit) = number(text).ok_or_else(wrong)?;
    let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    whole((number * factor).floor()).ok_or_else(|| format!("`{text}` is too large"))
}

/// `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(format!("expected true or false, found `{text}`")),
    }
}

/// A whole number that fits its type.
pub(super) fn integer<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| match text.parse::<i128>() {
        Ok(_) => format!("{text} is out of range"),
        Err(_) => format!("expected a whole number, found `{text}`"),
    })
}

/// A file mode. `0440`, `0o440` and a quoted `"440"` are octal; Compose takes an unquoted 440 for a
/// decimal number, which nobody means, so it is refused.
pub(super) fn mode(text: &str, plain: bool) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let marked = !plain || text.starts_with('0');
    if !marked && text.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("the mode {text} would be read as a decimal number; write 0{text}"));
    }
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| format!("`{text}` is not a file mode; write for example 0440"))
}

/// A number, possibly with a fraction, at the start of a text, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    digits.parse().ok().map(|number: f64| (number, rest))
}

/// A number that still is exact as a float.
fn whole(number: f64) -> Option<u64> {
    let limit = (1_u64 << 53) as f64;
    (number >= 0.0 && number <= limit).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, milliseconds) in [
            ("1m30s", 90_000),
            ("500ms", 500),
            ("2h", 7_200_000),
            ("1.5s", 1_500),
            ("0s", 0),
            ("1us", 1),
            ("1d", 86_400_000),
            ("1h1m1s1ms", 3_661_001),
        ] {
            assert_eq!(duration(text), Ok(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "30", "-1s", "1x", "s", "1s2", "1..2s", "99999999999w"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            duration("30").unwrap_err(),
            "`30` is not a duration; write for example 1m30s, 500ms or 2h"
        );
    }

    #[test]
    fn sizes_count_by_1024() {
        for (text, bytes) in [
            ("64mb", 64 << 20),
            ("64M", 64 << 20),
            ("1.5g", 3 << 29),
            ("10", 10),
            ("2kib", 2048),
            ("1 gb", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "mb", "-1", "1x", "99999999tb"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn modes_are_octal_and_never_guessed() {
        assert_eq!(mode("0440", true), Ok(0o440));
        assert_eq!(mode("0o440", true), Ok(0o440));
        assert_eq!(mode("440", false), Ok(0o440));
        assert_eq!(
            mode("440", true).unwrap_err(),
            "the mode 440 would be read as a decimal number; write 0440"
        );
        assert!(mode("0990", true).is_err());
        assert!(mode("rw", true).is_err());
    }

    #[test]
    fn numbers_and_flags_say_what_they_expect() {
        assert_eq!(integer::<u16>("70000").unwrap_err(), "70000 is out of range");
        assert_eq!(integer::<u16>("x").unwrap_err(), "expected a whole number, found `x`");
        assert_eq!(flag("yes").unwrap_err(), "expected true or false, found `yes`");
        assert_eq!(flag("true"), Ok(true));
    }
}
