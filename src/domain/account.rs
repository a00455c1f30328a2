//! Account labels: the user, workspace, e-mail and plan that an account's tokens name.

/// The labels of an account, read from unverified JWT claims. They grant no rights. The gateway compares them to notice
/// that new tokens belong to another account.
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

    /// Whether both can be the same user in the same workspace. An id that one of them lacks counts as equal.
    pub fn may_be_same_as(&self, other: &Self) -> bool {
        let agree = |one: &Option<String>, two: &Option<String>| one.is_none() || two.is_none() || one == two;
        agree(&self.user_id, &other.user_id) && agree(&self.account_id, &other.account_id)
    }

    /// Whether these labels have every id of `other`, with the same values. A login that lacks one of these ids may be
    /// for another account.
    pub fn covers(&self, other: &Self) -> bool {
        let has = |own: &Option<String>, other: &Option<String>| other.is_none() || own == other;
        has(&self.user_id, &other.user_id) && has(&self.account_id, &other.account_id)
    }

    /// Whether both are known to be the same user in the same workspace.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.identity().is_some() && self.identity() == other.identity()
    }

    /// Returns the user id and the workspace id; None if the user is unknown.
    pub fn identity(&self) -> Option<(&str, Option<&str>)> {
        self.user_id.as_deref().map(|user| (user, self.account_id.as_deref()))
    }

    /// Returns e-mail, user and workspace, for messages to the owner.
    pub fn in_words(&self) -> String {
        let user = self.user_id.as_ref().map(|id| format!("user {id}"));
        let workspace = self.account_id.as_ref().map(|id| format!("workspace {id}"));
        let known: Vec<String> = [self.email.clone(), user, workspace].into_iter().flatten().collect();
        if known.is_empty() { "an unknown account".to_owned() } else { known.join(", ") }
    }
}
