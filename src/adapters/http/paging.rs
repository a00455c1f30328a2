//! Pages of a list. A cursor is the sort key of a page's last item, so additions and removals between two requests
//! neither repeat nor skip items.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseFromParameter, ParseResult, Type},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::adapters::contract::{Problem, ProblemKind};

/// The number of newest events that pages can reach.
const MAX_DEPTH: usize = 10_000;

/// The maximum number of items on a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageLimit(pub(super) usize);

impl PageLimit {
    const MAX: Self = Self(500);

    /// Returns how many of the newest items to load for the page after `cursor`. The first page needs one page and one
    /// item; later pages can be at any depth.
    pub(super) fn newest(self, cursor: &Option<String>) -> usize {
        if cursor.is_none() { self.0 + 1 } else { MAX_DEPTH }
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(200)
    }
}

impl Type for PageLimit {
    const IS_REQUIRED: bool = false;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "PageLimit".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            minimum: Some(1.0),
            maximum: Some(500.0),
            default: Some(Self::default().0.into()),
            ..MetaSchema::new_with_format("integer", "int32")
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new([self].into_iter())
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

/// A page of a list, and where the next one begins.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Sorts `all` by `key` and returns the page after `cursor`.
    ///
    /// # Errors
    ///
    /// The cursor is not one that an earlier page returned.
    pub(super) fn of<K: Ord + Serialize + DeserializeOwned>(
        mut all: Vec<T>,
        key: impl Fn(&T) -> K,
        PageLimit(limit): PageLimit,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        if let Some(cursor) = cursor {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
            let last: Option<K> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let detail = "`cursor` is not one that this list returned; leave it out to begin again";
            let last = last.ok_or_else(|| Problem::new(ProblemKind::BadRequest, detail))?;
            all.retain(|item| key(item) > last);
        }
        all.sort_by_cached_key(&key);
        let has_more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| has_more).and_then(|item| serde_json::to_vec(&key(item)).ok());
        Ok(Self { items: all, next_cursor: last.map(|key| URL_SAFE_NO_PAD.encode(key)) })
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    #[test]
    fn pages_hold_every_item_once_in_order() {
        let names: Vec<String> = (0..6_000).map(|number| format!("account-{number:04}")).collect();
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let shuffled = names.iter().rev().cloned().collect();
            let page = Page::of(shuffled, String::clone, PageLimit::MAX, cursor.as_deref()).unwrap();
            seen.extend(page.items);
            pages += 1;
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!((seen, pages), (names, 12));
    }

    #[test]
    fn a_cursor_outlives_its_item() {
        let first = Page::of(vec![1, 2, 3, 4], |id| Reverse(*id), PageLimit(2), None).unwrap();
        assert_eq!(first.items, [4, 3]);
        let rest = Page::of(vec![1, 2, 4, 5], |id| Reverse(*id), PageLimit(2), first.next_cursor.as_deref()).unwrap();
        assert_eq!((rest.items, rest.next_cursor), (vec![2, 1], None));
        let error = Page::of(vec![1], |id| *id, PageLimit(1), Some("no cursor")).unwrap_err();
        assert_eq!(error.code, ProblemKind::BadRequest);
    }

    #[test]
    fn limits_are_bounded() {
        let parse = |text| PageLimit::parse_from_parameter(text).ok().map(|limit| limit.0);
        assert_eq!((parse("1"), parse("500")), (Some(1), Some(500)));
        assert_eq!((parse("0"), parse("501"), parse("-1"), parse("x")), (None, None, None, None));
    }
}
