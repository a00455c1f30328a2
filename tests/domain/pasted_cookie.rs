//! Tests of finding the client cookie in a text that was copied from a browser.

use goclaw::domain::{
    pasted_cookie::{MAX_PASTED_COOKIE_BYTES, names_client_cookie},
    secret::{InvalidSecret, MAX_PASTED_SECRET_BYTES, RefreshToken},
};
use secrecy::ExposeSecret;

const VALUE: &str = "eyJhbGci.eyJpZCI6-_.c2ln";

fn paste(text: &str) -> Result<String, InvalidSecret> {
    RefreshToken::from_pasted_cookie(&text.into(), "__client").map(|cookie| cookie.expose_secret().to_owned())
}

#[test]
fn the_cookie_is_found_in_every_copied_form() {
    for text in [
        "VALUE",
        " VALUE\n",
        "\"VALUE\"",
        "'VALUE';",
        "\u{feff}VALUE\u{200b}",
        "__client=VALUE",
        "__client=VALUE;",
        "__client=\"VALUE\"; Path=/",
        "Cookie: __cf_bm=aaa.bbb; __client=VALUE; __client_uat=1795700000; other=x",
        "cookie:__client_uat=1; x__client=no; __client=VALUE",
        "__cf_bm=aaa; __client=VALUE; __client_uat=1795700000; other=x",
        "__client=; a=b; __client=VALUE",
        "Set-Cookie: __client=VALUE; Path=/; HttpOnly; Secure; SameSite=None",
        "-H 'cookie: a=b; __client=VALUE'",
        "-H 'cookie: a=b; __client=VALUE; c=d' \\",
        "--header \"Cookie: __client=VALUE\"",
        "-H $'cookie: a=b\\u0021; __client=VALUE'",
        "-H ^\"cookie: a=b; __client=VALUE^\" ^",
        "-b '__client=VALUE; a=b'",
        "-b __client=VALUE -H 'accept: */*'",
        "curl 'https://auth.suno.com/v1/client' \\\n  -H 'accept: */*' \\\n  -b '__client=VALUE' \\\n  -H 'dnt: 1'",
        "cookie: __client=VALUE\norigin:https://suno.com\ndnt:1",
        "cookie\n__client=VALUE; a=b",
        "__client\tVALUE\tauth.suno.com\t/\t2027-01-01T00:00:00.000Z",
        ".auth.suno.com\tTRUE\t/\tTRUE\t1795700000\t__client\tVALUE",
        "__client:\"VALUE\"",
        "{\"__client\": \"VALUE\", \"a\": \"b\"}",
        r#"[{"name":"__client_uat","value":"1"},{"name":"__client","value":"VALUE"}]"#,
        r#"[{"domain": ".suno.com", "name": "__client",
             "path": "/", "value": "VALUE", "id": 1}]"#,
        r#"{"cookies": [{"value": "VALUE", "name": "__client", "domain": "auth.suno.com"}], "origins": []}"#,
        r#"{"name":"__client","value":"VALUE","httpOnly":true}"#,
        r#"[{"Name": "__client", "Value": "VALUE"}]"#,
        // PowerShell, and calls in other languages.
        "$session.Cookies.Add((New-Object System.Net.Cookie(\"a\", \"b\", \"/\", \".suno.com\")))\n\
         $session.Cookies.Add((New-Object System.Net.Cookie(\"__client\", \"VALUE\", \"/\", \"auth.suno.com\")))\n\
         Invoke-WebRequest -UseBasicParsing -Uri \"https://auth.suno.com/v1/client\" `\n-WebSession $session",
        "session.cookies.set('__client', 'VALUE', domain='auth.suno.com')",
        // Sentences, Markdown, mail and text frames.
        "\u{201c}VALUE\u{201d}.",
        "__client=\u{201c}VALUE\u{201d}; a=b",
        "(VALUE),",
        "<VALUE>",
        "```\nVALUE\n```",
        "`__client=VALUE`",
        "The cookie (__client=VALUE).",
        "> Cookie: a=b;\n> __client=VALUE; c=d",
        "\u{2502} Cookie: a=b; __client=VALUE \u{2502}",
        "__client%3DVALUE%3B%20a%3Db",
    ] {
        assert_eq!(paste(&text.replace("VALUE", VALUE)).as_deref(), Ok(VALUE), "{text}");
    }
}

#[test]
fn a_wrapped_line_is_joined_wherever_the_wrap_is() {
    for text in [VALUE.to_owned(), format!("Cookie: a=b; __client={VALUE}; c=d"), format!("-b '__client={VALUE}'")] {
        for wrap in ["\n", "\r\n", "\n    ", "\\\n"] {
            for at in 1..text.len() {
                let wrapped = format!("{}{wrap}{}", &text[..at], &text[at..]);
                assert_eq!(paste(&wrapped).as_deref(), Ok(VALUE), "{wrapped:?}");
            }
        }
    }
}

#[test]
fn a_text_without_a_valid_cookie_is_refused_with_the_reason() {
    for (text, why) in [
        ("", InvalidSecret::Empty),
        (" ;\n\"\"", InvalidSecret::Empty),
        ("two words", InvalidSecret::NotHeaderSafe),
        ("vält", InvalidSecret::NotHeaderSafe),
        ("__client=two words; a=b", InvalidSecret::NotHeaderSafe),
        ("a;b", InvalidSecret::NotCookieSafe),
        ("a,b", InvalidSecret::NotCookieSafe),
        ("__session=eyJ", InvalidSecret::OtherCookie("__client")),
        ("__client_uat=1795700000", InvalidSecret::OtherCookie("__client")),
        ("Cookie: __cf_bm=aaa; other=x", InvalidSecret::OtherCookie("__client")),
        ("a=b; __client=", InvalidSecret::OtherCookie("__client")),
    ] {
        assert_eq!(paste(text), Err(why), "{text}");
    }
    assert_eq!(paste(&"k".repeat(MAX_PASTED_SECRET_BYTES + 1)), Err(InvalidSecret::TooLong));
    assert_eq!(paste(&format!("a={}; __client=b", "k".repeat(MAX_PASTED_COOKIE_BYTES))), Err(InvalidSecret::TooLong));
    assert_eq!(paste(&format!("a={}; __client=b", "k".repeat(MAX_PASTED_SECRET_BYTES))).as_deref(), Ok("b"));
}

#[test]
fn a_text_with_the_name_of_a_client_cookie_is_recognised() {
    for text in [
        "a=b; __client=x",
        r#"[{"name": "__client", "value": "x"}]"#,
        "__client%3Dx%3B%20a%3Db",
        "__client\tx\tauth.suno.com",
        "session.cookies.set('__client', 'x')",
    ] {
        assert!(names_client_cookie(&text.into()), "{text}");
    }
    assert!(!names_client_cookie(&"eyJhbGci.eyJzaWQi.c2ln".into()));
}
