//! The change feed in memory. A mark is the debug text of its subject's data; for accounts, of the last event.

use async_trait::async_trait;
use goclaw::ports::{ChangeFeed, ChangeMark, ChangeMarks, StoreError};

use super::MemoryStore;

#[async_trait]
impl ChangeFeed for MemoryStore {
    async fn marks(&self) -> Result<ChangeMarks, StoreError> {
        let tables = self.tables_to("read the change feed").await?;
        Ok(ChangeMarks {
            accounts: mark(&(tables.last_revision, tables.events.last())),
            logins: mark(&tables.logins),
            api_tokens: mark(&tables.api_tokens),
            keys: mark(&tables.key_checks),
            feedback: mark(&tables.feedback),
        })
    }
}

fn mark(subject: &impl std::fmt::Debug) -> ChangeMark {
    ChangeMark(format!("{subject:?}"))
}
