//! Image generation (OpenAI API reference, `POST /v1/images/generations`). A model of the account calls the backend's
//! tool `image_generation`.

use serde_json::{Map, Value, json};

use super::{
    BackendModel, InvalidRequest, ResponseFailure, SseEvent,
    event::BackendEvent,
    invalid_request::shown,
    json_writer::JsonWriter,
    members::Members,
    raw_json::{Text, read},
    system_text::write_text_message,
};
use crate::domain::{
    json::{self, Limits},
    model_ref::ModelName,
};

/// The model of a request without `model`.
const DEFAULT_MODEL: &str = "gpt-image-1";
/// The prefixes of the names of image models. Only the tool can use these models.
const IMAGE_MODELS: [&str; 3] = ["gpt-image", "chatgpt-image", "dall-e"];
/// The parameters that the tool accepts unchanged.
const TOOL_PARAMETERS: [&str; 4] = ["background", "moderation", "output_compression", "output_format"];
/// The path of the tool's parameters in the errors of the backend. The caller sends the parameters without it.
pub const IMAGE_TOOL_PATH: &str = "tools[0].";
/// The instructions for the model that calls the tool. The call cannot be forced: the backend refuses a `tool_choice` that
/// names one of its own tools.
const INSTRUCTIONS: &str = "Generate exactly one image with the tool image_generation, from the user's text as it is. \
    Always call the tool, and write no text.";

/// Checks a body and returns its `model`.
pub fn image_model_of(body: &[u8]) -> Result<ModelName, InvalidRequest> {
    json::check(body, &Limits::MODEL_BODY)?;
    model_of(&mut Members::of_body(body)?)
}

fn model_of(body: &mut Members<'_>) -> Result<ModelName, InvalidRequest> {
    if body.has("model") {
        return body.take_model();
    }
    ModelName::parse(DEFAULT_MODEL).map_err(|_impossible| InvalidRequest::missing("model"))
}

/// Whether this is an image model, so that another model must call the tool.
pub fn is_image_model(name: &str) -> bool {
    IMAGE_MODELS.iter().any(|beginning| name.starts_with(beginning))
}

/// A caller's request.
#[derive(Debug)]
pub struct ImageRequest<'a> {
    body: Members<'a>,
    size: usize,
}

impl<'a> ImageRequest<'a> {
    /// Parses a body that [`image_model_of`] has checked.
    pub fn of_checked(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        let _named = model_of(&mut body)?;
        Ok(Self { body, size })
    }

    /// Writes the body for the backend, where `model` calls the tool. Returns the body, the names of the ignored
    /// parameters, and the reader of the response.
    pub fn into_backend(self, model: &BackendModel) -> Result<(Vec<u8>, Vec<String>, ImageReader), InvalidRequest> {
        let Self { mut body, size } = self;
        if body.take("n").is_some_and(|n| read::<f64>(n) != Some(1.0)) {
            return Err(InvalidRequest::refused("n", "The provider returns one image: send several requests instead."));
        }
        if body.take_flag("stream")? {
            return Err(InvalidRequest::refused("stream", "The gateway returns whole images only: leave it out."));
        }
        let wants_url = match body.take_text("response_format")?.map(Text::unescaped).as_deref() {
            None | Some("b64_json") => false,
            Some("url") => true,
            Some(_) => return Err(InvalidRequest::unsupported_value("response_format", "use `b64_json` or `url`.")),
        };
        let prompt = body.need_text("prompt")?;
        let mut out = JsonWriter::for_body(size);
        out.word("model", &model.name);
        out.word("instructions", INSTRUCTIONS);
        out.begin_array_in("input");
        write_text_message("user", &prompt, &mut out);
        out.end_array();
        write_tool(&mut body, &mut out)?;
        out.flag("store", false);
        out.flag("stream", true);
        out.end_object();
        let ignored = body.names().map(str::to_owned).collect();
        Ok((out.into_bytes(), ignored, ImageReader { wants_url, image: None, model_text: String::new() }))
    }
}

fn write_tool(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    out.begin_array_in("tools");
    out.begin_object();
    out.word("type", "image_generation");
    body.pass_all(&TOOL_PARAMETERS, out);
    if let Some(size) = body.take_text("size")? {
        // DALL-E's sizes become those of the tool with the same or the closest proportions.
        match &*size.clone().unescaped() {
            "256x256" | "512x512" => out.word("size", "1024x1024"),
            "1792x1024" => out.word("size", "1536x1024"),
            "1024x1792" => out.word("size", "1024x1536"),
            _ => out.text("size", &size),
        }
    }
    if let Some(quality) = body.take_text("quality")? {
        // DALL-E's values become those of the tool.
        match &*quality.clone().unescaped() {
            "standard" => out.word("quality", "medium"),
            "hd" => out.word("quality", "high"),
            _ => out.text("quality", &quality),
        }
    }
    out.end_object();
    out.end_array();
    Ok(())
}

/// Reads the image from the events of a response.
#[derive(Debug)]
pub struct ImageReader {
    /// Whether the caller wants a URL instead of base64.
    wants_url: bool,
    image: Option<Value>,
    /// The model's text, if it wrote text instead of calling the tool.
    model_text: String,
}

impl ImageReader {
    /// Handles the next event. Returns the caller's response at the last event.
    ///
    /// # Errors
    /// The response failed or has no image.
    pub fn on_event(&mut self, event: &SseEvent<'_>) -> Result<Option<Value>, ResponseFailure> {
        let Some(event) = BackendEvent::read(event)? else { return Ok(None) };
        event.check()?;
        if event.kind == "response.output_item.done"
            && let Some(item) = event.tree("item")
        {
            self.read_item(item);
        }
        let Some(mut response) = event.response()?.filter(|_| event.ends_response()) else { return Ok(None) };
        for item in response.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten() {
            self.read_item(item.take());
        }
        self.finish(&response).map(Some)
    }

    fn read_item(&mut self, item: Value) {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "image_generation_call" && item.get("result").is_some_and(Value::is_string) && self.image.is_none() {
            self.image = Some(item);
        } else if kind == "message" {
            let parts = item.get("content").and_then(Value::as_array).into_iter().flatten();
            let texts = parts.filter_map(|part| part.get("text").or_else(|| part.get("refusal"))?.as_str());
            self.model_text = shown(&texts.collect::<Vec<_>>().join(" "));
        }
    }

    /// Returns the caller's response.
    fn finish(&mut self, response: &Map<String, Value>) -> Result<Value, ResponseFailure> {
        let Some(mut item) = self.image.take() else {
            let mut message = "The model generated no image.".to_owned();
            if !self.model_text.is_empty() {
                message += &format!(" It wrote: {}", self.model_text);
            }
            let error = json!({"code": "no_image_generated", "message": message});
            return Err(ResponseFailure::of_error(error.as_object().unwrap_or(&Map::new())));
        };
        let format = item.get("output_format").and_then(Value::as_str).unwrap_or("png").to_owned();
        let mut image = Map::new();
        match item.get_mut("result").map(Value::take) {
            Some(Value::String(data)) if self.wants_url => {
                image.insert("url".to_owned(), format!("data:image/{format};base64,{data}").into());
            }
            data => {
                image.insert("b64_json".to_owned(), data.unwrap_or_default());
            }
        }
        image.extend(item.get("revised_prompt").map(|text| ("revised_prompt".to_owned(), text.clone())));
        let mut result = Map::new();
        let created = response.get("created_at").and_then(|at| at.as_u64().or_else(|| at.as_f64().map(|at| at as u64)));
        result.insert("created".to_owned(), created.unwrap_or_default().into());
        result.insert("data".to_owned(), json!([image]));
        for name in ["background", "output_format", "quality", "size"] {
            result.extend(item.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        Ok(Value::Object(result))
    }
}
