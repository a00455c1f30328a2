//! The approval page and the error page, in plain HTML that a test can read and submit without a browser.

use crate::{http::Reply, provider::AuthorizationRequest, settings::Account};

const STYLE: &str = include_str!("approval_page.css");

/// Allows only inline styles. Omits `form-action`: browsers also apply it to the redirect after the form, which leads
/// to the client.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// Renders the approval page. It offers the signed-in account first, then every other account. The form sends
/// `request_id` back.
pub(super) fn ask(
    request: &AuthorizationRequest,
    account: &Account,
    all_accounts: &[Account],
    action: &str,
    request_id: &str,
) -> Reply {
    let others = all_accounts.iter().enumerate().filter(|(_, other)| *other != account);
    let others: String = others
        .map(|(index, other)| {
            let person = escape(&other.name);
            format!("<button name=\"decision\" value=\"approve as {index}\">Approve as {person}</button>\n")
        })
        .collect();
    let client = escape(&request.client_name);
    let person = escape(&account.name);
    let email = escape(account.email.as_deref().unwrap_or("no e-mail address"));
    let plan = escape(&account.plan);
    let client_id = escape(&request.client_id);
    let redirect_uri = escape(&request.redirect_uri);
    let scopes: String =
        request.scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escape(scope))).collect();
    let content = format!(
        r#"<h1>Let {client} use this account?</h1>
<p>This is the simulator. Approving gives {client} tokens that work nowhere else.</p>
<dl>
<dt>Account</dt><dd id="account">{person}<br>{email}, {plan} plan</dd>
<dt>Client</dt><dd id="client">{client}<br><code>{client_id}</code></dd>
<dt>Asks for</dt><dd><ul id="scopes">{scopes}</ul></dd>
<dt>Returns to</dt><dd><code>{redirect_uri}</code></dd>
</dl>
<form method="post" action="{action}">
<input type="hidden" name="request" value="{request_id}">
<button id="approve" name="decision" value="approve" class="filled">Approve</button>
{others}<button id="deny" name="decision" value="deny">Deny</button>
</form>"#
    );
    page(200, &format!("Let {client} use this account?"), &content)
}

/// Renders the reason of a refusal. The page has no links, because nothing in the request can be trusted.
pub(super) fn refusal(why: &str) -> Reply {
    let why = escape(why);
    let title = "This sign-in cannot continue";
    page(
        400,
        title,
        &format!(
            "<h1>{title}</h1>\n<p id=\"reason\">{why}</p>\n<p>Close this tab and start again from the program.</p>"
        ),
    )
}

fn page(status: u16, title: &str, content: &str) -> Reply {
    let page = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - simulated provider</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"#
    );
    Reply::html(status, page)
        .header("content-security-policy", CONTENT_SECURITY_POLICY)
        .header("referrer-policy", "no-referrer")
        .header("cache-control", "no-store")
}

/// Escapes text for HTML content and quoted attributes. Scopes and addresses come from the request.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}
