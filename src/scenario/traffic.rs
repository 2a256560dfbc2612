//! `traffic:`: what clients do while the drill runs.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::expect::HttpCall;
use super::timespan::Timespan;

/// One kind of clients: what they write and read, how often, and where that ends up.
///
/// In the texts of its requests `{{key}}` is the key of what is written or read, `{{uuid}}` a new UUID,
/// `{{n}}` a new number and `{{word}}` a new word, each the same throughout one request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// A name for reports.
    pub name: String,
    /// How many requests are made, by the clock and whether or not earlier ones were answered: `40/s`.
    pub rate: Rate,
    /// How the rate changes (default: it does not).
    #[serde(default)]
    pub profile: Profile,
    /// How long an answer may take before its fate is unknown (default 5 s).
    pub timeout: Option<Timespan>,
    /// How many of its requests may fail in one run (default: any number, if the service is well at the end).
    pub may_fail: Option<u64>,
    /// Makes something new.
    pub write: Write,
    /// Changes what was made.
    pub update: Option<Mutation>,
    /// Removes what was made.
    pub delete: Option<Mutation>,
    /// Looks at what was made: now and then, and at the end at everything.
    pub read: Read,
    /// Where in observed databases a write ends up; learnt from the idle run where nothing is said.
    #[serde(default)]
    pub touches: Vec<Touch>,
}

/// A request that makes something new.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// A call of a service.
    pub http: Option<HttpCall>,
    /// One SQL statement.
    pub sql: Option<SqlRequest>,
    /// The answers that promise that it is done (default any 2xx).
    pub acknowledged: Option<Statuses>,
    /// The answers that promise that nothing was done (default any 4xx). Whatever else is answered leaves
    /// its fate unknown.
    pub refused: Option<Statuses>,
    /// What tells what is made apart from everything else (default `{{uuid}}`).
    pub key: Option<String>,
    /// Where in the answer, as a JSON pointer such as `/id`, the service says under which key of its own
    /// it keeps what was made.
    pub id: Option<String>,
}

/// A request that changes or removes what was made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// A call of a service.
    pub http: Option<HttpCall>,
    /// One SQL statement.
    pub sql: Option<SqlRequest>,
    /// The answers that promise that it is done (default any 2xx).
    pub acknowledged: Option<Statuses>,
    /// The answers that promise that nothing was done (default any 4xx).
    pub refused: Option<Statuses>,
    /// How many of all requests are of this kind (default `10%`).
    pub share: Option<Share>,
}

/// A request that looks at what was made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// A call of a service. 404 and an empty list say that it is not there.
    pub http: Option<HttpCall>,
    /// A query; no row and NULL say that it is not there.
    pub sql: Option<SqlRequest>,
    /// What the answer must contain: JSON whose every field is in the answer, or the text of a query's
    /// first column. Default: the JSON that was written; of a query, anything.
    pub shows: Option<serde_json::Value>,
    /// How many of all requests are of this kind (default `20%`).
    pub share: Option<Share>,
}

/// One SQL statement.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct SqlRequest {
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// The statement.
    pub text: String,
}

/// HTTP statuses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statuses {
    /// One status, or a list of them.
    pub status: OneOrMore,
}

/// One status, or a list of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(u16),
    /// Several.
    More(Vec<u16>),
}

/// A place where writes end up. Give `table` with one of `key`, `by` and `column`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct Touch {
    /// The observed database, by the name of its service (may be left out where there is only one).
    #[serde(rename = "service", alias = "on")]
    pub on: Option<String>,
    /// The table, as `table` or `schema.table`.
    pub table: String,
    /// The column that holds the key: one row for each.
    pub key: Option<String>,
    /// The column that holds the key: any number of rows for each.
    pub by: Option<String>,
    /// A column whose values writes change in rows that are not theirs.
    pub column: Option<String>,
    /// A query that gives true as long as that column is right.
    pub invariant: Option<String>,
}

/// How the rate changes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// It does not.
    #[default]
    Steady,
    /// It grows from nothing to the whole rate.
    Ramp {
        /// How long that takes.
        over: Timespan,
    },
    /// Many at once, then nothing for a while; the rate holds on the whole.
    Burst {
        /// From one burst to the next.
        every: Timespan,
    },
}

/// Requests per second, written `40/s`, or per minute, written `90/m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// The highest rate that is taken, per second.
const HIGHEST: f64 = 50_000.0;

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate; write it like `40/s` or `90/m`");
        let (number, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let per_second = match unit.trim() {
            "s" => number,
            "m" => number / 60.0,
            _ => return Err(wrong()),
        };
        if !(per_second > 0.0 && per_second <= HIGHEST) {
            return Err(format!(
                "`{text}` is out of range; a rate is more than zero and at most {HIGHEST}/s"
            ));
        }
        Ok(Self(per_second))
    }
}

/// A share of all requests, written `20%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share; write it like `20%`");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        if (0.0..=100.0).contains(&number) { Ok(Self(number)) } else { Err(wrong()) }
    }
}

/// A type that is written as a text of its own.
macro_rules! written_as_text {
    ($type:ty, $name:literal, $says:literal, $pattern:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($says)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "description": $says, "type": "string", "pattern": $pattern })
            }
        }
    };
}

written_as_text!(Rate, "Rate", "a rate such as `40/s`", r"^\s*[0-9.]+\s*/\s*[sm]\s*$");
written_as_text!(Share, "Share", "a share such as `20%`", r"^\s*[0-9.]+\s*%\s*$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_shares_are_read_as_they_are_written() {
        assert_eq!("40/s".parse(), Ok(Rate(40.0)));
        assert_eq!(" 90 / m ".parse(), Ok(Rate(1.5)));
        for wrong in ["40", "0/s", "-1/s", "x/s", "1/h", "60000/s", "NaN/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        assert_eq!("12.5%".parse(), Ok(Share(12.5)));
        for wrong in ["20", "101%", "-1%", "%"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
