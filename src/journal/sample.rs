//! Values of a type made from nothing but the type: what a field or variant is called is asked of serde.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::value::{Error, StrDeserializer, U32Deserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Where a text stands alone.
pub(super) const TEXT: &str = "-";
/// A text that is also the name of an object and of a leftover.
pub(super) const KEY: &str = "database: -";

/// Makes values; each enum gives another of its variants whenever it is come to.
#[derive(Default)]
pub(super) struct Sampler {
    /// The names of all fields and variants that were come to.
    pub(super) words: RefCell<BTreeSet<String>>,
    turns: RefCell<BTreeMap<&'static str, u32>>,
}

impl Sampler {
    /// The next value.
    pub(super) fn make<T: for<'de> Deserialize<'de>>(&self) -> T {
        T::deserialize(Sample { sampler: self, text: TEXT }).expect("every value of the type can be made")
    }

    fn variant(&self, name: &'static str, variants: &'static [&'static str]) -> u32 {
        self.note(variants);
        let mut turns = self.turns.borrow_mut();
        let turn = turns.entry(name).or_insert(0);
        *turn += 1;
        (*turn - 1) % u32::try_from(variants.len()).unwrap()
    }

    fn note(&self, names: &[&str]) {
        self.words.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
    }
}

#[derive(Clone, Copy)]
struct Sample<'s> {
    sampler: &'s Sampler,
    text: &'static str,
}

macro_rules! one {
    ($($method:ident: $visit:ident $($value:expr)?;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit($($value)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Sample<'_> {
    type Error = Error;

    one! {
        deserialize_bool: visit_bool true;
        deserialize_i8: visit_i8 1;
        deserialize_i16: visit_i16 1;
        deserialize_i32: visit_i32 1;
        deserialize_i64: visit_i64 1;
        deserialize_u8: visit_u8 1;
        deserialize_u16: visit_u16 1;
        deserialize_u32: visit_u32 1;
        deserialize_u64: visit_u64 1;
        deserialize_f32: visit_f32 1.5;
        deserialize_f64: visit_f64 1.5;
        deserialize_char: visit_char '-';
        deserialize_unit: visit_unit;
        deserialize_bytes: visit_bytes b"-";
        deserialize_byte_buf: visit_bytes b"-";
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { sample: self, left: 1 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { sample: self, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entry { sample: self, left: 1 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.sampler.note(fields);
        visitor.visit_map(Fields { sample: self, fields })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant { sample: self, index: self.sampler.variant(name, variants) })
    }

    /// Where anything may be, such as the body of a request.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct Several<'s> {
    sample: Sample<'s>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Several<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.sample).map(Some)
    }
}

/// One entry of a map.
struct Entry<'s> {
    sample: Sample<'s>,
    left: usize,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Sample { text: KEY, ..self.sample }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.sample)
    }
}

/// The fields of a struct, by their names.
struct Fields<'s> {
    sample: Sample<'s>,
    fields: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((field, rest)) = self.fields.split_first() else { return Ok(None) };
        self.fields = rest;
        let field: StrDeserializer<'_, Error> = (*field).into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.sample)
    }
}

struct Variant<'s> {
    sample: Sample<'s>,
    index: u32,
}

impl<'de, 's> EnumAccess<'de> for Variant<'s> {
    type Error = Error;
    type Variant = Sample<'s>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Sample<'s>), Error> {
        let index: U32Deserializer<Error> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self.sample))
    }
}

impl<'de> VariantAccess<'de> for Sample<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
