//! The operations of the API by path and method, and the rights that each needs. The authenticator checks them.

use std::collections::BTreeMap;

use matchit::Router;
use poem::http::Method;
use serde_json::Value;

use crate::{
    app::account_name,
    domain::scope::{Permission, Rights},
};

use Permission::{Admin, AuthWrite, MetricsRead, Models, Proxy, StatusRead};
use RequiredPermission::{ForAccount, ForAll, ForSome, Owner};

/// The rights that a caller needs for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequiredPermission {
    /// No rights, and no token.
    Nothing,
    /// A permission for the account in the path.
    ForAccount(Permission),
    /// A permission for at least one account. The use case omits or rejects the other accounts.
    ForSome(Permission),
    /// A permission for all accounts.
    ForAll(Permission),
    /// The gateway token or a page session; for `beginSession` also a link (`authenticator.rs`).
    Owner,
}

/// The required permission of each operation, by `operationId`. Only the owner may call an operation that is missing
/// here. A test compares this table with the OpenAPI document.
const REQUIRED_PERMISSIONS: [(&str, RequiredPermission); 48] = [
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
    ("compactResponse", ForSome(Models)),
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
    ("getHealth", RequiredPermission::Nothing),
    ("getLiveness", RequiredPermission::Nothing),
    ("getReadiness", RequiredPermission::Nothing),
];

impl RequiredPermission {
    /// Returns the required permission of an operation, or `None` if the table does not list it.
    pub(super) fn of_operation(id: &str) -> Option<Self> {
        REQUIRED_PERMISSIONS.iter().find(|(known, _)| *known == id).map(|(_, required)| *required)
    }

    /// Returns the scope that grants the permission, for the OpenAPI document and for errors. `account` is the name of
    /// the account or a placeholder.
    pub(super) fn scope(self, account: &str) -> String {
        match self {
            Self::Nothing => "none".to_owned(),
            Self::ForAccount(permission) => format!("{}:{account}", permission.as_str()),
            Self::ForSome(permission) | Self::ForAll(permission) => permission.as_str().to_owned(),
            Self::Owner => "owner".to_owned(),
        }
    }

    /// Returns whether `rights` suffice. `account` is the account's name in the path.
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

/// Paths that are not in the OpenAPI document, and their methods.
const UNDOCUMENTED: [(&str, &[&str]); 4] =
    [("/", &["GET"]), ("/docs", &["GET"]), ("/openapi.json", &["GET"]), ("/page/{file}", &["GET"])];

/// The operations by path and method.
#[derive(Default)]
pub(super) struct Operations(Router<Route>);

struct Route {
    /// The path as in the document, with placeholders such as `{provider}`.
    path: String,
    methods: BTreeMap<String, RequiredPermission>,
}

impl Route {
    /// Adds HEAD wherever there is GET, as poem answers it (RFC 9110, section 9.1).
    fn new(path: String, mut methods: BTreeMap<String, RequiredPermission>) -> Self {
        if let Some(required) = methods.get("GET").copied() {
            methods.entry("HEAD".to_owned()).or_insert(required);
        }
        Self { path, methods }
    }
}

/// The reason why a caller may not call an operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchPath,
    NoSuchMethod,
    /// The caller's token lacks this scope.
    Lacks(String),
}

impl Operations {
    /// Reads the operations from the OpenAPI document.
    pub(super) fn of_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut router = Router::new();
        for (path, methods) in UNDOCUMENTED {
            let methods = methods.iter().map(|method| ((*method).to_owned(), RequiredPermission::Nothing)).collect();
            // Inserting fails only for a path that exists already. All paths, here and below, are different.
            router.insert(path, Route::new(path.to_owned(), methods)).ok();
        }
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let operations = item.as_object().into_iter().flatten();
            let methods = operations.map(|(method, operation)| {
                let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
                (method.to_uppercase(), RequiredPermission::of_operation(id).unwrap_or(RequiredPermission::Owner))
            });
            let route = Route::new(path.clone(), methods.collect());
            router.insert(path.replace("{path}", "{*path}"), route).ok();
        }
        Self(router)
    }

    /// Returns the methods of a path, separated by commas, or `None` if the path does not exist. They are the `Allow`
    /// header that a 405 must have (RFC 9110, section 15.5.6).
    pub(super) fn methods_of(&self, path: &str) -> Option<String> {
        self.0.at(path).ok().map(|found| found.value.methods.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
    }

    /// Returns the path as in the document, such as `/v1/auth/{provider}/status`, or `""` if the path does not exist.
    pub(super) fn route_of(&self, path: &str) -> &str {
        self.0.at(path).map(|found| found.value.path.as_str()).unwrap_or_default()
    }

    /// Checks whether a caller with these rights may call this method of this path. Only the spelling in the document
    /// is accepted, even if poem would route another one.
    pub(super) fn check(&self, method: &Method, path: &str, rights: &Rights) -> Result<(), Refusal> {
        let found = self.0.at(path).map_err(|_| Refusal::NoSuchPath)?;
        let required = *found.value.methods.get(method.as_str()).ok_or(Refusal::NoSuchMethod)?;
        let account = found.params.get("provider");
        if required.is_met_by(rights, account) {
            Ok(())
        } else {
            Err(Refusal::Lacks(required.scope(account.unwrap_or_default())))
        }
    }
}
