//! The jobs that wait for a lane: people in turns, one job per client and turn, and background work in order of arrival.
//! Knows nothing of threads; its owner locks it.

use super::job::{EngineError, Job, Priority};
use crate::password::caller::ClientKey;
use crate::password::lanes::{Digest, LaneState};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use tokio::sync::oneshot;

/// A job's number, in order of arrival.
pub(super) type Ticket = u64;

/// A job with the way to answer it.
pub(super) struct Task {
    pub ticket: Ticket,
    pub job: Job,
    pub answer: oneshot::Sender<Result<Digest, EngineError>>,
    pub arrived: Instant,
    /// When it first got a lane.
    pub started: Option<Instant>,
    pub steps_left: u64,
    /// Its state, if it had a lane before and gave it back.
    pub state: Option<Box<LaneState>>,
}

/// All jobs without a lane.
#[derive(Default)]
pub(super) struct Queue {
    clients: HashMap<ClientKey, Client>,
    /// Which client's turn is when. A client has a turn while it has jobs waiting.
    turns: BTreeMap<u64, ClientKey>,
    next_turn: u64,
    interactive: usize,
    /// Steps of all interactive jobs.
    work: u64,
    background: BTreeMap<Ticket, Task>,
    background_work: u64,
}

struct Client {
    turn: u64,
    jobs: BTreeMap<Ticket, Task>,
    /// Steps of all its jobs.
    work: u64,
}

impl Queue {
    /// How many interactive jobs wait.
    pub fn interactive(&self) -> usize {
        self.interactive
    }

    /// How many background jobs wait.
    pub fn background(&self) -> usize {
        self.background.len()
    }

    /// Steps of all waiting interactive jobs.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Steps of all waiting background jobs.
    pub fn background_work(&self) -> u64 {
        self.background_work
    }

    /// Steps of the jobs that would be taken before a new one of `client`: as many of every client's as this one has
    /// already waiting, and one more, whose work is taken to be that client's average.
    pub fn work_before(&self, client: ClientKey) -> u64 {
        let own = self
            .clients
            .get(&client)
            .map_or(0, |client| client.jobs.len());
        let turns = own as u64 + 1;
        self.clients
            .values()
            .map(|client| {
                let jobs = client.jobs.len() as u64;
                client.work * jobs.min(turns) / jobs
            })
            .sum()
    }

    pub fn push(&mut self, task: Task) {
        match task.job.priority {
            Priority::Background => {
                self.background_work += task.steps_left;
                self.background.insert(task.ticket, task);
            }
            Priority::Interactive => self.push_interactive(task),
        }
    }

    fn push_interactive(&mut self, task: Task) {
        self.interactive += 1;
        self.work += task.steps_left;
        let key = task.job.caller.network;
        let client = self.clients.entry(key).or_insert_with(|| {
            let turn = self.next_turn;
            self.next_turn += 1;
            self.turns.insert(turn, key);
            Client {
                turn,
                jobs: BTreeMap::new(),
                work: 0,
            }
        });
        client.work += task.steps_left;
        client.jobs.insert(task.ticket, task);
    }

    /// The oldest job of the client whose turn it is; the client's next turn comes after everybody else's.
    pub fn take_interactive(&mut self) -> Option<Task> {
        let (_, key) = self.turns.pop_first()?;
        let client = self.clients.get_mut(&key)?;
        let (_, task) = client.jobs.pop_first()?;
        client.work -= task.steps_left;
        if client.jobs.is_empty() {
            self.clients.remove(&key);
        } else {
            client.turn = self.next_turn;
            self.turns.insert(self.next_turn, key);
            self.next_turn += 1;
        }
        self.interactive -= 1;
        self.work -= task.steps_left;
        Some(task)
    }

    /// The oldest background job.
    pub fn take_background(&mut self) -> Option<Task> {
        let (_, task) = self.background.pop_first()?;
        self.background_work -= task.steps_left;
        Some(task)
    }

    /// Takes a job out whose caller has gone; `None` if it no longer waits.
    pub fn withdraw(&mut self, ticket: Ticket, key: ClientKey, priority: Priority) -> Option<Task> {
        if priority == Priority::Background {
            let task = self.background.remove(&ticket)?;
            self.background_work -= task.steps_left;
            return Some(task);
        }
        let client = self.clients.get_mut(&key)?;
        let task = client.jobs.remove(&ticket)?;
        client.work -= task.steps_left;
        if client.jobs.is_empty() {
            self.turns.remove(&client.turn);
            self.clients.remove(&key);
        }
        self.interactive -= 1;
        self.work -= task.steps_left;
        Some(task)
    }

    /// Drops all jobs, which answers them with an error.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::caller::Caller;
    use proptest::prelude::*;

    /// A job of the client `ticket % 4`, every fifth in the background, of cost 4 to 6.
    fn task(ticket: Ticket) -> Task {
        let priority = match ticket % 5 {
            0 => Priority::Background,
            _ => Priority::Interactive,
        };
        let job = Job {
            password: Default::default(),
            salt: [0; 16],
            cost: 4 + ticket as u32 % 3,
            caller: Caller::stranger(ClientKey(u128::from(ticket % 4))),
            priority,
        };
        Task {
            ticket,
            steps_left: job.steps(),
            job,
            answer: oneshot::channel().0,
            arrived: Instant::now(),
            started: None,
            state: None,
        }
    }

    /// Work of the tasks with this priority in `tickets`.
    fn work(tickets: &[Ticket], priority: Priority) -> u64 {
        let tasks = tickets.iter().map(|ticket| task(*ticket));
        let tasks = tasks.filter(|task| task.job.priority == priority);
        tasks.map(|task| task.steps_left).sum()
    }

    proptest! {
        /// Whatever comes and goes, the sums are those of the jobs that wait, and every client has one turn.
        #[test]
        fn sums_and_turns_hold(choices in proptest::collection::vec((0..4u8, any::<usize>()), 0..200)) {
            let mut queue = Queue::default();
            let mut inside: Vec<Ticket> = Vec::new();
            for (next, (choice, index)) in choices.into_iter().enumerate() {
                let next = next as Ticket;
                let taken = match choice {
                    0 | 1 => {
                        queue.push(task(next));
                        inside.push(next);
                        None
                    }
                    2 if !inside.is_empty() => {
                        let gone = task(inside[index % inside.len()]);
                        queue.withdraw(gone.ticket, gone.job.caller.network, gone.job.priority)
                    }
                    _ => queue.take_interactive().or_else(|| queue.take_background()),
                };
                if let Some(task) = taken {
                    inside.retain(|ticket| *ticket != task.ticket);
                }
                prop_assert_eq!(queue.interactive() + queue.background(), inside.len());
                prop_assert_eq!(queue.work(), work(&inside, Priority::Interactive));
                prop_assert_eq!(queue.background_work(), work(&inside, Priority::Background));
                prop_assert_eq!(queue.turns.len(), queue.clients.len());
            }
        }
    }

    #[test]
    fn the_work_before_a_job_ends_with_its_turn() {
        let mut queue = Queue::default();
        // Costs 4 to 6 in turns, so three jobs of a client are 112 steps.
        for ticket in (0..)
            .map(|n| 4 * n + 1)
            .filter(|ticket| ticket % 5 != 0)
            .take(6)
        {
            queue.push(task(ticket));
        }
        let flood = queue.work();
        assert_eq!(queue.work_before(ClientKey(1)), flood);
        assert_eq!(queue.work_before(ClientKey(2)), flood / 6);
        queue.push(task(2));
        assert_eq!(
            queue.work_before(ClientKey(2)),
            flood / 3 + task(2).steps_left
        );
    }
}
