//! Image tasks. Each query advances a task, so that a test needs no clock.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::native_error;
use crate::{
    http::Reply,
    journal::token_sha256,
    provider::{State, random_text},
};

/// The header that a synthesis requires, and its value.
const ASYNC: (&str, &str) = ("x-dashscope-async", "enable");

/// The status at the first and the second query. From the third on, the task has succeeded.
const UNFINISHED: [&str; 2] = [PENDING, "RUNNING"];
const PENDING: &str = "PENDING";

/// The maximum number of images in one task.
const MAX_IMAGES: u64 = 4;

/// The tasks by id; a reset removes them.
#[derive(Debug, Default)]
pub(crate) struct Tasks(HashMap<String, Task>);

#[derive(Debug)]
struct Task {
    /// The digest of the API key that created it.
    key_sha256: String,
    images: u64,
    queries: usize,
}

/// Handles `POST /services/aigc/text2image/image-synthesis`.
pub(super) fn create(state: &mut State, head: &Parts, body: &Bytes, key: &str) -> Reply {
    let (name, value) = ASYNC;
    if head.headers.get(name).is_none_or(|given| given.as_bytes() != value.as_bytes()) {
        let why = "current user api does not support synchronous calls.";
        return native_error(403, "AccessDenied", why);
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if !state.settings.dashscope_models.iter().any(|known| known == model) {
        return native_error(404, "ModelNotFound", "Model not exist.");
    }
    if request.pointer("/input/prompt").and_then(Value::as_str).is_none() {
        return native_error(400, "InvalidParameter", "Required parameter `prompt` is missing.");
    }
    let images = request.pointer("/parameters/n").and_then(Value::as_u64).unwrap_or(1).min(MAX_IMAGES);
    let id = random_text();
    state.tasks.0.insert(id.clone(), Task { key_sha256: token_sha256(key), images, queries: 0 });
    response(json!({"task_id": id, "task_status": PENDING}), None)
}

/// Handles `GET /tasks/{id}`. A task of another key is reported as unknown.
pub(super) fn query(tasks: &mut Tasks, id: &str, key: &str) -> Reply {
    let Some(task) = tasks.0.get_mut(id).filter(|task| task.key_sha256 == token_sha256(key)) else {
        return response(json!({"task_id": id, "task_status": "UNKNOWN"}), None);
    };
    let unfinished = UNFINISHED.get(task.queries);
    task.queries += 1;
    if let Some(status) = unfinished {
        return response(json!({"task_id": id, "task_status": status}), None);
    }
    let image = |number| json!({"url": format!("https://pictures.example/{id}/{number}.png")});
    let images: Vec<_> = (1..=task.images).map(image).collect();
    let metrics = json!({"TOTAL": task.images, "SUCCEEDED": task.images, "FAILED": 0});
    let output = json!({"task_id": id, "task_status": "SUCCEEDED", "results": images, "task_metrics": metrics});
    response(output, Some(task.images))
}

fn response(output: Value, images: Option<u64>) -> Reply {
    let mut body = json!({"output": output, "request_id": random_text()});
    if let (Some(body), Some(images)) = (body.as_object_mut(), images) {
        body.insert("usage".to_owned(), json!({"image_count": images}));
    }
    Reply::json(200, &body)
}
