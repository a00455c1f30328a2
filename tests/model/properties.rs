//! Property tests of `step` with random rows, events, policies and times, for one step, two steps and whole sequences.
//! The search in [`crate::search`] covers only a few policies and times, and only reachable rows.

use std::time::Duration;

use goclaw::domain::{
    history::EventKind,
    refresh::{
        Cause, Effect, Ending, Failure, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger, RevocationScope,
        Rotation, Step, TokenState, step,
    },
};
use proptest::prelude::*;

use crate::random::{
    NOW, begins, config, durations, events, failed_events, histories, is_sound, policies, returned_events, rotations,
    rows, times, triggers, versions,
};

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// Applies one step to an existing row.
fn one_step(row: &RefreshState, event: &RefreshEvent, policy: &RefreshPolicy) -> (RefreshState, Effect) {
    let Step { row, effect, .. } = step(Some(row), event, policy, NOW);
    (row.expect("no event removes a row"), effect)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_step_keeps_the_login_and_only_commits_raise_the_generation(
        row in rows(), event in events(), policy in policies(),
    ) {
        let (after, effect) = one_step(&row, &event, &policy);
        prop_assert_eq!(&after.version.login_id, &row.version.login_id);
        if let (RefreshEvent::Succeeded(rotation), Effect::Stored) = (&event, effect) {
            prop_assert!(rotation.version.generation > row.version.generation, "stored tokens are newer");
            prop_assert_eq!(&after.version, &rotation.version);
        } else {
            prop_assert_eq!(&after.version, &row.version);
        }
        prop_assert_eq!(after.refreshable, row.refreshable);
        if effect != Effect::Stored {
            prop_assert_eq!((after.obtained_at, after.expires_at), (row.obtained_at, row.expires_at));
        }
        prop_assert!(is_sound(&after), "{:?}", after);
    }

    /// The stores write an account and its history only if a step has events.
    #[test]
    fn the_events_of_a_step_lead_from_the_old_row_to_the_new_one(
        row in rows(), event in events(), policy in policies(), now in times(),
    ) {
        let Step { row: after, events, .. } = step(Some(&row), &event, &policy, now);
        let after = after.expect("no event removes a row");
        prop_assert_eq!(events.last().map_or(&row, |event| &event.state), &after);
        let lapsed = row.clone().at(now);
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        if lapsed != row {
            prop_assert_eq!((kinds[0], &events[0].state), (EventKind::InDoubt, &lapsed), "the lease expired first");
        }
        let kinds_of_step = if lapsed == row { &kinds[..] } else { &kinds[1..] };
        let expected = match after.state {
            _ if after.version != lapsed.version => vec![EventKind::Refreshed],
            _ if after == lapsed => vec![],
            TokenState::Active => vec![EventKind::RefreshPostponed],
            TokenState::Refreshing(_) => vec![EventKind::RefreshStarted],
            TokenState::InDoubt => vec![EventKind::InDoubt],
            TokenState::NeedsReauth => vec![EventKind::NeedsReauth],
        };
        prop_assert_eq!(kinds_of_step, expected);
    }

    #[test]
    fn a_missing_row_stays_missing(
        event in prop_oneof![events(), returned_events()], policy in policies(), now in times(),
    ) {
        let effect = match event {
            RefreshEvent::Begin { .. } => Effect::UseCurrent,
            RefreshEvent::Succeeded(_) => Effect::Revoke,
            RefreshEvent::Failed { .. } | RefreshEvent::Restored { .. } | RefreshEvent::Returned { .. } => {
                Effect::Recorded
            }
        };
        prop_assert_eq!(step(None, &event, &policy, now), Step { row: None, effect, events: Vec::new() });
    }

    #[test]
    fn only_responses_for_the_current_tokens_are_stored(
        row in rows(), rotation in rotations(), policy in policies(),
    ) {
        let (after, effect) = one_step(&row, &RefreshEvent::Succeeded(rotation.clone()), &policy);
        let is_same_login = rotation.version.login_id == row.version.login_id;
        // A row that a restore brought back may have a much older generation.
        let is_current = is_same_login && rotation.version.generation > row.version.generation;
        match (is_current, rotation.same_account) {
            (true, true) => {
                prop_assert_eq!(effect, Effect::Stored);
                let metadata = &rotation.metadata;
                let login_id = row.version.login_id.clone();
                let (obtained_at, expires_at) = (metadata.obtained_at, metadata.expires_at);
                let fresh = RefreshState::after_login(login_id, row.refreshable, obtained_at, expires_at);
                let fresh = RefreshState { version: rotation.version.clone(), sent_at: row.sent_at, ..fresh };
                // New tokens that are due at once are refreshed only after a pause.
                let is_due = fresh.due_at(&policy).is_some_and(|due_at| due_at <= NOW);
                let next_attempt_at = is_due.then(|| NOW.plus(policy.backoff_min));
                prop_assert_eq!(after, RefreshState { next_attempt_at, ..fresh });
            }
            (true, false) => {
                prop_assert_eq!(effect, Effect::Discard);
                let needed_reauth = row.state == TokenState::NeedsReauth;
                let cause = if needed_reauth { row.cause } else { Some(Cause::AccountMismatch) };
                prop_assert_eq!((after.state, after.cause), (TokenState::NeedsReauth, cause));
            }
            (false, _) => {
                let must_not_revoke = is_same_login || policy.revocation == RevocationScope::Grant;
                prop_assert_eq!(effect, if must_not_revoke { Effect::Discard } else { Effect::Revoke });
                prop_assert_eq!(after, row.at(NOW));
            }
        }
    }

    #[test]
    fn only_relevant_failures_are_recorded(row in rows(), event in failed_events(), policy in policies()) {
        let RefreshEvent::Failed { seen, lease, failure, .. } = &event else { unreachable!() };
        let before = row.at(NOW);
        let (after, effect) = one_step(&before, &event, &policy);
        let is_holder = matches!(&before.state, TokenState::Refreshing(held) if held.id == *lease);
        let is_relevant = *seen == before.version && (is_holder || matches!(failure, Failure::Rejected(_)));
        prop_assert_eq!(effect, if is_relevant { Effect::Recorded } else { Effect::UseCurrent });
        if !is_relevant {
            prop_assert_eq!(&after, &before);
            return Ok(());
        }
        // A restored row keeps its cause.
        let cause_after = |cause| before.cause.filter(|cause| *cause == Cause::Restored).or(Some(cause));
        match failure {
            Failure::Rejected(_) => prop_assert_eq!(&after.state, &TokenState::NeedsReauth),
            Failure::Unknown(cause) => {
                prop_assert_eq!((&after.state, after.cause), (&TokenState::InDoubt, cause_after(*cause)));
                prop_assert_eq!(after.attempt, before.attempt);
            }
            Failure::NotConsumed { cause, retry_after } => {
                prop_assert_eq!((after.attempt, after.cause), (before.attempt - 1, cause_after(*cause)));
                let state = if before.attempt == 1 { TokenState::Active } else { TokenState::InDoubt };
                prop_assert_eq!(&after.state, &state);
                // A pause that the provider requests is cut to a quarter of the remaining lifetime.
                let longest = before.expires_at.map_or(Duration::MAX, |end| NOW.until(end) / 4);
                let requested = retry_after.unwrap_or_default().min(longest).max(policy.backoff_min);
                prop_assert!(after.next_attempt_at >= Some(NOW.plus(requested)));
            }
        }
    }

    #[test]
    fn only_a_definite_response_for_the_current_tokens_leads_to_needs_reauth(
        row in rows(), event in events(), policy in policies(),
    ) {
        let (after, _) = one_step(&row, &event, &policy);
        if row.state != TokenState::NeedsReauth && after.state == TokenState::NeedsReauth {
            let (seen, cause) = match event {
                RefreshEvent::Failed { seen, failure: Failure::Rejected(cause), .. } => (seen, cause),
                RefreshEvent::Succeeded(Rotation { version, same_account: false, .. })
                    if version.login_id == row.version.login_id && version.generation > row.version.generation =>
                {
                    (row.version.clone(), Cause::AccountMismatch)
                }
                RefreshEvent::Begin { .. }
                | RefreshEvent::Succeeded(_)
                | RefreshEvent::Failed { .. }
                | RefreshEvent::Restored { .. }
                | RefreshEvent::Returned { .. } => {
                    return Err(TestCaseError::fail("this event must not lead to needs_reauth"));
                }
            };
            prop_assert_eq!((seen, Some(cause)), (row.version, after.cause));
        }
    }

    #[test]
    fn a_login_that_a_restore_brings_back_ends_again_and_no_other_does(
        row in rows(), event in returned_events(), policy in policies(),
    ) {
        let RefreshEvent::Returned { ended, ending } = &event else { unreachable!() };
        let before = row.at(NOW);
        let Step { row: after, effect, events } = step(Some(&before), &event, &policy, NOW);
        if before.version.login_id != *ended {
            prop_assert_eq!((after, effect, events), (Some(before), Effect::Recorded, vec![]));
            return Ok(());
        }
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        match (ending, after) {
            (Ending::LoggedOut, after) => {
                prop_assert_eq!((after, effect, kinds), (None, Effect::Recorded, vec![EventKind::SignedOut]));
            }
            (Ending::ReplacedBy(newest), Some(after)) => {
                prop_assert_eq!((effect, &after.version), (Effect::Stored, &newest.version));
                prop_assert_eq!((&after.state, after.attempt, after.cause), (&TokenState::Active, 0, None));
                let is_same_login = newest.version.login_id == *ended;
                let expected = if is_same_login { EventKind::Refreshed } else { EventKind::SignedIn };
                prop_assert!(kinds == [expected] || after.version == before.version, "{:?}", kinds);
            }
            (Ending::ReplacedByUnknown, Some(after)) => {
                let needs_reauth = before.state == TokenState::NeedsReauth;
                prop_assert!(is_sound(&after));
                prop_assert!(needs_reauth || (after.is_restored() && after.version == before.version), "{:?}", after);
                let again = step(Some(&after), &event, &policy, NOW);
                prop_assert_eq!((again.row, again.events), (Some(after), vec![]));
            }
            (Ending::ReplacedBy(_) | Ending::ReplacedByUnknown, None) => prop_assert!(false, "the account is gone"),
        }
    }

    #[test]
    fn the_token_of_a_restored_row_is_presented_only_with_consent(
        row in rows(), known in versions(), attempt in 0..3_u32, begin in begins(), policy in policies(),
    ) {
        let before = row.at(NOW);
        let event = RefreshEvent::Restored { known: known.clone(), attempt };
        let (after, _) = one_step(&before, &event, &policy);
        let is_older = before.version.login_id == known.login_id && before.version.generation < known.generation;
        let may_be_spent = attempt > before.attempt && before.version == known;
        let is_marked = before.state == TokenState::NeedsReauth || before.cause == Some(Cause::Restored);
        if is_marked || !(is_older || may_be_spent) {
            prop_assert_eq!(&after, &before);
            return Ok(());
        }
        prop_assert_eq!((&after.state, after.cause), (&TokenState::InDoubt, Some(Cause::Restored)));
        prop_assert!(is_sound(&after));
        let consented = after.ready_at(&policy, RefreshTrigger::Consented, NOW);
        prop_assert!(consented.is_none_or(|at| at > NOW.plus(policy.http_timeout)), "a call may still be under way");
        let RefreshEvent::Begin { trigger, .. } = &begin else { unreachable!() };
        let effect = one_step(&after, &begin, &policy).1;
        prop_assert!(effect != Effect::Present, "{:?} was too early", trigger);
        let later = NOW.plus(policy.longest_call()).plus(Duration::from_secs(1));
        if step(Some(&after), &begin, &policy, later).effect == Effect::Present {
            prop_assert_eq!(*trigger, RefreshTrigger::Consented);
        }
    }

    #[test]
    fn a_sender_holds_the_lease_and_is_due(row in rows(), event in begins(), policy in policies()) {
        let RefreshEvent::Begin { seen, lease, trigger } = &event else { unreachable!() };
        let before = row.at(NOW);
        let ready_at = before.ready_at(&policy, *trigger, NOW);
        let (after, effect) = one_step(&before, &event, &policy);
        match effect {
            Effect::Present => {
                prop_assert_eq!(seen, &before.version);
                let TokenState::Refreshing(held) = &after.state else { panic!("sent from {after:?}") };
                prop_assert_eq!(&held.id, lease);
                if after != before {
                    prop_assert!(!matches!(before.state, TokenState::Refreshing(_)), "another replica's lease is live");
                    prop_assert!(ready_at.is_some_and(|at| at <= NOW));
                    prop_assert_eq!((held.until, after.attempt), (NOW.plus(policy.lease), before.attempt + 1));
                    // The first call may have consumed a token that was in doubt.
                    let sent_at = if before.attempt == 0 { Some(NOW) } else { before.sent_at };
                    prop_assert_eq!(after.sent_at, sent_at);
                }
            }
            Effect::Wait(until) => {
                prop_assert!(until > NOW && ready_at == Some(until));
                prop_assert_eq!((seen, &after), (&before.version, &before));
            }
            Effect::UseCurrent => {
                prop_assert!(ready_at.is_none() || *seen != before.version);
                prop_assert_eq!(&after, &before);
            }
            Effect::Stored | Effect::Discard | Effect::Revoke | Effect::Recorded => panic!("begin: {effect:?}"),
        }
    }

    #[test]
    fn no_retry_out_of_doubt_risks_a_valid_access_token(
        row in rows(), event in begins(), policy in policies(),
    ) {
        let RefreshEvent::Begin { trigger, .. } = &event else { unreachable!() };
        let before = row.at(NOW);
        let (after, effect) = one_step(&before, &event, &policy);
        if before.state != TokenState::InDoubt || effect != Effect::Present || policy.grace > Duration::ZERO {
            return Ok(());
        }
        let sent_at = after.sent_at.expect("an earlier presentation");
        prop_assert!(sent_at.plus(policy.http_timeout) <= NOW, "a caller may still wait for the first response");
        prop_assert!(before.next_attempt_at.is_none_or(|at| at <= NOW));
        if before.cause == Some(Cause::Restored) {
            prop_assert_eq!(*trigger, RefreshTrigger::Consented);
            return Ok(());
        }
        let was_served = before.served_until(&policy).is_none_or(|until| NOW < until);
        if was_served && *trigger != RefreshTrigger::AccessDead {
            prop_assert_eq!(before.attempt, 1, "only one retry while the access token is valid");
            if *trigger != RefreshTrigger::Consented {
                prop_assert_eq!(*trigger, RefreshTrigger::Due);
                let lifetime = before.expires_at.map_or(Duration::ZERO, |end| before.obtained_at.until(end));
                // The last minutes are five, or a tenth of a shorter lifetime.
                let left = before.expires_at.map(|end| NOW.until(end));
                prop_assert!(left <= Some(FIVE_MINUTES.min(lifetime / 10)), "{:?} were left", left);
            }
        }
    }

    #[test]
    fn a_stronger_trigger_waits_no_longer(row in rows(), policy in policies()) {
        let before = row.at(NOW);
        // After a restore, consent is stronger than a dead access token.
        prop_assume!(before.cause != Some(Cause::Restored));
        let triggers =
            [RefreshTrigger::Due, RefreshTrigger::Now, RefreshTrigger::Consented, RefreshTrigger::AccessDead];
        let [due, now, consented, dead] = triggers
            .map(|trigger| before.ready_at(&policy, trigger, NOW).map_or(i64::MAX, |at| at.unix_millis()));
        prop_assert!(dead <= consented && consented <= now && consented <= due, "{:?}", (due, now, consented, dead));
    }

    #[test]
    fn applying_an_event_twice_changes_nothing_more(row in rows(), event in events(), policy in policies()) {
        let (once, first) = one_step(&row, &event, &policy);
        let (twice, second) = one_step(&once, &event, &policy);
        prop_assert_eq!(&twice, &once);
        match (first, second) {
            (Effect::Stored, Effect::Discard) | (Effect::Recorded, Effect::UseCurrent) => {}
            (first, second) => prop_assert_eq!(second, first),
        }
    }

    #[test]
    fn a_repeated_begin_is_granted_while_its_lease_is_live(
        row in rows(), event in begins(), policy in policies(), later in durations(), trigger in triggers(),
    ) {
        let (after, effect) = one_step(&row, &event, &policy);
        if let (TokenState::Refreshing(held), Effect::Present) = (&after.state, effect) {
            let RefreshEvent::Begin { seen, lease, .. } = event else { unreachable!() };
            let now = NOW.plus(later);
            let again = step(Some(&after), &RefreshEvent::Begin { seen, lease, trigger }, &policy, now);
            let is_live = now < held.until;
            prop_assert_eq!(again.effect == Effect::Present && again.row.as_ref() == Some(&after), is_live);
        }
    }

    #[test]
    fn a_wait_has_exactly_the_required_length(row in rows(), event in begins(), policy in policies()) {
        let before = row.at(NOW);
        let (_, effect) = one_step(&before, &event, &policy);
        // A lease that expires leaves doubt, and a grace window may close during the wait.
        let is_fixed = !matches!(before.state, TokenState::Refreshing(_)) && policy.grace == Duration::ZERO;
        if let (Effect::Wait(until), true) = (effect, is_fixed) {
            let early = step(Some(&before), &event, &policy, until.minus(Duration::from_millis(1)));
            prop_assert_eq!(early.effect, Effect::Wait(until));
            prop_assert_eq!(step(Some(&before), &event, &policy, until).effect, Effect::Present);
        }
    }

    /// Checks I3 over random sequences, and that only a commit changes the version. Calls that did not consume the
    /// token do not count.
    #[test]
    fn random_events_present_a_token_at_most_twice_while_its_access_token_is_served(
        row in rows(), policy in policies(), history in histories(),
    ) {
        let policy = RefreshPolicy { grace: Duration::ZERO, ..policy };
        let (mut row, mut now) = (RefreshState { state: TokenState::Active, attempt: 0, ..row }, NOW);
        let mut presented = 0;
        for (pause, event) in history {
            now = now.plus(pause);
            let before = row.clone().at(now);
            let Step { row: after, effect, .. } = step(Some(&row), &event, &policy, now);
            row = after.expect("no event removes a row");
            prop_assert!(row.version == before.version || effect == Effect::Stored);
            match (&event, effect) {
                _ if effect == Effect::Stored => presented = 0,
                (RefreshEvent::Begin { trigger, .. }, Effect::Present) if row != before => {
                    presented += 1;
                    let was_served = before.served_until(&policy).is_none_or(|until| now < until);
                    let is_allowed = presented <= 2 || !was_served || *trigger == RefreshTrigger::AccessDead;
                    prop_assert!(is_allowed, "{presented} times");
                }
                (RefreshEvent::Failed { failure: Failure::NotConsumed { .. }, .. }, Effect::Recorded) => presented -= 1,
                _ => {}
            }
            prop_assert!(is_sound(&row), "{:?}", row);
        }
    }
}
