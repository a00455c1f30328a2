//! Tests of parsing authorization responses from the query of a callback and from a pasted address.

use goclaw::domain::{
    authorization_response::{
        AuthorizationResponse, AuthorizationResult, InvalidRedirect, MAX_QUERY_BYTES, MAX_REDIRECT_BYTES,
    },
    login_outcome::LoginOutcome,
};
use secrecy::ExposeSecret;

#[test]
fn a_callback_is_parsed_and_its_extra_parameters_are_ignored() {
    let response = AuthorizationResponse::from_query("code=ac_1.2&scope=openid+profile&state=st").unwrap();
    assert_eq!(response.state.expose_secret(), "st");
    assert!(matches!(response.result, AuthorizationResult::Approved(code) if code.expose_secret() == "ac_1.2"));
}

#[test]
fn each_error_has_a_login_outcome() {
    let result = |query: &str| AuthorizationResponse::from_query(query).unwrap().result;
    let refused = |query: &str| match result(query) {
        AuthorizationResult::Refused { outcome, detail } => (outcome, detail.map(|detail| detail.as_str().to_owned())),
        other @ (AuthorizationResult::Approved(_) | AuthorizationResult::Empty) => panic!("{query}: {other:?}"),
    };
    let detail = |text: &str| Some(text.to_owned());
    assert_eq!(refused("state=s&error=access_denied&code=x"), (LoginOutcome::Denied, None));
    assert_eq!(refused("state=s&error=access_denied&error_description="), (LoginOutcome::Denied, None));
    assert_eq!(refused("state=s&error=server_error"), (LoginOutcome::ProviderError, detail("server_error")));
    for (query, outcome, words) in [
        ("access_denied&error_description=A+policy", LoginOutcome::ProviderError, "access_denied: A policy"),
        ("invalid_scope&error_description=Not+%27x%27", LoginOutcome::ProviderError, "invalid_scope: Not 'x'"),
        (
            "access_denied&error_description=Missing_Codex_Entitlement",
            LoginOutcome::MissingEntitlement,
            "access_denied: Missing_Codex_Entitlement",
        ),
    ] {
        assert_eq!(refused(&format!("state=s&error={query}")), (outcome, detail(words)));
    }
    assert_eq!(refused("state=s&error_description=A+policy"), (LoginOutcome::ProviderError, detail("A policy")));
    assert!(matches!(result("state=s&code="), AuthorizationResult::Empty));
}

#[test]
fn repeated_and_missing_parameters_are_refused() {
    let error = |query: &str| AuthorizationResponse::from_query(query).unwrap_err();
    assert_eq!(error("state=s&code=a&code=b"), InvalidRedirect::Repeated("code"));
    assert_eq!(error("state=s&state=s&code=a"), InvalidRedirect::Repeated("state"));
    assert_eq!(error("state=s&code=a&%63ode=b"), InvalidRedirect::Repeated("code"));
    assert_eq!(error("code=a"), InvalidRedirect::NoState);
    assert_eq!(error(&"x".repeat(MAX_QUERY_BYTES + 1)), InvalidRedirect::TooLong);
}

#[test]
fn the_longest_response_is_read_and_one_byte_more_is_not() {
    let query_of = |length: usize| {
        let start = "code=a&state=s&x=";
        format!("{start}{}", "y".repeat(length - start.len()))
    };
    assert_eq!((MAX_REDIRECT_BYTES, MAX_QUERY_BYTES), (8_192, 16_384));
    assert!(AuthorizationResponse::from_query(&query_of(MAX_QUERY_BYTES)).is_ok());
    let pasted = |length| AuthorizationResponse::from_pasted(&query_of(length).into());
    assert!(pasted(MAX_REDIRECT_BYTES).is_ok());
    assert_eq!(pasted(MAX_REDIRECT_BYTES + 1).unwrap_err(), InvalidRedirect::TooLong);
}

#[test]
fn a_pasted_code_and_state_need_no_url() {
    for text in ["ac_1 st_1", "ac_1#st_1", "  ac_1\n st_1 ", "ac_1  #  st_1"] {
        let responses = AuthorizationResponse::from_pasted(&text.into()).expect(text);
        let [AuthorizationResponse { state, result: AuthorizationResult::Approved(code), .. }] = &responses[..] else {
            panic!("{text}: {responses:?}")
        };
        assert_eq!((code.expose_secret(), state.expose_secret()), ("ac_1", "st_1"), "{text}");
    }
}

#[test]
fn a_pasted_code_and_state_may_have_their_names() {
    let state = "s".repeat(43);
    for text in [
        format!(r#"{{"code": "ac_1", "state": "{state}"}}"#),
        format!("{{'state': '{state}', 'code': 'ac_1'}}"),
        format!("code: ac_1\nscope: openid profile\nstate: {state}"),
        format!("code:\nac_1\nscope:\nopenid profile\nstate:\n{state}"),
        format!("code\tac_1\nstate\t{state}"),
    ] {
        let reading = AuthorizationResponse::from_pasted(&text.as_str().into()).expect(&text).remove(0);
        let AuthorizationResult::Approved(code) = reading.result else { panic!("{text}: no code") };
        assert_eq!((code.expose_secret(), reading.state.expose_secret()), ("ac_1", state.as_str()), "{text}");
    }
    let words = AuthorizationResponse::from_pasted(&"its code and state are in the address".into());
    assert_eq!(words.unwrap_err(), InvalidRedirect::NoResponse);
}

#[test]
fn of_several_addresses_each_is_a_reading_if_their_states_differ() {
    let [old, new] = ["code=ac_0&state=old", "code=ac_1&state=new"].map(|query| format!("http://x/?{query}"));
    for pasted in [format!("{old}\n{new}"), format!("{old}\n{new}\n{new}")] {
        let readings = AuthorizationResponse::from_pasted(&pasted.as_str().into()).expect(&pasted);
        let states: Vec<&str> = readings.iter().map(|reading| reading.state.expose_secret()).collect();
        assert_eq!(states, ["old", "new"], "{pasted}");
    }
    for two_codes in [format!("{old}\n{}", old.replace("ac_0", "ac_1")), format!("{old}\n&code=ac_1")] {
        let refused = AuthorizationResponse::from_pasted(&two_codes.as_str().into()).unwrap_err();
        assert_eq!(refused, InvalidRedirect::Repeated("code"), "{two_codes}");
    }
}

#[test]
fn a_text_without_a_response_is_refused() {
    for text in ["", "ac_code", "http://", "localhost:1455", "http://localhost:1455/auth/callback", "one two three"] {
        let error = AuthorizationResponse::from_pasted(&text.into()).unwrap_err();
        assert_eq!(error, InvalidRedirect::NoResponse, "{text}");
    }
}

#[test]
fn white_space_in_a_paste_may_be_a_line_wrap_or_the_end_of_the_address() {
    let states = |text: &str| -> Vec<String> {
        let readings = AuthorizationResponse::from_pasted(&text.into()).unwrap();
        readings.iter().map(|reading| reading.state.expose_secret().to_owned()).collect()
    };
    assert_eq!(states("http://x/?code=c&state=st\nate"), ["state", "st"]);
    assert_eq!(states("http://x/?code=c&state=state thanks"), ["statethanks", "state"]);
    assert_eq!(states("http://x/?code=c\nc&state=state"), ["state"]);
    assert_eq!(
        states("http://x/?code=c\nc&state=sta\nte\nMany thanks"),
        ["stateManythanks", "stateMany", "state", "sta"]
    );
    let long = format!("http://x/?code=c&state=s {}", "word ".repeat(1_000));
    assert!(states(&long).len() < 20 && states(&long).contains(&"s".to_owned()));
}

#[test]
fn a_wrapped_code_is_read_whole_whatever_follows_the_address() {
    for pasted in [
        "http://x/?code=ac\n_1&state=state",
        "http://x/?code=ac\n_1&state=state\nIs this right?",
        "It ended at http://x/?code=ac\n_1&sta\nte=state and did not load.",
        "> http://x/?code=ac_\n> 1&state=st\n> ate\n\nThanks",
    ] {
        let readings = AuthorizationResponse::from_pasted(&pasted.into()).unwrap();
        let codes = readings.iter().filter(|reading| reading.state.expose_secret() == "state");
        let codes: Vec<_> = codes.map(|reading| &reading.result).collect();
        let [AuthorizationResult::Approved(code)] = codes[..] else { panic!("{pasted}: {readings:?}") };
        assert_eq!(code.expose_secret(), "ac_1", "{pasted}");
    }
}

#[test]
fn an_address_within_another_address_is_found() {
    let address = "http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback%3Fcode%3Dac_1%26state%3Dst_1";
    for pasted in [
        address.to_owned(),
        format!("https://nam02.safelinks.protection.outlook.com/?url={address}&data=05%7C02%7C&reserved=0"),
        "https://www.google.com/url?q=http://localhost:1455/auth/callback?code%3Dac_1%26state%3Dst_1&source=gmail"
            .into(),
        "code%3Dac_1%26state%3Dst_1".to_owned(),
        // Twice, and with line breaks or quotes around it.
        address.replace('%', "%25"),
        format!("{address}%0A"),
        format!("%22{address}%22"),
        // Mail filters.
        "https://urldefense.com/v3/__http://localhost:1455/auth/callback?code=ac_1&state=st_1__;!!Ab!C-d$".into(),
        format!(
            "https://urldefense.proofpoint.com/v2/url?u={}&d=Dw-Ab&c=e_f",
            address.replace("%2F", "_").replace('%', "-").replace("ac_1", "ac-5F1").replace("st_1", "st-5F1")
        ),
    ] {
        let reading = AuthorizationResponse::from_pasted(&pasted.as_str().into()).unwrap().remove(0);
        let AuthorizationResult::Approved(code) = reading.result else { panic!("{pasted}: no code") };
        assert_eq!((code.expose_secret(), reading.state.expose_secret()), ("ac_1", "st_1"), "{pasted}");
    }
}

#[test]
fn an_issuer_is_read_with_and_without_percent_encoding() {
    for pasted in [
        "http://x/?code=c&state=s&iss=https%3A%2F%2Fauth.example%2Fi",
        "http://x/?code=c&state=s&iss=https://auth.example/i",
        "http://x/?iss=https://auth.example/i&code=c&state=shttp://x/?iss=https://auth.example/i&code=c&state=s",
    ] {
        let reading = AuthorizationResponse::from_pasted(&pasted.into()).unwrap().remove(0);
        assert_eq!(reading.issuer.as_deref(), Some("https://auth.example/i"), "{pasted}");
        assert_eq!(reading.state.expose_secret(), "s", "{pasted}");
    }
}

#[test]
fn quoting_and_escaping_in_a_paste_change_neither_code_nor_state() {
    const URL: &str = "http://localhost:1455/auth/callback?code=ac_1*x!&state=s~t&scope=a";
    for pasted in [
        URL.to_owned(),
        // Quoted in a mail, and framed in a terminal.
        "> http://localhost:1455/auth/callback?code=ac_\n> 1*x!&state=s~t".to_owned(),
        "\u{2502} http://localhost:1455/auth/callback?code=ac_ \u{2502}\n\u{2502} 1*x!&state=s~t \u{2502}".to_owned(),
        format!("{URL}\u{3002}"),
        format!("\u{300c}{URL}\u{300d}"),
        "http://localhost:1455/auth/callback?code=ac_\u{21b5}\n1*x!&state=s~t".to_owned(),
        // Quoted-printable, as in the source of a mail.
        URL.replace('=', "=3D"),
        "http://localhost:1455/auth/callback?code=3Dac_1*x!&sta=\r\nte=3Ds~t&scope=3Da".to_owned(),
        // Escapes of shells, HTML and JSON.
        URL.replace('&', "&amp"),
        format!("\"{URL}\\n\""),
        URL.replace('=', "\u{ff1d}").replace('?', "\u{ff1f}"),
        URL.replace('&', "^^^&"),
        format!("^\"{URL}^\""),
        URL.replace('&', "&#x26;"),
        URL.replace('&', "&#038;"),
        URL.replace('&', "&amp;amp;"),
        URL.replace('&', "\u{ff06}"),
        URL.replace('=', "&#61;"),
        URL.replace('&', r"\u0026").replace('=', r"\u003d"),
        // Bracketed paste, and punctuation around an address.
        format!("\u{1b}[200~{URL}\u{1b}[201~"),
        format!("\u{201c}{URL}\u{201d}."),
        format!("\u{ab}{URL}\u{bb}"),
        format!("[{URL}]({URL})"),
        format!("{URL}\u{2026}"),
        // Punctuation is cut from the last parameter only: the code keeps its `!`.
        "http://x/?state=s~t&code=ac_1*x!&y=z.".to_owned(),
    ] {
        let readings = AuthorizationResponse::from_pasted(&pasted.as_str().into());
        let reading = readings.unwrap_or_else(|error| panic!("{pasted}: {error}")).remove(0);
        assert_eq!(reading.state.expose_secret(), "s~t", "{pasted}");
        let AuthorizationResult::Approved(code) = reading.result else { panic!("{pasted}: no code") };
        assert_eq!(code.expose_secret(), "ac_1*x!", "{pasted}");
    }
}
