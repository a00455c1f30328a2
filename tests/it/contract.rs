//! Tests of the bodies of the HTTP API: enums, error kinds and pages.

use std::{cmp::Reverse, fmt::Debug};

use goclaw::{
    adapters::contract::{
        AccountState, AuthMethod, Category, EventKind, LoginOutcome, Page, PageLimit, ProblemKind, ProviderType,
        RefreshCause, Revocation, SwitchedOffBy, ToJSON,
    },
    domain::history,
};
use poem_openapi::types::ParseFromParameter;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use strum::VariantArray;

/// Asserts that the names on the wire, in the document and in the domain are equal.
fn check<D: Copy + Into<W>, W>(all: &[D], name: impl Fn(D) -> &'static str)
where
    W: Copy + Debug + PartialEq + Serialize + DeserializeOwned + ToJSON,
{
    for &value in all {
        let (expected, wire) = (json!(name(value)), value.into());
        assert_eq!(serde_json::to_value(wire).unwrap(), expected);
        assert_eq!(wire.to_json(), Some(expected.clone()));
        assert_eq!(serde_json::from_value::<W>(expected).unwrap(), wire);
    }
}

#[test]
fn enum_names_equal_the_domain_s() {
    check::<_, EventKind>(history::EventKind::ALL, history::EventKind::as_str);
    check::<_, LoginOutcome>(LoginOutcome::VARIANTS, LoginOutcome::as_str);
    check::<_, RefreshCause>(RefreshCause::VARIANTS, RefreshCause::as_str);
    check::<_, ProviderType>(ProviderType::VARIANTS, ProviderType::as_str);
    check::<_, AccountState>(AccountState::VARIANTS, AccountState::as_str);
    check::<_, AuthMethod>(AuthMethod::VARIANTS, AuthMethod::as_str);
    check::<_, Category>(Category::VARIANTS, Category::as_str);
    check::<_, Revocation>(Revocation::VARIANTS, Revocation::as_str);
    check::<_, SwitchedOffBy>(SwitchedOffBy::VARIANTS, SwitchedOffBy::as_str);
    check::<_, ProblemKind>(ProblemKind::ALL, ProblemKind::as_str);
    assert!(serde_json::from_value::<AccountState>(json!("new")).is_err());
    assert_eq!(serde_json::from_value::<ProblemKind>(json!("new")).unwrap(), ProblemKind::Internal);
}

#[test]
fn documentation_lists_every_problem_kind() {
    let documented: Vec<(&str, &str, &str)> = include_str!("../../docs/errors.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let (status, code, title) = (cells.next()?, cells.next()?, cells.next()?);
            Some((status, code.strip_prefix('`')?.strip_suffix('`')?, title))
        })
        .collect();
    let statuses: Vec<String> = ProblemKind::ALL.iter().map(|kind| kind.status().as_u16().to_string()).collect();
    let kinds = ProblemKind::ALL.iter().zip(&statuses);
    let kinds: Vec<_> = kinds.map(|(kind, status)| (status.as_str(), kind.as_str(), kind.title())).collect();
    assert_eq!(documented, kinds);
}

#[test]
fn pages_contain_every_item_once_in_order() {
    let names: Vec<String> = (0..6_000).map(|number| format!("account-{number:04}")).collect();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let shuffled = names.iter().rev().cloned().collect();
        let page = Page::of(shuffled, String::clone, PageLimit::MAX, &cursor).unwrap();
        seen.extend(page.items);
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (names, 12));
}

#[test]
fn a_cursor_works_after_its_item_is_deleted() {
    let first = Page::of(vec![1, 2, 3, 4], |id| Reverse(*id), PageLimit(2), &None).unwrap();
    assert_eq!(first.items, [4, 3]);
    let rest = Page::of(vec![1, 2, 4, 5], |id| Reverse(*id), PageLimit(2), &first.next_cursor).unwrap();
    assert_eq!((rest.items, rest.next_cursor), (vec![2, 1], None));
    let error = Page::of(vec![1], |id| *id, PageLimit(1), &Some("no cursor".to_owned())).unwrap_err();
    assert_eq!(error.code, ProblemKind::BadRequest);
}

#[test]
fn page_limits_are_1_to_500() {
    let parse = |text| PageLimit::parse_from_parameter(text).ok().map(|limit| limit.0);
    assert_eq!((parse("1"), parse("500")), (Some(1), Some(500)));
    assert_eq!((parse("0"), parse("501"), parse("-1"), parse("x")), (None, None, None, None));
}
