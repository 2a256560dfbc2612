//! A length of time as it is written in a file: `500ms`, `10s`, `1m30s`, `6h`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A length of time, always more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timespan(pub Duration);

impl std::str::FromStr for Timespan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a length of time; write it like `500ms`, `10s`, `1m30s` or `6h`");
        let (mut total, mut rest) = (Duration::ZERO, text.trim());
        if rest.starts_with('-') {
            return Err(format!("`{text}` is negative; a length of time is more than zero"));
        }
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let unit_at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, after) = rest.split_at(unit_at);
            let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            let number: u64 = number.parse().map_err(|_| wrong())?;
            total = total.checked_add(unit_of(unit, number).ok_or_else(wrong)?).ok_or_else(wrong)?;
            rest = after;
        }
        if total.is_zero() {
            return Err(format!("`{text}` is zero; a length of time is more than zero"));
        }
        Ok(Self(total))
    }
}

fn unit_of(unit: &str, number: u64) -> Option<Duration> {
    let seconds = |per: u64| number.checked_mul(per).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Timespan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timespan;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as `10s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timespan, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A length of time that may be zero: how much is allowed of something that is best not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance(pub Duration);

impl<'de> Deserialize<'de> for Allowance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Allowance;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as `10s`, or `0s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Allowance, E> {
                match text.trim() {
                    "0s" | "0ms" | "0m" | "0h" => Ok(Allowance(Duration::ZERO)),
                    text => text.parse().map(|span: Timespan| Allowance(span.0)).map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Allowance {
    fn schema_name() -> Cow<'static, str> {
        "Allowance".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time, which may be zero: `0s`, `500ms`, `10s`.",
            "pattern": "^([0-9]+(ms|s|m|h))+$"
        })
    }
}

impl JsonSchema for Timespan {
    fn schema_name() -> Cow<'static, str> {
        "Timespan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time, more than zero: `500ms`, `10s`, `1m30s`, `6h`.",
            "pattern": "^([0-9]+(ms|s|m|h))+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        let parsed = |text: &str| text.parse::<Timespan>().map(|span| span.0.as_millis());
        assert_eq!(parsed("500ms"), Ok(500));
        assert_eq!(parsed("1m30s"), Ok(90_000));
        assert_eq!(parsed("6h"), Ok(21_600_000));
    }

    #[test]
    fn zero_negative_and_bare_numbers_are_refused_in_words() {
        let refused = |text: &str| text.parse::<Timespan>().unwrap_err();
        assert!(refused("0s").contains("is zero"));
        assert!(refused("-5s").contains("is negative"));
        assert!(refused("10").contains("write it like"));
        assert!(refused("10 parsecs").contains("write it like"));
        assert!(refused("99999999999999999999h").contains("write it like"));
    }

    #[test]
    fn an_allowance_may_be_zero() {
        let read =
            |text: &str| serde_yaml::from_str::<Allowance>(text).map(|allowance| allowance.0.as_millis());
        assert_eq!((read("0s").unwrap(), read("1m30s").unwrap()), (0, 90_000));
        assert!(read("-5s").unwrap_err().to_string().contains("is negative"));
    }
}
