//! Whose account it is, as far as its tokens tell.

/// Who an account belongs to, read from unverified claims: good for showing, never for deciding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLabels {
    /// ChatGPT's workspace id. Two people of one workspace share it.
    pub account_id: Option<String>,
    pub user_id: Option<String>,
    pub email: Option<String>,
    /// E.g. `plus`. An open set: show it, do not match on it.
    pub plan_type: Option<String>,
}

impl AccountLabels {
    /// These labels, with the gaps filled from `other`.
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
