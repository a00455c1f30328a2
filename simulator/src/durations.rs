//! Durations as text (`7d`, `20s`, `500ms`): one notation for flags, the control API and the settings.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Milliseconds per unit, the largest first so that writing uses the shortest text.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The text is not a whole number followed by `d`, `h`, `m`, `s` or `ms`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a duration like 7d, 20s or 500ms")]
pub struct DurationError(String);

/// Parses `7d`, `12h`, `10m`, `20s` or `500ms`.
///
/// # Errors
/// Fails if the number is missing, the unit is missing or unknown, or the duration overflows.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError(text.to_owned());
    let unit_at = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(invalid)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok().ok_or_else(invalid)?;
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    number.checked_mul(*millis).map(Duration::from_millis).ok_or_else(invalid)
}

fn write_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    UNITS
        .iter()
        .find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit))
        .map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", millis / unit))
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write_duration(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, write_duration};

    #[test]
    fn written_durations_parse_to_the_same_value() {
        for text in ["7d", "36h", "10m", "20s", "500ms", "0s"] {
            assert_eq!(parse_duration(text).ok().map(write_duration).as_deref(), Some(text));
        }
    }

    #[test]
    fn invalid_durations_are_refused() {
        for text in ["", "7", "d", "-1s", "1.5h", "7 d", "7days", "99999999999999999999d", "999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
