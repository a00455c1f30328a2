//! Which methods a path takes, read off the contract, for the `Allow` header that a 405 must carry (RFC 9110 section
//! 15.5.6): the framework does not tell.

use std::collections::BTreeMap;

use serde_json::Value;

/// Paths beside the contract.
const FURTHER: [(&str, &str); 4] =
    [("/", "GET, HEAD"), ("/docs", "GET"), ("/openapi.json", "GET"), ("/page/{file}", "GET, HEAD")];

/// Path templates and their methods.
pub(super) struct AllowedMethods(Vec<(Vec<String>, String)>);

impl AllowedMethods {
    pub(super) fn of_contract(document: &str) -> Self {
        let contract: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = contract.get("paths").and_then(Value::as_object).into_iter().flatten();
        let mut methods: BTreeMap<&str, String> = FURTHER.map(|(path, method)| (path, method.to_owned())).into();
        for (path, operations) in paths {
            let names = operations.as_object().into_iter().flat_map(|operations| operations.keys());
            let mut names: Vec<String> = names.map(|name| name.to_uppercase()).collect();
            names.sort();
            methods.insert(path, names.join(", "));
        }
        Self(methods.into_iter().map(|(path, methods)| (segments(path), methods)).collect())
    }

    /// The methods that `path` takes, separated by commas; None if it takes none.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        let path = segments(path);
        let fits = |template: &[String]| {
            template.len() == path.len()
                && template.iter().zip(&path).all(|(wanted, found)| match wanted.starts_with('{') {
                    true => !found.is_empty(),
                    false => wanted == found,
                })
        };
        self.0.iter().find(|(template, _)| fits(template)).map(|(_, methods)| methods.as_str())
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_of_the_contract() {
        let methods = AllowedMethods::of_contract(
            r#"{"paths": {"/v1/a/{x}": {"patch": {}, "get": {}}, "/v1/a/{x}/b": {"post": {}}, "/v1/a": {"get": {}}}}"#,
        );
        assert_eq!(methods.of("/v1/a/1"), Some("GET, PATCH"));
        assert_eq!(methods.of("/v1/a/1/b"), Some("POST"));
        assert_eq!(methods.of("/docs"), Some("GET"));
        assert_eq!((methods.of("/v1/a/"), methods.of("/v1"), methods.of("")), (None, None, None));
    }
}
