//! A connection for what a test does behind the service's back: SQL as text, answers as text.

use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

/// The columns of a row; `None` is NULL.
pub type Row = Vec<Option<String>>;

type Answer = Result<Vec<Row>, Error>;

/// Holds what it was told to hold (a transaction, a lock) until it is dropped. It has a thread of its own, so that
/// tests use it alike whether they are asynchronous or not; each call waits for its answer.
pub struct Session {
    questions: Option<mpsc::Sender<(String, mpsc::Sender<Answer>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub fn open(url: &str) -> Result<Self, Error> {
        let url = url.to_owned();
        let (questions, asked) = mpsc::channel::<(String, mpsc::Sender<Answer>)>();
        let (opened, is_open) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let (client, connection) = match tokio_postgres::connect(&url, NoTls).await {
                    Ok(open) => open,
                    Err(error) => return drop(opened.send(Err(error))),
                };
                let connection = tokio::spawn(connection);
                let _ = opened.send(Ok(()));
                while let Ok((sql, answer)) = asked.recv() {
                    let _ = answer.send(ask(&client, &sql).await);
                }
                // Closed, and not merely about to be, when the session is dropped.
                drop(client);
                let _ = connection.await;
            });
        });
        is_open.recv().expect("an answer")?;
        Ok(Self {
            questions: Some(questions),
            thread: Some(thread),
        })
    }

    /// Runs statements and gives the rows of all of them.
    ///
    /// # Errors
    /// A statement fails.
    pub fn try_run(&self, sql: &str) -> Answer {
        let (answer, answered) = mpsc::channel();
        let questions = self.questions.as_ref().expect("open");
        questions.send((sql.to_owned(), answer)).expect("listens");
        answered.recv().expect("an answer")
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub fn run(&self, sql: &str) -> Vec<Row> {
        self.try_run(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The one value of an answer that must have one.
    #[track_caller]
    pub fn value(&self, sql: &str) -> String {
        let first = self.run(sql).into_iter().flatten().next();
        first.flatten().unwrap_or_else(|| panic!("{sql}: no value"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn ask(client: &Client, sql: &str) -> Answer {
    let messages = client.simple_query(sql).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|column| row.get(column).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    });
    Ok(rows.collect())
}
