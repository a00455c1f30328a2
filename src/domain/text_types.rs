//! Macros for types that are stored and sent as text: ids, digests, and enums.

/// Defines a type for a stored text that needs no parsing.
macro_rules! stored_text {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Wraps a stored text.
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Defines a type for ids of 128 random bits, written as 32 hex digits.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        stored_text!($(#[$doc])* #[derive(Debug)] $name);

        impl $name {
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }

            /// Parses 32 lower-case hex digits.
            pub fn parse(text: &str) -> Option<Self> {
                let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                is_id.then(|| Self(text.to_owned()))
            }
        }
    };
}

/// Adds conversions to and from the words of an enum's strum derives. They are stored, so they must not change.
macro_rules! stored_words {
    ($name:ident) => {
        impl $name {
            pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

            pub const fn as_str(self) -> &'static str {
                self.into_str()
            }

            pub fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}
