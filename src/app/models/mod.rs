//! Requests to providers: OpenAI's model APIs, the list of models, plan usage, and the proxy.

mod ask;
mod call;
mod chat;
mod compaction;
mod embeddings;
mod feedback;
mod images;
mod list;
mod memory;
mod metered;
mod provider_models;
mod proxy;
mod refusal;
mod responses;
mod session;
mod stream;
mod usage;

use std::sync::Arc;

pub use ask::ModelRequest;
pub(super) use call::set_user_agent;
pub use list::{ListedModel, ModelListing};
pub use proxy::{ProxyRequest, ProxyResponse};
pub(super) use refusal::refusal_of;
pub use responses::IGNORED_PARAMETERS;

use super::{AppSettings, Ports, ProviderCatalog, Tasks, Tokens, Vault};
use crate::{
    domain::{model_ref::ModelNames, time::Timestamp},
    ports::{Clock, Upstream},
};
use memory::Memory;
use provider_models::ModelLists;
use usage::Usages;

pub struct Models {
    upstream: Arc<dyn Upstream>,
    clock: Arc<dyn Clock>,
    catalog: ProviderCatalog,
    names: ModelNames,
    memory: Memory,
    lists: ModelLists,
    usages: Usages,
    tokens: Arc<Tokens>,
    tasks: Tasks,
}

impl Models {
    pub(super) fn new(ports: &Ports, settings: AppSettings, tokens: &Arc<Tokens>, tasks: &Tasks) -> Self {
        Self {
            upstream: Arc::clone(&ports.upstream),
            clock: Arc::clone(&ports.clock),
            catalog: settings.catalog,
            names: settings.models,
            memory: Memory::new(Arc::clone(&ports.responses), Vault::new(Arc::clone(&ports.cipher)), settings.remember),
            lists: ModelLists::default(),
            usages: Usages::default(),
            tokens: Arc::clone(tokens),
            tasks: tasks.clone(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
