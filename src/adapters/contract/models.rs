//! The bodies of the list of models, of errors in OpenAI's form, and of plan usage.

use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef},
};
use serde::{Deserialize, Serialize};

use super::{ModelListObject, ModelObject};
use crate::{
    app::ListedModel,
    domain::{time::Timestamp, usage},
};

/// A model that a request may name.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Model {
    /// The value for `model` in a request.
    pub id: String,
    pub object: ModelObject,
    /// When the model was created, in Unix seconds; 0 for an agent, or if the provider does not report it.
    pub created: i64,
    /// The account's name; `goclaw` for an agent.
    pub owned_by: String,
    /// The context length in tokens, if the provider reports it.
    pub context_length: Option<u64>,
}

/// All models, in OpenAI's form.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ModelList {
    pub object: ModelListObject,
    pub data: Vec<Model>,
    /// The same models as the Codex CLI reads them; only with `client_version`.
    pub models: Option<Vec<CatalogEntry>>,
}

/// A model in the form of the Codex backend's catalogue. Only the names differ from the backend's.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct CatalogEntry(pub serde_json::Value);

impl_type!(
    CatalogEntry,
    "CatalogEntry",
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
        ..MetaSchema::new("object")
    }))
);

impl From<ListedModel> for Model {
    fn from(ListedModel { id, owned_by, created, context_length }: ListedModel) -> Self {
        Self { id, object: ModelObject::Model, created, owned_by, context_length }
    }
}

impl From<Vec<ListedModel>> for ModelList {
    fn from(models: Vec<ListedModel>) -> Self {
        Self { object: ModelListObject::List, data: models.into_iter().map(Model::from).collect(), models: None }
    }
}

/// An error in OpenAI's form.
#[derive(Debug, Object, Deserialize)]
pub struct OpenAiErrorBody {
    pub error: OpenAiErrorDetails,
}

#[derive(Debug, Object, Deserialize)]
pub struct OpenAiErrorDetails {
    /// What happened, and the next step.
    pub message: String,
    /// OpenAI's error type, e.g. `invalid_request_error`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable error code of the gateway or the provider.
    pub code: String,
    /// The invalid parameter.
    #[oai(nullable)]
    pub param: Option<String>,
    /// When a used-up plan resets, in Unix seconds.
    #[oai(skip_serializing_if_is_none)]
    pub resets_at: Option<i64>,
    #[oai(skip_serializing_if_is_none)]
    pub plan_type: Option<String>,
}

/// A time window with a usage limit.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct UsageWindow {
    /// `primary` (usually five hours) or `secondary` (usually a week).
    pub name: String,
    /// From 0 to 100; above 100 if the provider allows overuse.
    pub used_percent: f64,
    /// The length of the window, in seconds.
    pub window_seconds: Option<u64>,
    /// When the window resets, in Unix seconds.
    pub resets_at: Option<i64>,
}

/// The usage of an account's plan.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Usage {
    /// The plan, e.g. `plus`; an open set.
    pub plan_type: Option<String>,
    /// Whether a window is used up.
    pub limit_reached: bool,
    pub windows: Vec<UsageWindow>,
    /// When the provider reported it, in Unix seconds.
    pub as_of: i64,
}

impl From<usage::Usage> for Usage {
    fn from(usage: usage::Usage) -> Self {
        let window = |window: &usage::UsageWindow| UsageWindow {
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
