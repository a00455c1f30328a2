//! Pictures, which are ordered now and asked after later: a task goes on by being asked after, so that a test needs no
//! clock.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::refused_natively;
use crate::{
    http::Reply,
    journal::token_sha256,
    provider::{State, random_text},
};

/// The header without which nothing is done, and its value.
const ASYNC: (&str, &str) = ("x-dashscope-async", "enable");

/// What is said of a task at first, and when it is asked after for the first and for the second time; then it is done.
const UNDER_WAY: [&str; 2] = [PENDING, "RUNNING"];
const PENDING: &str = "PENDING";

/// Pictures in one task, at most.
const MOST_PICTURES: u64 = 4;

/// The tasks that were ordered, by id; a reset forgets them.
#[derive(Debug, Default)]
pub(crate) struct Tasks(HashMap<String, Task>);

#[derive(Debug)]
struct Task {
    /// Of the key that ordered it.
    key_sha256: String,
    pictures: u64,
    asked_after: usize,
}

/// Answers `POST /services/aigc/text2image/image-synthesis`.
pub(super) fn order(state: &mut State, head: &Parts, body: &Bytes, key: &str) -> Reply {
    let (name, value) = ASYNC;
    if head.headers.get(name).is_none_or(|given| given.as_bytes() != value.as_bytes()) {
        let why = "current user api does not support synchronous calls.";
        return refused_natively(403, "AccessDenied", why);
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if !state.settings.dashscope_models.iter().any(|known| known == model) {
        return refused_natively(404, "ModelNotFound", "Model not exist.");
    }
    if request.pointer("/input/prompt").and_then(Value::as_str).is_none() {
        return refused_natively(400, "InvalidParameter", "Required parameter `prompt` is missing.");
    }
    let pictures = request.pointer("/parameters/n").and_then(Value::as_u64).unwrap_or(1).min(MOST_PICTURES);
    let id = random_text();
    state.tasks.0.insert(id.clone(), Task { key_sha256: token_sha256(key), pictures, asked_after: 0 });
    answered(json!({"task_id": id, "task_status": PENDING}), None)
}

/// Answers `GET /tasks/{id}`. Somebody else's task is as unknown as none.
pub(super) fn ask_after(tasks: &mut Tasks, id: &str, key: &str) -> Reply {
    let Some(task) = tasks.0.get_mut(id).filter(|task| task.key_sha256 == token_sha256(key)) else {
        return answered(json!({"task_id": id, "task_status": "UNKNOWN"}), None);
    };
    let under_way = UNDER_WAY.get(task.asked_after);
    task.asked_after += 1;
    if let Some(status) = under_way {
        return answered(json!({"task_id": id, "task_status": status}), None);
    }
    let picture = |number| json!({"url": format!("https://pictures.example/{id}/{number}.png")});
    let pictures: Vec<_> = (1..=task.pictures).map(picture).collect();
    let metrics = json!({"TOTAL": task.pictures, "SUCCEEDED": task.pictures, "FAILED": 0});
    let output = json!({"task_id": id, "task_status": "SUCCEEDED", "results": pictures, "task_metrics": metrics});
    answered(output, Some(task.pictures))
}

fn answered(output: Value, pictures: Option<u64>) -> Reply {
    let mut body = json!({"output": output, "request_id": random_text()});
    if let (Some(body), Some(pictures)) = (body.as_object_mut(), pictures) {
        body.insert("usage".to_owned(), json!({"image_count": pictures}));
    }
    Reply::json(200, &body)
}
