//! An amount of memory as it is written in a file: `64mb`, `1gb`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A number of bytes, always more than zero; units count by 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size; write it like `64mb` or `1gb`");
        let lower = text.trim().to_ascii_lowercase();
        let unit_at = lower.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = lower.split_at(unit_at);
        let per: u64 = match unit {
            "b" => 1,
            "k" | "kb" => 1 << 10,
            "m" | "mb" => 1 << 20,
            "g" | "gb" => 1 << 30,
            _ => return Err(wrong()),
        };
        let bytes =
            number.parse::<u64>().ok().and_then(|number| number.checked_mul(per)).ok_or_else(wrong)?;
        if bytes == 0 {
            return Err(format!("`{text}` is nothing"));
        }
        Ok(Self(bytes))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as `64mb`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An amount, more than zero: `512kb`, `64mb`, `1gb`; units count by 1024.",
            "pattern": "^[0-9]+([bB]|[kmgKMG][bB]?)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_by_1024() {
        let bytes = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(bytes("7b"), Ok(7));
        assert_eq!(bytes("64mb"), Ok(64 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
    }

    #[test]
    fn what_is_no_size_is_refused_in_words() {
        let refused = |text: &str| text.parse::<Size>().unwrap_err();
        assert!(refused("64").contains("write it like"));
        assert!(refused("mb").contains("write it like"));
        assert!(refused("-1mb").contains("write it like"));
        assert!(refused("99999999999999999999gb").contains("write it like"));
        assert!(refused("0mb").contains("is nothing"));
    }
}
