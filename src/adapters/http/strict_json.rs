//! Rejects JSON in which a member appears twice. Parsers differ in which of the two they use, so two programs could
//! interpret the same body differently (RFC 8259 section 4).

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Checks that `bytes` are JSON without repeated members, at any depth.
///
/// # Errors
///
/// `bytes` are not JSON, or a member is repeated.
pub(super) fn refuse_repeated_members(bytes: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice::<Strict>(bytes).map(|Strict| ())
}

struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = members.next_entry::<String, _>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member appears twice"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_member_is_refused_at_any_depth() {
        for text in [r#"{"a":[1,-2,0.5,null,true,"x"],"b":{}}"#, r#"[{"a":1},{"a":2}]"#] {
            assert!(refuse_repeated_members(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"a":1,"\u0061":2}]"#, r#"{"a":1}x"#] {
            assert!(refuse_repeated_members(text.as_bytes()).is_err(), "{text}");
        }
    }
}
