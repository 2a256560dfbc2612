//! What a text in a record is, told by its type, and a serializer that changes texts by what they are.
//!
//! Every text is *free* unless its field says otherwise: a field that is forgotten is searched once too often, and
//! shows nothing. Names of fields, tags of enums and keys of maps are never texts.

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use super::found::is_secret_name;

/// The names under which marked texts pass a serializer; others see through them.
const WORD: &str = "Word of a record";
const STATEMENT: &str = "Statement of a record";
const DATA: &str = "Data of a record";
const KEYS: &str = "Keys of a record";

/// Marks a field whose texts are words of the format: names, identifiers, digests. They are never searched.
///
/// # Errors
/// Those of the serializer.
pub fn word<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(WORD, value)
}

/// Marks a field whose texts are statements: their literals are values.
///
/// # Errors
/// Those of the serializer.
pub fn statement<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(STATEMENT, value)
}

/// Marks a field whose texts are rows.
///
/// # Errors
/// Those of the serializer.
pub fn data<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(DATA, value)
}

/// Marks a field that is a map with free texts as keys.
///
/// # Errors
/// Those of the serializer.
pub fn keys<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(KEYS, value)
}

/// A word of the format inside something that is none.
#[derive(Debug)]
pub struct Word<'a>(pub &'a str);

impl Serialize for Word<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        word(self.0, serializer)
    }
}

/// What a text is that may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// Anything that a person or program wrote.
    Free,
    /// The value of something whose name in a map is that of a secret.
    Secret(&'a str),
    /// A statement.
    Statement,
    /// Rows of a table.
    Data,
}

/// How texts are changed.
#[derive(Clone, Copy)]
struct How<'h> {
    change: &'h dyn Fn(Text<'_>, &str) -> String,
    text: Text<'h>,
    with_keys: bool,
}

impl How<'_> {
    /// The parts of a thing have names of their own.
    fn of_parts(self) -> Self {
        match self.text {
            Text::Secret(_) => Self { text: Text::Free, ..self },
            Text::Free | Text::Statement | Text::Data => self,
        }
    }
}

/// The value as JSON, its texts changed by what they are.
///
/// # Errors
/// When the value has no form in JSON.
pub fn changed<T: Serialize>(
    value: &T,
    change: &dyn Fn(Text<'_>, &str) -> String,
) -> Result<serde_json::Value, serde_json::Error> {
    let how = How { change, text: Text::Free, with_keys: false };
    value.serialize(Changing { inner: serde_json::value::Serializer, how })
}

/// A serializer around another.
struct Changing<'h, S> {
    inner: S,
    how: How<'h>,
}

/// A value around which one is put.
struct Inside<'h, T: ?Sized> {
    value: &'h T,
    how: How<'h>,
}

impl<T: Serialize + ?Sized> Serialize for Inside<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Changing { inner: serializer, how: self.how })
    }
}

/// Passes values on that hold no text.
macro_rules! as_they_are {
    ($($method:ident: $value:ty),* $(,)?) => {
        $(fn $method(self, value: $value) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'h, S: Serializer> Serializer for Changing<'h, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Changing<'h, S::SerializeSeq>;
    type SerializeTuple = Changing<'h, S::SerializeTuple>;
    type SerializeTupleStruct = Changing<'h, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Changing<'h, S::SerializeTupleVariant>;
    type SerializeMap = Entries<'h, S::SerializeMap>;
    type SerializeStruct = Changing<'h, S::SerializeStruct>;
    type SerializeStructVariant = Changing<'h, S::SerializeStructVariant>;

    as_they_are! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    }

    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_str(&(self.how.change)(self.how.text, text))
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = Inside { value, how: self.how };
        self.inner.serialize_some(&value)
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let how = match name {
            WORD => return self.inner.serialize_newtype_struct(name, value),
            STATEMENT => How { text: Text::Statement, ..self.how },
            DATA => How { text: Text::Data, ..self.how },
            KEYS => How { with_keys: true, ..self.how },
            _ => self.how,
        };
        self.inner.serialize_newtype_struct(name, &Inside { value, how })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = Inside { value, how: self.how.of_parts() };
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Changing { inner: self.inner.serialize_seq(length)?, how: self.how.of_parts() })
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Changing { inner: self.inner.serialize_tuple(length)?, how: self.how.of_parts() })
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Changing { inner: self.inner.serialize_tuple_struct(name, length)?, how: self.how.of_parts() })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, length)?;
        Ok(Changing { inner, how: self.how.of_parts() })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let inner = self.inner.serialize_map(length)?;
        Ok(Entries { inner, how: self.how.of_parts(), name: None })
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Changing { inner: self.inner.serialize_struct(name, length)?, how: self.how.of_parts() })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, length)?;
        Ok(Changing { inner, how: self.how.of_parts() })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// What is in order, one after the other.
macro_rules! in_order {
    ($($kind:ident: $method:ident),* $(,)?) => {
        $(impl<S: $kind> $kind for Changing<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&Inside { value, how: self.how })
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

in_order! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

/// What has names that the type gives.
macro_rules! by_name {
    ($($kind:ident),*) => {
        $(impl<S: $kind> $kind for Changing<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.serialize_field(name, &Inside { value, how: self.how })
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(name)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

by_name! { SerializeStruct, SerializeStructVariant }

/// What has names that a person gave.
struct Entries<'h, S> {
    inner: S,
    how: How<'h>,
    /// The name of what comes next, where it is that of a secret.
    name: Option<String>,
}

impl<S: SerializeMap> SerializeMap for Entries<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        let name = serde_json::to_value(key).ok();
        let name = name.and_then(|name| name.as_str().map(str::to_owned));
        self.name = name.filter(|name| is_secret_name(name));
        if self.how.with_keys {
            self.inner.serialize_key(&Inside { value: key, how: self.how })
        } else {
            self.inner.serialize_key(key)
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let text = self.name.as_deref().map_or(self.how.text, Text::Secret);
        self.inner.serialize_value(&Inside { value, how: How { text, ..self.how } })
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        Named {
            name: String,
            #[serde(serialize_with = "word")]
            id: Option<String>,
        },
        One(String),
        Two(String, u8),
    }

    #[derive(Serialize)]
    struct Whole {
        kinds: Vec<Kind>,
        map: BTreeMap<String, String>,
        secrets: BTreeMap<String, Option<(String, String)>>,
        #[serde(serialize_with = "keys")]
        counts: BTreeMap<String, u64>,
        #[serde(serialize_with = "statement")]
        asked: Option<String>,
        #[serde(serialize_with = "data")]
        rows: String,
        pair: (String, bool),
    }

    fn whole() -> Whole {
        let text = || "x".to_owned();
        let kinds = vec![
            Kind::Plain,
            Kind::Named { name: text(), id: Some(text()) },
            Kind::One(text()),
            Kind::Two(text(), 1),
        ];
        let map = BTreeMap::from([(text(), text()), ("API_TOKEN".to_owned(), text())]);
        let secrets = BTreeMap::from([("api-token".to_owned(), Some((text(), text())))]);
        let counts = BTreeMap::from([(text(), 1)]);
        Whole { kinds, map, secrets, counts, asked: Some(text()), rows: text(), pair: (text(), true) }
    }

    #[test]
    fn only_texts_are_changed_and_each_as_what_it_is() {
        let change = |text: Text<'_>, _: &str| match text {
            Text::Free => "free".to_owned(),
            Text::Secret(name) => format!("secret {name}"),
            Text::Statement => "statement".to_owned(),
            Text::Data => "data".to_owned(),
        };
        let changed = changed(&whole(), &change).unwrap();
        let expected = serde_json::json!({
            "kinds": ["plain", {"named": {"name": "free", "id": "x"}}, {"one": "free"}, {"two": ["free", 1]}],
            "map": {"x": "free", "API_TOKEN": "secret API_TOKEN"}, "secrets": {"api-token": ["free", "free"]}, "counts": {"free": 1}, "asked": "statement", "rows": "data", "pair": ["free", true]
        });
        assert_eq!(changed, expected);
    }

    #[test]
    fn others_see_through_the_marks() {
        let whole = serde_json::to_value(whole()).unwrap();
        assert_eq!((&whole["asked"], &whole["kinds"][1]["named"]["id"]), (&"x".into(), &"x".into()));
        assert_eq!(whole["counts"], serde_json::json!({"x": 1}));
    }
}
