//! The operations of the API by path and method, and the permission that each needs.

use std::collections::BTreeMap;

use matchit::Router;
use poem::http::Method;
use serde_json::Value;

use crate::{
    app::account_name,
    domain::scope::{Permission, Rights},
};

use Need::{ForAccount, ForAll, ForSome, Owner};
use Permission::{Admin, AuthWrite, MetricsRead, Models, Proxy, StatusRead};

/// The rights that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// None; it needs no token either.
    Nothing,
    /// A permission for the account in the path.
    ForAccount(Permission),
    /// A permission for at least one account: the use case leaves out the others.
    ForSome(Permission),
    /// A permission for all accounts.
    ForAll(Permission),
    /// The gateway's own token or a session of the page.
    Owner,
}

/// What each operation needs, by its id. An operation that is missing here is only for the owner; a test compares the
/// table with the document.
const NEEDS: [(&str, Need); 47] = [
    ("cancelLogin", ForAccount(AuthWrite)),
    ("completeLogin", ForAccount(AuthWrite)),
    ("confirmLogin", ForAccount(AuthWrite)),
    ("logout", ForAccount(AuthWrite)),
    ("putSecret", ForAccount(AuthWrite)),
    ("refreshAuth", ForAccount(AuthWrite)),
    ("startLogin", ForAccount(AuthWrite)),
    ("followChanges", ForSome(StatusRead)),
    ("getAuthStatus", ForAccount(StatusRead)),
    ("getUsage", ForAccount(StatusRead)),
    ("listActivity", ForAll(StatusRead)),
    ("listAuthEvents", ForAccount(StatusRead)),
    ("listProviders", ForSome(StatusRead)),
    ("createChatCompletion", ForSome(Models)),
    ("createCompletion", ForSome(Models)),
    ("createEmbeddings", ForSome(Models)),
    ("createImage", ForSome(Models)),
    ("createResponse", ForSome(Models)),
    ("deleteResponse", ForSome(Models)),
    ("getModel", ForSome(Models)),
    ("listInputItems", ForSome(Models)),
    ("listModels", ForSome(Models)),
    ("retrieveResponse", ForSome(Models)),
    ("proxyDelete", ForAccount(Proxy)),
    ("proxyGet", ForAccount(Proxy)),
    ("proxyHead", ForAccount(Proxy)),
    ("proxyPatch", ForAccount(Proxy)),
    ("proxyPost", ForAccount(Proxy)),
    ("proxyPut", ForAccount(Proxy)),
    ("getMetrics", ForAll(MetricsRead)),
    ("createToken", ForAll(Admin)),
    ("endAllSessions", ForAll(Admin)),
    ("endOneSession", ForAll(Admin)),
    ("listAuditEntries", ForAll(Admin)),
    ("listRequests", ForAll(Admin)),
    ("listSessions", ForAll(Admin)),
    ("listTokens", ForAll(Admin)),
    ("listUsage", ForAll(Admin)),
    ("revokeToken", ForAll(Admin)),
    ("rotateToken", ForAll(Admin)),
    ("updateProvider", ForAll(Admin)),
    ("beginSession", Owner),
    ("endSession", Owner),
    ("makePageLink", Owner),
    ("getHealth", Need::Nothing),
    ("getLiveness", Need::Nothing),
    ("getReadiness", Need::Nothing),
];

impl Need {
    /// Returns what an operation needs; None if the table does not have it.
    pub(super) fn of_operation(id: &str) -> Option<Self> {
        NEEDS.iter().find(|(known, _)| *known == id).map(|(_, need)| *need)
    }

    /// Returns the scope for the document and for errors, with `account` in the place of the account.
    pub(super) fn scope(self, account: &str) -> String {
        match self {
            Self::Nothing => "none".to_owned(),
            Self::ForAccount(permission) => format!("{}:{account}", permission.as_str()),
            Self::ForSome(permission) | Self::ForAll(permission) => permission.as_str().to_owned(),
            Self::Owner => "owner".to_owned(),
        }
    }

    /// Whether `rights` suffice, for the account of this name in the path.
    fn is_met_by(self, rights: &Rights, account: Option<&str>) -> bool {
        match self {
            Self::Nothing => true,
            Self::ForAccount(permission) => {
                let account = account.and_then(|name| account_name(name).ok());
                account.is_some_and(|account| rights.permits(permission, &account))
            }
            Self::ForSome(permission) => rights.permits_some(permission),
            Self::ForAll(permission) => rights.permits_all(permission),
            Self::Owner => *rights == Rights::Owner,
        }
    }
}

/// Paths that are not in the document, and their methods.
const UNDOCUMENTED: [(&str, &[&str]); 4] =
    [("/", &["GET", "HEAD"]), ("/docs", &["GET"]), ("/openapi.json", &["GET"]), ("/page/{file}", &["GET", "HEAD"])];

/// The operations of each path, by their methods.
#[derive(Default)]
pub(super) struct Operations(Router<Route>);

struct Route {
    /// The path as the document has it.
    path: String,
    methods: BTreeMap<String, Need>,
}

/// Why a program may not call an operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchPath,
    NoSuchMethod,
    /// The scope that is missing.
    Lacks(String),
}

impl Operations {
    /// Reads the operations from the OpenAPI document.
    pub(super) fn of_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut router = Router::new();
        for (path, methods) in UNDOCUMENTED {
            let methods = methods.iter().map(|method| ((*method).to_owned(), Need::Nothing)).collect();
            // Two entries cannot have the same path, so there is no conflict to handle, here and below.
            router.insert(path, Route { path: path.to_owned(), methods }).ok();
        }
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let operations = item.as_object().into_iter().flatten();
            let methods = operations.map(|(method, operation)| {
                let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
                (method.to_uppercase(), Need::of_operation(id).unwrap_or(Need::Owner))
            });
            let route = Route { path: path.clone(), methods: methods.collect() };
            router.insert(path.replace("{path}", "{*path}"), route).ok();
        }
        Self(router)
    }

    /// Returns the methods of a path, separated by commas, for the `Allow` header that a 405 must carry (RFC 9110
    /// section
    /// 15.5.6); `None` if there is nothing at this path.
    pub(super) fn methods_of(&self, path: &str) -> Option<String> {
        self.0.at(path).ok().map(|found| found.value.methods.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
    }

    /// Returns the path as the document has it, such as `/v1/auth/{provider}/status`; empty if there is nothing at it.
    pub(super) fn route_of(&self, path: &str) -> &str {
        self.0.at(path).map(|found| found.value.path.as_str()).unwrap_or_default()
    }

    /// Checks whether a program with these rights may call this method of this path. A path in another spelling than
    /// the document's is unknown here, even if the framework routes it.
    pub(super) fn check(&self, method: &Method, path: &str, rights: &Rights) -> Result<(), Refusal> {
        let found = self.0.at(path).map_err(|_| Refusal::NoSuchPath)?;
        let need = *found.value.methods.get(method.as_str()).ok_or(Refusal::NoSuchMethod)?;
        let account = found.params.get("provider");
        if need.is_met_by(rights, account) {
            Ok(())
        } else {
            Err(Refusal::Lacks(need.scope(account.unwrap_or_default())))
        }
    }
}
