//! The owner of an account, as its tokens name them.

/// The owner of an account, read from unverified claims. For display only, never for decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLabels {
    /// ChatGPT's workspace id. All members of a workspace share it.
    pub account_id: Option<String>,
    pub user_id: Option<String>,
    pub email: Option<String>,
    /// E.g. `plus`. An open set: do not match on it.
    pub plan_type: Option<String>,
}

impl AccountLabels {
    /// Fills missing labels from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            account_id: self.account_id.or(other.account_id),
            user_id: self.user_id.or(other.user_id),
            email: self.email.or(other.email),
            plan_type: self.plan_type.or(other.plan_type),
        }
    }
}
