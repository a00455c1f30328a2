//! The bodies around models that are the gateway's own: the list of models, errors in OpenAI's form, and how much of a plan is
//! used up.

use poem_openapi::Object;

use crate::{
    app::ListedModel,
    domain::{
        time::Timestamp,
        usage::{Usage, UsageWindow},
    },
};

/// A model that a caller may name.
#[derive(Object)]
pub(super) struct ModelAnswer {
    /// What to write as `model`.
    id: String,
    /// `model`.
    object: String,
    /// When it was made, in Unix seconds; 0 where the provider does not say.
    created: i64,
    /// The provider's name; `goclaw` for an agent.
    owned_by: String,
}

/// All models, in OpenAI's form.
#[derive(Object)]
pub(super) struct ModelsAnswer {
    /// `list`.
    object: String,
    data: Vec<ModelAnswer>,
}

impl From<ListedModel> for ModelAnswer {
    fn from(ListedModel { id, owned_by, created }: ListedModel) -> Self {
        Self { id, object: "model".to_owned(), created, owned_by }
    }
}

impl From<Vec<ListedModel>> for ModelsAnswer {
    fn from(models: Vec<ListedModel>) -> Self {
        Self { object: "list".to_owned(), data: models.into_iter().map(ModelAnswer::from).collect() }
    }
}

/// An error in OpenAI's form.
#[derive(Object)]
pub(super) struct OpenAiErrorAnswer {
    error: OpenAiErrorMembers,
}

#[derive(Object)]
#[oai(rename = "OpenAiErrorMembers")]
struct OpenAiErrorMembers {
    /// What happened and what to do about it.
    message: String,
    /// OpenAI's kind of error, e.g. `invalid_request_error`.
    #[oai(rename = "type")]
    kind: String,
    /// Stable name of the error.
    code: String,
    /// The parameter that is at fault.
    param: Option<String>,
    /// When a used up plan is good again, in Unix seconds.
    #[oai(skip_serializing_if_is_none)]
    resets_at: Option<i64>,
    #[oai(skip_serializing_if_is_none)]
    plan_type: Option<String>,
}

/// A window of time in which only so much of a plan may be used.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct UsageWindowAnswer {
    /// `primary` (usually five hours) or `secondary` (usually a week).
    name: String,
    /// From 0 to 100, and above where the provider lets more happen.
    used_percent: f64,
    /// How long the window is.
    window_seconds: Option<u64>,
    /// When it is empty again, in Unix seconds.
    resets_at: Option<i64>,
}

/// How much of an account's plan is used up.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct UsageAnswer {
    /// The plan, e.g. `plus`; an open set.
    plan_type: Option<String>,
    /// Whether a window is used up.
    limit_reached: bool,
    windows: Vec<UsageWindowAnswer>,
    /// When the provider said so, in Unix seconds.
    as_of: i64,
}

impl From<Usage> for UsageAnswer {
    fn from(usage: Usage) -> Self {
        let window = |window: &UsageWindow| UsageWindowAnswer {
            name: window.name.to_owned(),
            used_percent: window.used_percent,
            window_seconds: window.length.map(|length| length.as_secs()),
            resets_at: window.resets_at.map(Timestamp::unix_seconds),
        };
        Self {
            limit_reached: usage.limit_reached(),
            windows: usage.windows.iter().map(window).collect(),
            plan_type: usage.plan_type,
            as_of: usage.as_of.unix_seconds(),
        }
    }
}
