//! Macros that implement poem-openapi's traits for types with a hand-written schema. Serde reads and writes their JSON.

/// Implements [`Type`](poem_openapi::types::Type). `registers` adds a named schema to the document. `required: false`
/// allows a parameter of this type to be absent.
macro_rules! impl_type {
    ($type:ty, $name:expr, $schema_ref:expr $(, registers $schema:expr)? $(, required: $required:literal)?) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true $(&& $required)?;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                $schema_ref
            }

            $(fn register(registry: &mut poem_openapi::registry::Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            })?

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new([self].into_iter())
            }
        }

        impl poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default()).map_err(poem_openapi::types::ParseError::custom)
            }
        }

        impl poem_openapi::types::ToJSON for $type {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

/// Implements serde's traits and [`Type`](poem_openapi::types::Type) for enums whose `as_str` returns a stable code.
macro_rules! impl_enum {
    ($($type:ident as $name:literal, $description:literal $(, else $fallback:expr)?;)*) => {$(
        impl_type!(
            $type,
            $name,
            poem_openapi::registry::MetaSchemaRef::Reference($name.to_owned()),
            registers poem_openapi::registry::MetaSchema {
                description: Some($description),
                enum_items: <$type as strum::VariantArray>::VARIANTS.iter().map(|it| it.as_str().into()).collect(),
                ..poem_openapi::registry::MetaSchema::new("string")
            }
        );

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = <String as serde::Deserialize>::deserialize(deserializer)?;
                let known = <Self as strum::VariantArray>::VARIANTS.iter().copied().find(|it| it.as_str() == code);
                $(let known = known.or(Some($fallback));)?
                known.ok_or_else(|| serde::de::Error::custom("unknown code"))
            }
        }
    )*};
}
