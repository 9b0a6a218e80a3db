//! JSON as tokens and keys must have it: no member twice, not too deep.
//!
//! Of two members with one name some parsers take the first and some the last (RFC 8259, section 4); whoever checks
//! must not read another value than whoever uses it.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting: claims have 2 or 3.
const MAX_DEPTH: u8 = 16;

/// Reads one object, and nothing after it.
///
/// # Errors
/// The reason.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    let fault = Cell::new("not JSON");
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = Strict {
        depth: 0,
        fault: &fault,
    };
    let value = seed.deserialize(&mut json).map_err(|_| fault.get())?;
    json.end().map_err(|_| "something follows the JSON object")?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("not a JSON object"),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: u8,
    fault: &'a Cell<&'static str>,
}

impl Strict<'_> {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail("the JSON is nested too deeply"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn fail<E: de::Error>(self, reason: &'static str) -> E {
        self.fault.set(reason);
        E::custom(reason)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| self.fail("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(self.fail("a member occurs twice"));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,2.5,"x",null,true,{"b":{}}],"c":18446744073709551615}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn refuses_with_the_reason() {
        let cases: [(&[u8], &str); 9] = [
            (br#"{"a":1,"a":1}"#, "a member occurs twice"),
            (br#"{"a":{"b":1,"\u0062":2}}"#, "a member occurs twice"),
            (br#"[{"a":1,"a":2}]"#, "a member occurs twice"),
            (b"[]", "not a JSON object"),
            (b"{} {}", "something follows the JSON object"),
            (b"{", "not JSON"),
            (b"\xff", "not UTF-8"),
            (br#"{"a":1e999}"#, "not JSON"),
            (br#"{"a":"\ud800"}"#, "not JSON"),
        ];
        for (text, reason) in cases {
            assert_eq!(object(text), Err(reason), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |depth: usize| format!("{}{}{}", "{\"a\":".repeat(depth - 1), "{}", "}".repeat(depth - 1));
        assert!(object(nested(16).as_bytes()).is_ok());
        assert_eq!(
            object(nested(17).as_bytes()),
            Err("the JSON is nested too deeply")
        );
        assert!(object(nested(100_000).as_bytes()).is_err());
    }
}
