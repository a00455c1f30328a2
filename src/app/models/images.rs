//! `POST /v1/images/generations`: generates images through a model that calls the backend's image tool.

use std::sync::Arc;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{Target, check_body, insufficient_scope},
};
use crate::{
    app::{AppError, RunningRequest},
    domain::{
        dialect::{BackendModel, IMAGE_TOOL_PATH, ImageRequest, image_model_of, is_image_model},
        model_list::ProviderModel,
        model_ref::ModelName,
        provider::Dialect,
        scope::Rights,
    },
};

impl Models {
    #[tracing::instrument(name = "models.create_image", level = "debug", skip_all)]
    pub async fn create_image(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body, rights, caller: _ } = request;
        let (body, name) = self.tasks.compute(body.len(), || check_body(body, image_model_of)).await?;
        let target = self.target(&name, &rights).await?;
        match target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => return Err(target.unsupported("the provider's own API below /v1/proxy/")),
        }
        RunningRequest::current().note_model(&target.definition.name, &target.model.name);
        let (model, size) = (self.model_with_tool(&target, &name, &rights).await?, body.len());
        let translate = move || ImageRequest::of_checked(&body)?.into_backend(&model);
        let (body, ignored, mut reader) = self.tasks.compute(size, translate).await?;
        let started = self.prompt_stream(&target, &headers, body.into()).await;
        let started = started.map_err(without_tool_path)?;
        let is_cancelled = false;
        let response = self.collect(started, |event| {
            let whole = reader.on_event(event)?;
            Ok(whole.map(|whole| (whole.to_string(), is_cancelled)))
        });
        let (response, images) = response.await.map_err(without_tool_path)?;
        Ok(response.with_json(images).with_ignored(&ignored))
    }

    /// Returns the model that calls the image tool: the named one, or if that is an image model, the account's first
    /// model that the caller may use.
    async fn model_with_tool(
        &self,
        target: &Target,
        name: &ModelName,
        rights: &Rights,
    ) -> Result<BackendModel, AppError> {
        let account = &target.definition.name;
        let is_image_model = is_image_model(&target.model.name);
        let first = |models: &[ProviderModel]| {
            let permitted = |model: &&ProviderModel| !model.is_hidden && rights.permits_model(account, &model.name);
            models.iter().find(permitted).map(|model| model.name.as_str().into())
        };
        let listed = if is_image_model { self.search_models(account, first).await } else { None };
        match listed {
            Some(Some(model)) => Ok(model),
            Some(None) => Err(AppError::UnknownModel(name.as_str().to_owned())),
            // Use the named model. If that is an image model, the list is unknown, and the request fails.
            None if rights.permits_model(account, &target.model.name) => Ok(target.model.clone()),
            None => Err(insufficient_scope(account, &target.model.name)),
        }
    }
}

/// Removes the path of the tool from the name of a refused parameter, so that the caller recognizes it.
fn without_tool_path(mut error: AppError) -> AppError {
    if let AppError::ProviderRefused(refusal) = &mut error {
        refusal.message = refusal.message.replace(IMAGE_TOOL_PATH, "");
        refusal.param = refusal.param.take().map(|param| param.replace(IMAGE_TOOL_PATH, ""));
    }
    error
}
