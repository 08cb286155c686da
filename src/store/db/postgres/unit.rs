//! One unit of work as one transaction, tried again where that is safe.

use std::hash::{BuildHasher, RandomState};
use std::ops::AsyncFnMut;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::connect;
use super::error::{Trouble, from_library, is_end};
use super::statement::{Form, Transaction, Tx, discard};
use crate::store::db::tx::Kind;
use crate::store::db::{self, Error, Result};

/// How often a unit is run at most.
const TRIES: u32 = 6;

/// Longest pause before the second try; it doubles with each further one. The pauses are random, so that those who met do
/// not meet again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long a unit may take, and then its commit. Longer than the server's own limits, which do not hold for a commit that
/// waits for a synchronous standby: this one is for a server that says nothing any more.
const TIME: Duration = Duration::from_secs(20);

/// How long a commit without an answer keeps its connection. A server whose standby is away remembers each of them: by
/// new connections, its own would soon be used up.
const TIME_TO_ANSWER: Duration = Duration::from_secs(300);

/// How one try ended.
enum Tried<T, E> {
    Done(T),
    Failed(E),
    /// Nothing was committed, and another try may do better.
    Again(E),
}

/// Runs `unit` to its commit.
pub async fn run<T, E, F>(
    pool: &Pool,
    turns: &Arc<Semaphore>,
    mut unit: F,
    form: Form,
) -> std::result::Result<T, E>
where
    E: From<Error>,
    F: AsyncFnMut(&mut db::Tx<'_>) -> std::result::Result<T, E>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match attempt(pool, turns, &mut unit, form).await {
            Tried::Done(value) => return Ok(value),
            Tried::Failed(error) => return Err(error),
            Tried::Again(_) => tokio::time::sleep(random_part(pause)).await,
        }
        pause *= 2;
    }
    match attempt(pool, turns, &mut unit, form).await {
        Tried::Done(value) => Ok(value),
        Tried::Failed(error) | Tried::Again(error) => Err(error),
    }
}

async fn attempt<T, E, F>(
    pool: &Pool,
    turns: &Arc<Semaphore>,
    unit: &mut F,
    form: Form,
) -> Tried<T, E>
where
    E: From<Error>,
    F: AsyncFnMut(&mut db::Tx<'_>) -> std::result::Result<T, E>,
{
    let mut transaction = match transaction(pool, turns, form).await {
        Ok(transaction) => transaction,
        Err(error) => return Tried::Failed(error.into()),
    };
    let outcome = {
        let mut tx = db::Tx(Kind::Postgres(Tx::unit(&mut transaction)));
        let work = AssertUnwindSafe(unit(&mut tx)).catch_unwind();
        match tokio::time::timeout(TIME, work).await {
            Ok(Ok(outcome)) => outcome,
            // What the panic left half-done is rolled back.
            Ok(Err(_panic)) => Err(Error::Defect("a unit of work panicked".to_owned()).into()),
            Err(_elapsed) => {
                discard(transaction.client);
                return Tried::Failed(
                    Error::Unavailable("the database does not answer".to_owned()).into(),
                );
            }
        }
    };
    match outcome {
        Ok(value) => commit(transaction, value).await,
        Err(error) => {
            let trouble = transaction.trouble;
            roll_back(transaction).await;
            match trouble {
                // It was committed with the statement, or not.
                Some(Trouble::Lost) if form == Form::One => Tried::Failed(error),
                Some(Trouble::Conflict | Trouble::Lost) => Tried::Again(error),
                Some(Trouble::Refused) | None => Tried::Failed(error),
            }
        }
    }
}

async fn transaction(pool: &Pool, turns: &Arc<Semaphore>, form: Form) -> Result<Transaction> {
    let turn = connect::turn(turns).await?;
    Ok(Transaction {
        client: connect::checkout(pool).await?,
        turn,
        form,
        has_begun: false,
        trouble: None,
    })
}

async fn commit<T, E: From<Error>>(transaction: Transaction, value: T) -> Tried<T, E> {
    if !transaction.has_begun || transaction.form == Form::One && transaction.trouble.is_none() {
        return Tried::Done(value);
    }
    if transaction.trouble.is_some() {
        // The server would answer the commit by a rollback, and call that a success.
        roll_back(transaction).await;
        return Tried::Failed(
            Error::Defect("a unit of work went on after an error".to_owned()).into(),
        );
    }
    let committed = tokio::time::timeout(TIME, transaction.client.batch_execute("COMMIT")).await;
    let error = match committed {
        Ok(Ok(())) => return Tried::Done(value),
        Ok(Err(error)) => error,
        Err(_elapsed) => {
            drop(tokio::task::spawn_local(wait_for_answer(transaction)));
            return Tried::Failed(unknown("the database does not answer").into());
        }
    };
    match error.as_db_error() {
        Some(refusal) if !is_end(refusal) => {
            let is_conflict = super::error::trouble(&error) == Trouble::Conflict;
            roll_back(transaction).await;
            let error = from_library(error).into();
            if is_conflict {
                Tried::Again(error)
            } else {
                Tried::Failed(error)
            }
        }
        // The connection ended after the commit was sent: it may have been done. A second try might do it twice.
        _ => {
            discard(transaction.client);
            Tried::Failed(unknown(&from_library(error).to_string()).into())
        }
    }
}

/// Keeps the connection and its turn until the server has answered, or has gone.
async fn wait_for_answer(Transaction { client, turn, .. }: Transaction) {
    // Answered after the commit.
    let answered = tokio::time::timeout(TIME_TO_ANSWER, client.batch_execute("")).await;
    if !matches!(answered, Ok(Ok(()))) {
        discard(client);
    }
    drop(turn);
}

fn unknown(reason: &str) -> Error {
    Error::Unavailable(format!("the outcome of a commit is unknown: {reason}"))
}

/// Makes the connection fit for the next user, or takes it out of the pool.
async fn roll_back(transaction: Transaction) {
    let Transaction {
        client,
        form,
        has_begun,
        trouble,
        turn: _turn,
    } = transaction;
    if trouble == Some(Trouble::Lost) {
        return discard(client);
    }
    if has_begun && form == Form::Many {
        let rolled_back = tokio::time::timeout(TIME, client.batch_execute("ROLLBACK")).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            discard(client);
        }
    }
}

/// A random part of `pause`.
fn random_part(pause: Duration) -> Duration {
    // Every one of these hashes differently.
    let random = RandomState::new().hash_one(0) % 256;
    pause.mul_f64(random as f64 / 256.0)
}
