//! Splits lists into pages. A cursor encodes the sort key of a page's last item, so items that are added or removed
//! between two requests do not cause others to be repeated or skipped.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseFromParameter, ParseResult},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Problem, ProblemKind};

/// How many of the newest events a caller can reach by paging. The database keeps as many.
const MAX_DEPTH: usize = 10_000;

/// The maximum number of items on a page.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PageLimit(pub usize);

impl_type!(
    PageLimit,
    "PageLimit",
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        minimum: Some(1.0),
        maximum: Some(500.0),
        default: Some(Self::default().0.into()),
        ..MetaSchema::new_with_format("integer", "int32")
    })),
    required: false
);

impl PageLimit {
    pub const MAX: Self = Self(500);

    /// Returns how many of the newest items to load for the page after `cursor`. The first page needs one item more
    /// than it shows, to detect a next page. A later page can be at any depth.
    pub fn newest_to_load(self, cursor: &Option<String>) -> usize {
        if cursor.is_none() { self.0 + 1 } else { MAX_DEPTH }
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(200)
    }
}

impl ParseFromParameter for PageLimit {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let limit = value.parse().ok().filter(|limit| (1..=Self::MAX.0).contains(limit));
        limit.map(Self).ok_or_else(|| "not a number from 1 to 500".into())
    }

    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(values: I) -> ParseResult<Self> {
        values
            .into_iter()
            .next()
            .map_or_else(|| Ok(Self::default()), |value| Self::parse_from_parameter(value.as_ref()))
    }
}

/// A page of a list, and the cursor of the next one.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Sorts `all` by `key` and returns the page after `cursor`.
    ///
    /// # Errors
    ///
    /// `cursor` cannot be decoded, so this list has not returned it.
    pub fn of<K: Ord + Serialize + DeserializeOwned>(
        mut all: Vec<T>,
        key: impl Fn(&T) -> K,
        PageLimit(limit): PageLimit,
        cursor: &Option<String>,
    ) -> Result<Self, Problem> {
        if let Some(last) = Self::position(cursor)? {
            all.retain(|item| key(item) > last);
        }
        all.sort_by_cached_key(&key);
        let has_more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| has_more).and_then(|item| serde_json::to_vec(&key(item)).ok());
        Ok(Self { items: all, next_cursor: last.map(|key| URL_SAFE_NO_PAD.encode(key)) })
    }

    /// Decodes a cursor into the sort key of the previous page's last item.
    ///
    /// # Errors
    ///
    /// `cursor` cannot be decoded, so this list has not returned it.
    pub fn position<K: DeserializeOwned>(cursor: &Option<String>) -> Result<Option<K>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let last = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let detail = "`cursor` is not one that this list returned; leave it out to begin again";
        last.map(Some).ok_or_else(|| Problem::new(ProblemKind::BadRequest, detail))
    }

    /// Converts the items to `U`, and returns them with the cursor.
    pub fn into_parts<U: From<T>>(self) -> (Vec<U>, Option<String>) {
        (self.items.into_iter().map(U::from).collect(), self.next_cursor)
    }
}
