//! The memory of responses. Clients continue a conversation with `previous_response_id` or refer to single items, but
//! the backend stores neither. If storing fails, the response is still sent, but not remembered.

mod batcher;
mod reasoning;
mod remember;
mod upkeep;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
};

pub(super) use self::remember::{Complete, PendingMemory, StoredPart};
use self::{batcher::Batcher, upkeep::Upkeep};
use super::Models;
use crate::{
    app::{AppError, Vault},
    domain::{
        dialect::{InvalidRequest, Missing, ResponseItems, items_by_id, listed_item},
        ids::Principal,
        response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
        time::Timestamp,
    },
    ports::{BodyError, ResponseMemory, UpstreamError},
};

/// Maximum size of all remembered responses in bytes: for each principal, and in total.
const LIMITS: MemoryLimits = MemoryLimits { per_principal: 64 << 20, in_all: 512 << 20 };
/// Limits of one recall: the number of responses, and the bytes of their sealed content.
const MAX_RESPONSES: usize = 1_000;
const MAX_BYTES: i64 = 16 << 20;
/// Limits of all recalls together: how many read concurrently, how long others wait for a permit, and the KiB of
/// recalled content in memory until it has been sent: twice [`MAX_BYTES`], counted [`COPIES`] times because translation
/// copies the content.
const READERS: usize = 2;
const MAX_READ_WAIT: Duration = Duration::from_secs(10);
const RECALLED_KIB: usize = 96 << 10;
const COPIES: i64 = 3;
/// Maximum number of items that one request recalls by their ids.
const MAX_REFERENCES: usize = 1_000;
/// How long the last event of a response waits until the response is stored, and a chat for its recalled reasoning.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// The store of remembered responses, with the limits of its use.
#[derive(Clone)]
pub(super) struct Memory {
    store: Arc<dyn ResponseMemory>,
    vault: Vault,
    /// How long a response is remembered after its last use. Zero turns the memory off.
    lifetime: Duration,
    readers: Arc<Semaphore>,
    /// The KiB of memory for recalled content.
    recalled_kib: Arc<Semaphore>,
    batcher: Arc<Batcher>,
    upkeep: Arc<Upkeep>,
}

/// A response to store, before its content is sealed.
struct UnsealedResponse {
    id: String,
    previous: Option<ResponseId>,
    items: Vec<String>,
    content: String,
}

/// Items of earlier responses, with the permit for the memory that they occupy.
#[derive(Default)]
pub(super) struct RecalledItems<T> {
    pub(super) items: T,
    pub(super) reserved: Option<OwnedSemaphorePermit>,
}

/// The sealed content of a remembered response.
#[derive(Serialize, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    /// The response as its caller received it.
    #[serde(borrow)]
    response: &'a RawValue,
}

/// The opened parts of a remembered response, as JSON.
struct Opened {
    input: String,
    response: String,
}

impl Opened {
    fn of(text: &str) -> Option<Self> {
        let Content { input, response } = serde_json::from_str(text).ok()?;
        Some(Self { input: input.get().to_owned(), response: response.get().to_owned() })
    }

    fn output(&self) -> String {
        ResponseItems::of(&self.response).map_or_else(|| "[]".to_owned(), |items| items.output)
    }
}

impl Models {
    /// Returns the items of the response `previous` and of all responses before it in the conversation, oldest first.
    ///
    /// # Errors
    /// [`AppError::InvalidModelRequest`] if the response is not remembered for this caller, or the conversation is too
    /// long; [`AppError::Upstream`] if the memory for recalls is used up; [`AppError::Store`].
    pub(super) async fn recall(
        &self,
        caller: &Principal,
        previous: &str,
    ) -> Result<RecalledItems<Vec<String>>, AppError> {
        let not_found = || InvalidRequest::previous_response_not_found(previous, &self.memory.rule());
        let id = ResponseId::parse(previous).filter(|_| self.memory.is_on()).ok_or_else(not_found)?;
        let limits = self.memory.read_limits(self.now());
        let (chain, _permit) = self.chain(id, limits).await?;
        let is_cut = chain.last().is_some_and(|first| first.previous.is_some());
        if is_cut && limits.are_reached_by(&chain) && chain.iter().all(|response| may_read(response, caller)) {
            return Err(InvalidRequest::conversation_too_long().into());
        }
        let opened: Option<Vec<Opened>> = chain.iter().map(|response| self.memory.open(response, caller)).collect();
        let opened = opened.filter(|opened| !opened.is_empty() && !is_cut).ok_or_else(not_found)?;
        let reserved = self.memory.reserve_for(&chain)?;
        let mut items: Vec<String> = opened.into_iter().flat_map(|known| [known.output(), known.input]).collect();
        items.reverse();
        Ok(RecalledItems { items, reserved: Some(reserved) })
    }

    /// Returns the missing items that are remembered for this caller.
    pub(super) async fn recall_items(
        &self,
        caller: &Principal,
        missing: &Missing,
    ) -> Result<RecalledItems<BTreeMap<String, String>>, AppError> {
        let ids = missing.references.iter().chain(&missing.reasoning).take(MAX_REFERENCES);
        let wanted: Vec<String> = ids.filter(|id| ResponseId::parse(id).is_some()).cloned().collect();
        if wanted.is_empty() || !self.memory.is_on() {
            return Ok(RecalledItems::default());
        }
        let _permit = self.acquire_read_permit().await?;
        let found = self.memory.store.with_items(&wanted, self.memory.read_limits(self.now())).await?;
        let reserved = Some(self.memory.reserve_for(&found)?);
        let opened = found.iter().filter_map(|response| self.memory.open(response, caller));
        let mut items: BTreeMap<_, _> = opened.flat_map(|known| items_by_id(&known.output())).collect();
        items.retain(|id, _| wanted.contains(id));
        Ok(RecalledItems { items, reserved })
    }

    /// Returns the error for a reference to an item that is not remembered.
    pub(super) fn item_not_found(&self, id: &str) -> AppError {
        AppError::ItemNotFound(format!("Item with id '{}' not found. {}", shorten(id), self.memory.rule()))
    }

    /// Returns a remembered response as its caller received it.
    ///
    /// # Errors
    /// [`AppError::ResponseNotFound`], [`AppError::Store`].
    #[tracing::instrument(name = "models.retrieve_response", skip_all)]
    pub async fn retrieve_response(&self, caller: &Principal, id: &str) -> Result<String, AppError> {
        self.find_remembered(caller, id).await.map(|known| known.response)
    }

    /// Deletes a response. Responses that continue it can then no longer be continued.
    ///
    /// # Errors
    /// [`AppError::ResponseNotFound`], [`AppError::Store`].
    #[tracing::instrument(name = "models.delete_response", skip_all)]
    pub async fn delete_response(self: &Arc<Self>, caller: &Principal, id: &str) -> Result<(), AppError> {
        self.find_remembered(caller, id).await?;
        let (models, parsed) = (Arc::clone(self), ResponseId::parse(id));
        let forget = async move {
            match parsed {
                Some(id) => Ok(models.memory.store.forget(&id).await.map(drop)?),
                None => Ok(()),
            }
        };
        self.tasks.run(forget).await
    }

    /// Returns the input items of a remembered response in their full form.
    ///
    /// # Errors
    /// [`AppError::ResponseNotFound`], [`AppError::Store`].
    #[tracing::instrument(name = "models.list_input_items", skip_all)]
    pub async fn list_input_items(&self, caller: &Principal, id: &str) -> Result<Vec<Value>, AppError> {
        let known = self.find_remembered(caller, id).await?;
        let items: Vec<Value> = serde_json::from_str(&known.input).unwrap_or_default();
        let numbered = items.into_iter().enumerate();
        Ok(numbered.map(|(number, item)| listed_item(item, format!("in_{number}_{id}"))).collect())
    }

    /// Waits for a permit to read, at most [`MAX_READ_WAIT`].
    ///
    /// # Errors
    /// [`AppError::Upstream`] after that time.
    async fn acquire_read_permit(&self) -> Result<OwnedSemaphorePermit, AppError> {
        select! {
            Ok(permit) = Arc::clone(&self.memory.readers).acquire_owned() => Ok(permit),
            () = self.clock.sleep(MAX_READ_WAIT) => Err(UpstreamError::Body(BodyError::OverBudget).into()),
        }
    }

    /// Reads a response and those before it, and records their use. Also returns the permit to read. Hold it until the
    /// responses have been opened.
    async fn chain(
        &self,
        id: ResponseId,
        limits: ReadLimits,
    ) -> Result<(Vec<RememberedResponse>, OwnedSemaphorePermit), AppError> {
        let permit = self.acquire_read_permit().await?;
        let (store, now) = (Arc::clone(&self.memory.store), self.now());
        // This writes, so run it to its end even if the caller disconnects.
        self.tasks.run(async move { Ok((store.chain(&id, limits, now).await?, permit)) }).await
    }

    async fn find_remembered(&self, caller: &Principal, id: &str) -> Result<Opened, AppError> {
        let not_found = || {
            AppError::ResponseNotFound(format!("Response with id '{}' not found. {}", shorten(id), self.memory.rule()))
        };
        let parsed = ResponseId::parse(id).filter(|_| self.memory.is_on()).ok_or_else(not_found)?;
        let one = ReadLimits { responses: 1, ..self.memory.read_limits(self.now()) };
        let (found, _permit) = self.chain(parsed, one).await?;
        found.first().and_then(|response| self.memory.open(response, caller)).ok_or_else(not_found)
    }
}

impl Memory {
    pub(super) fn new(store: Arc<dyn ResponseMemory>, vault: Vault, lifetime: Duration) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let (readers, recalled_kib) = (semaphore(READERS), semaphore(RECALLED_KIB));
        Self { store, vault, lifetime, readers, recalled_kib, batcher: Arc::default(), upkeep: Arc::default() }
    }

    fn read_limits(&self, now: Timestamp) -> ReadLimits {
        ReadLimits { oldest: now.minus(self.lifetime), responses: MAX_RESPONSES, bytes: MAX_BYTES }
    }

    /// Reserves memory for the content of these responses. Hold the permit until the request has been sent.
    fn reserve_for(&self, read: &[RememberedResponse]) -> Result<OwnedSemaphorePermit, AppError> {
        let bytes = read.iter().map(RememberedResponse::size).sum::<i64>().saturating_mul(COPIES);
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        let reserved = Arc::clone(&self.recalled_kib).try_acquire_many_owned(kib);
        reserved.map_err(|_no_permits| UpstreamError::Body(BodyError::OverBudget).into())
    }

    pub(super) fn is_on(&self) -> bool {
        !self.lifetime.is_zero()
    }

    /// Opens a response. Returns None if the caller may not read it, or if it does not open.
    fn open(&self, response: &RememberedResponse, caller: &Principal) -> Option<Opened> {
        may_read(response, caller).then(|| Opened::of(&self.vault.open_response(response)?)).flatten()
    }

    /// Explains in a "not found" error which responses are remembered.
    fn rule(&self) -> String {
        if !self.is_on() {
            return "The setting models.remember is 0, so no response is stored: send the whole conversation in `input`."
                .to_owned();
        }
        let hours = self.lifetime.as_secs_f64() / 3600.0;
        format!(
            "A response is stored for {hours:.1} h after its last use (setting models.remember), for the token that got it, \
             unless its request says `store: false`."
        )
    }
}

fn may_read(response: &RememberedResponse, caller: &Principal) -> bool {
    response.principal == *caller || *caller == Principal::gateway_token()
}

/// Shortens an id from a request for a message.
fn shorten(id: &str) -> String {
    id.chars().filter(char::is_ascii_graphic).take(64).collect()
}
