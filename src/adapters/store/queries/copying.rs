//! Reads and writes whole tables: see [`copying`](crate::adapters::store::copying).
//!
//! Plain SQL begins and ends the transactions, because PostgreSQL's `run` and `write` have a time limit and a copy may
//! take minutes. [`tables`] has the SQL of each database; `BEGIN_SNAPSHOT` makes a copy consistent while gateways write.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
    sql_query,
    sql_types::Text,
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{
    Connection, Store,
    audit::append,
    credentials::{advance, rows},
    tables,
};
use crate::{
    adapters::store::{
        account_rows::account,
        connection::take,
        copying::{
            Column, CopyError, JsonRow, RestoreRequest, Restored, Sink, Source, TableCopy, TableRows, Tables, quoted,
        },
        schema::{api_tokens, config_secrets, llm_providers, revocations},
        stored_text::StoredText,
    },
    domain::{
        api_token::Grant,
        audit::{AuditAction, AuditEvent},
        ids::AccountName,
        refresh::{RefreshEvent, RefreshPolicy},
    },
    ports::StoreError,
};

/// The number of accounts between two reports of the progress.
const ACCOUNTS_PER_REPORT: usize = 1_000;

#[async_trait]
impl TableCopy for Store {
    async fn read_tables(&self, which: Tables, sink: &mut Sink<'_>) -> Result<(), CopyError> {
        let mut connection = take(self.pool.get(), "read the tables").await?;
        connection.batch_execute(tables::BEGIN_SNAPSHOT).await?;
        let outcome = read_all(&mut connection, which, sink).await;
        end(&mut connection, false).await?;
        outcome
    }

    async fn is_used(&self) -> Result<bool, StoreError> {
        self.run("check whether the database is in use", async |connection| {
            let accounts: i64 = llm_providers::table.count().get_result(connection).await?;
            let secrets: i64 = config_secrets::table.count().get_result(connection).await?;
            let queued: i64 = revocations::table.count().get_result(connection).await?;
            let of_programs = api_tokens::table.filter(api_tokens::scope.ne_all(Grant::PAGE_GRANTS));
            let tokens: i64 = of_programs.count().get_result(connection).await?;
            Ok(accounts + secrets + queued + tokens > 0)
        })
        .await
    }

    async fn restore(&self, source: &mut Source<'_>, order: &RestoreRequest<'_>) -> Result<Restored, CopyError> {
        let mut connection = take(self.pool.get(), "restore the tables").await?;
        connection.batch_execute(&tables::begin_write()).await?;
        let outcome = restore(self, &mut connection, source, order).await;
        end(&mut connection, outcome.is_ok()).await?;
        outcome
    }

    async fn restore_responses(&self, source: &mut Source<'_>) -> Result<usize, CopyError> {
        let mut connection = take(self.pool.get(), "restore the responses").await?;
        connection.batch_execute(&tables::begin_write()).await?;
        let outcome = replace_all(&mut connection, Tables::Responses, source, &|_| {}).await;
        end(&mut connection, outcome.is_ok()).await?;
        outcome
    }
}

/// Ends the transaction. A failed rollback is ignored: it would hide the error that led to it, and the database rolls
/// back when the connection ends. After a failed commit, SQLite's transaction is still open.
///
/// # Errors
/// [`CopyError::Unconfirmed`] if the connection ended during the commit, otherwise [`CopyError::Database`].
async fn end(connection: &mut Connection, commits: bool) -> Result<(), CopyError> {
    let committed = if commits { connection.batch_execute("COMMIT").await } else { Ok(()) };
    if !commits || committed.is_err() {
        let _ = connection.batch_execute("ROLLBACK").await;
    }
    committed.map_err(|error| {
        // The kind of every error that does not come from the server itself.
        let has_no_answer = matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _));
        if has_no_answer { CopyError::Unconfirmed(error) } else { CopyError::Database(error) }
    })
}

async fn read_all(connection: &mut Connection, which: Tables, sink: &mut Sink<'_>) -> Result<(), CopyError> {
    for table in which.names() {
        let columns: Vec<Column> = sql_query(tables::columns_of(table)).load(connection).await?;
        if let Some(open) = tables::before_reading(table, &columns) {
            connection.batch_execute(&open).await?;
        }
        let mut after = i64::MIN;
        loop {
            let found: Vec<JsonRow> = sql_query(tables::next_rows(table, &columns, after)).load(connection).await?;
            let Some(last) = found.last() else { break };
            after = last.position;
            let rows: Vec<&str> = found.iter().map(|row| row.row.0.as_str()).collect();
            let rows = format!("[{}]", rows.join(","));
            let names = columns.iter().map(|column| column.name.clone()).collect();
            sink(TableRows { table: (*table).to_owned(), columns: names, count: found.len(), rows })?;
        }
        if let Some(close) = tables::after_reading() {
            connection.batch_execute(close).await?;
        }
    }
    Ok(())
}

/// Empties the tables and inserts the rows of `source`. Returns the number of rows.
async fn replace_all(
    connection: &mut Connection,
    which: Tables,
    source: &mut Source<'_>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<usize, CopyError> {
    let known = which.names();
    for table in known.iter().rev() {
        sql_query(format!("DELETE FROM {}", quoted(table))).execute(connection).await?;
    }
    let mut count = 0;
    while let Some(batch) = source()? {
        if !known.contains(&batch.table.as_str()) {
            return Err(CopyError::Unknown(format!("the table {}", batch.table)));
        }
        let mut columns: Vec<Column> = sql_query(tables::columns_of(&batch.table)).load(connection).await?;
        if let Some(name) = batch.columns.iter().find(|name| !columns.iter().any(|column| column.name == **name)) {
            return Err(CopyError::Unknown(format!("the column {name} of the table {}", batch.table)));
        }
        // A column that the archive lacks gets its default value.
        columns.retain(|column| batch.columns.contains(&column.name));
        let rows = tables::accepted(&batch.rows, &columns);
        sql_query(tables::insert(&batch.table, &columns)).bind::<Text, _>(&*rows).execute(connection).await?;
        count += batch.count;
        progress(count);
    }
    for table in known {
        let columns: Vec<Column> = sql_query(tables::columns_of(table)).load(connection).await?;
        if let Some(reset_sequence) = tables::after_writing(table, &columns) {
            connection.batch_execute(&reset_sequence).await?;
        }
    }
    Ok(count)
}

/// Returns the names of programs' tokens by their ids.
async fn program_tokens(connection: &mut Connection) -> QueryResult<HashMap<String, String>> {
    let of_programs = api_tokens::table.filter(api_tokens::scope.ne_all(Grant::PAGE_GRANTS));
    let tokens = of_programs.select((api_tokens::id, api_tokens::name));
    let tokens: Vec<(StoredText, StoredText)> = tokens.load(connection).await?;
    Ok(tokens.into_iter().map(|(id, name)| (id.0, name.0)).collect())
}

async fn restore(
    store: &Store,
    connection: &mut Connection,
    source: &mut Source<'_>,
    order: &RestoreRequest<'_>,
) -> Result<Restored, CopyError> {
    let known_tokens = program_tokens(connection).await?;
    let count = replace_all(connection, Tables::Main, source, order.progress).await?;
    let of_page = api_tokens::table.filter(api_tokens::scope.eq_any(Grant::PAGE_GRANTS));
    diesel::delete(of_page).execute(connection).await?;
    let tokens = program_tokens(connection).await?;
    let missing_in = |others: &HashMap<String, String>, tokens: &HashMap<String, String>| {
        tokens.iter().filter(|(id, _)| !others.contains_key(*id)).map(|(_, name)| name.clone()).collect()
    };
    let (returned_tokens, lost_tokens) = (missing_in(&known_tokens, &tokens), missing_in(&tokens, &known_tokens));
    let mut restored = Restored { rows: count, returned_tokens, lost_tokens, ..Restored::default() };
    let now = store.clock(connection, order.author.at).await?;
    for row in rows(connection, None).await? {
        let name = AccountName::parse(&row.0.name);
        let account = match (account(row), name) {
            (Ok(account), _) => account,
            (Err(_damaged), Ok(name)) => {
                restored.unreadable.push(name);
                continue;
            }
            (Err(_damaged), Err(_)) => continue,
        };
        if (order.needs_doubt)(&account) {
            let state = &account.refresh;
            let event =
                RefreshEvent::Restored { known: state.version.clone(), attempt: state.attempt.saturating_add(1) };
            let advanced = advance(connection, &account.name, &event, &RefreshPolicy::default(), now).await?;
            restored.accounts.extend(advanced.credential);
        } else {
            restored.accounts.push(account);
        }
        if restored.accounts.len().is_multiple_of(ACCOUNTS_PER_REPORT) {
            (order.progress)(count + restored.accounts.len());
        }
    }
    let event = AuditEvent::done(AuditAction::Restored, order.archive.clone(), Some(format!("{count} rows")));
    append(connection, event, order.author).await?;
    Ok(restored)
}
