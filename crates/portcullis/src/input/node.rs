//! One deserializer for JSON, forms and queries, whose errors say where and why and never repeat a value.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::problem::Segment;

/// What came, read and not yet understood. Has no `Debug`: it may hold a password.
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// A JSON string.
    String(String),
    /// A value of a form or a query, which may stand for a number or a truth value.
    Text(String),
    Array(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

/// Why a node is not what was expected.
#[derive(Debug)]
pub(super) struct NodeError {
    /// From the innermost segment outwards.
    path: Vec<Segment>,
    kind: &'static str,
    msg: Cow<'static, str>,
}

impl NodeError {
    fn new(kind: &'static str, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: Vec::new(),
            kind,
            msg: msg.into(),
        }
    }

    fn at(mut self, segment: impl Into<Segment>) -> Self {
        self.path.push(segment.into());
        self
    }

    pub(super) fn into_parts(self) -> (impl Iterator<Item = Segment>, &'static str, Cow<'static, str>) {
        (self.path.into_iter().rev(), self.kind, self.msg)
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)
    }
}

impl std::error::Error for NodeError {}

impl de::Error for NodeError {
    /// Comes from the type that was asked for, so its author decides what it says.
    fn custom<T: fmt::Display>(msg: T) -> Self {
        Self::new("value", msg.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("type", format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("value", format!("expected {expected}"))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new("value", format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new("value", format!("expected one of: {}", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "value",
            format!("only these members are known: {}", expected.join(", ")),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing", "required").at(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("value", "given twice").at(field)
    }
}

fn text<'de, V: Visitor<'de>>(text: String, visitor: V) -> Result<V::Value, NodeError> {
    if text.contains('\0') {
        return Err(NodeError::new("value", "must not hold U+0000"));
    }
    visitor.visit_string(text)
}

macro_rules! parsed {
    ($($method:ident => $visit:ident: $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
            match self {
                Self::Text(text) => match text.parse::<$type>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(de::Error::invalid_type(Unexpected::Other("text"), &visitor)),
                },
                other => other.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(number) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Self::String(value) | Self::Text(value) => text(value, visitor),
            Self::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter().enumerate(),
            }),
            Self::Object(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                value: None,
            }),
        }
    }

    parsed! {
        deserialize_bool => visit_bool: bool;
        deserialize_i8 => visit_i64: i64;
        deserialize_i16 => visit_i64: i64;
        deserialize_i32 => visit_i64: i64;
        deserialize_i64 => visit_i64: i64;
        deserialize_u8 => visit_u64: u64;
        deserialize_u16 => visit_u64: u64;
        deserialize_u32 => visit_u64: u64;
        deserialize_u64 => visit_u64: u64;
        deserialize_f32 => visit_f64: f64;
        deserialize_f64 => visit_f64: f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self {
            Self::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Stricter than usual: a list is no object, so nobody depends on the order of fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            _ => Err(de::Error::invalid_type(Unexpected::Other("value"), &"an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        match self {
            Self::String(name) | Self::Text(name) => {
                let name: StrDeserializer<'_, NodeError> = name.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Self::Object(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members {
                    members: members.into_iter(),
                    value: None,
                }))
            }
            _ => Err(de::Error::invalid_type(Unexpected::Other("value"), &"a word")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Node>>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NodeError> {
        self.items
            .next()
            .map(|(index, node)| seed.deserialize(node).map_err(|error| error.at(index)))
            .transpose()
    }
}

struct Members {
    members: std::collections::btree_map::IntoIter<String, Node>,
    value: Option<(String, Node)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NodeError> {
        let Some((name, node)) = self.members.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(Node::String(name.clone()))?;
        self.value = Some((name, node));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NodeError> {
        let (name, node) = self
            .value
            .take()
            .ok_or_else(|| NodeError::new("type", "a value without a name"))?;
        seed.deserialize(node).map_err(|error| error.at(name))
    }
}
