//! The jobs that wait: people by class and in turns, and background work in order of arrival. Knows nothing of threads and
//! time; its owner locks it.

use std::collections::BTreeMap;

use super::class::{Class, Path};
use super::task::{Task, Ticket};
use super::turns::Turns;

/// Where a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    People(Class, Path),
    Background,
}

/// All jobs that have not begun, and the background jobs that were interrupted.
#[derive(Default)]
pub(super) struct Queue {
    classes: [Share; Class::ALL.len()],
    /// The [`Share::progress`] of the class that was served last.
    progress: u64,
    interactive: usize,
    /// Steps of all interactive jobs.
    work: u64,
    background: BTreeMap<Ticket, Task>,
    background_work: u64,
}

/// The waiting jobs of a class and what it has had so far.
#[derive(Default)]
struct Share {
    turns: Turns,
    /// Steps taken over the class's weight. The class with the least is served next (start-time fair queueing: Goyal,
    /// Vin and Cheng, SIGCOMM 1996).
    progress: u64,
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

    /// Steps of the waiting jobs of a class.
    pub fn work_of(&self, class: Class) -> u64 {
        self.classes[class as usize].turns.work()
    }

    /// How many jobs of a class wait.
    pub fn jobs_of(&self, class: Class) -> usize {
        self.classes[class as usize].turns.jobs()
    }

    /// Steps that are taken before the class's next job begins behind all that it has waiting: those of its own jobs, and
    /// what the other classes get of the engine meanwhile.
    pub fn work_before(&self, class: Class, next: u64) -> u64 {
        let own = self.work_of(class);
        let others = Class::ALL.into_iter().filter(|other| *other != class);
        let others: u64 = others
            .map(|other| {
                self.work_of(other)
                    .min((own + next) * other.weight() / class.weight())
            })
            .sum();
        own + others
    }

    pub fn push(&mut self, slot: &Slot, task: Task) {
        match slot {
            Slot::Background => {
                self.background_work += task.steps_left;
                self.background.insert(task.ticket, task);
            }
            Slot::People(class, path) => {
                self.interactive += 1;
                self.work += task.steps_left;
                let share = &mut self.classes[*class as usize];
                if share.turns.jobs() == 0 {
                    // What a class did not use while it had nothing waiting is not saved up.
                    share.progress = share.progress.max(self.progress);
                }
                share.turns.push(path, task);
            }
        }
    }

    /// The next job of the class that has had least for its weight.
    pub fn take_interactive(&mut self) -> Option<Task> {
        let waiting = Class::ALL.into_iter().filter(|class| {
            let share = &self.classes[*class as usize];
            share.turns.jobs() > 0
        });
        let next = waiting.min_by_key(|class| self.classes[*class as usize].progress)?;
        let share = &mut self.classes[next as usize];
        let task = share.turns.pop()?;
        self.progress = share.progress;
        share.progress += task.steps_left * (Class::COMMON / next.weight());
        Some(self.without(task))
    }

    /// Takes out the newest job of the caller who has most waiting in this class.
    pub fn take_of_largest(&mut self, class: Class) -> Option<Task> {
        let task = self.classes[class as usize].turns.pop_of_largest()?;
        Some(self.without(task))
    }

    /// The oldest background job.
    pub fn take_background(&mut self) -> Option<Task> {
        let (_, task) = self.background.pop_first()?;
        self.background_work -= task.steps_left;
        Some(task)
    }

    /// Takes a job out whose caller has gone; `None` if it no longer waits.
    pub fn withdraw(&mut self, ticket: Ticket, slot: &Slot) -> Option<Task> {
        match slot {
            Slot::Background => {
                let task = self.background.remove(&ticket)?;
                self.background_work -= task.steps_left;
                Some(task)
            }
            Slot::People(class, path) => {
                let task = self.classes[*class as usize].turns.withdraw(path, ticket)?;
                Some(self.without(task))
            }
        }
    }

    fn without(&mut self, task: Task) -> Task {
        self.interactive -= 1;
        self.work -= task.steps_left;
        task
    }

    /// Drops all jobs, which answers them with an error.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;
    use tokio::sync::oneshot;

    use crate::password::caller::{Caller, ClientKey};
    use crate::password::engine::job::Priority;
    use crate::password::engine::task::{Hash, Work};

    /// Every fifth in the background, of cost 4 to 6; people of four networks and three classes.
    fn task(ticket: Ticket) -> (Slot, Task) {
        let network = ClientKey(u128::from(ticket % 4) << (64 + 16 * (ticket % 3)));
        let caller = Caller::stranger(network);
        let class = [Class::KnownDevice, Class::Fresh, Class::Suspect][ticket as usize % 3];
        let (slot, priority) = match ticket % 5 {
            0 => (Slot::Background, Priority::Background),
            _ => (
                Slot::People(class, Path::of(&caller)),
                Priority::Interactive,
            ),
        };
        (slot, stub(ticket, caller, priority, 1 << (4 + ticket % 3)))
    }

    fn stub(ticket: Ticket, caller: Caller, priority: Priority, steps: u64) -> Task {
        Task {
            ticket,
            caller,
            priority,
            work: Work::Hash(Box::new(Hash {
                password: Default::default(),
                salt: [0; 16],
                padding: 0,
                digest: None,
                state: None,
                answer: oneshot::channel().0,
            })),
            arrived: Instant::now(),
            started: None,
            steps_left: steps,
        }
    }

    /// Work of the tasks with this priority in `tickets`.
    fn work(tickets: &[Ticket], priority: Priority) -> u64 {
        let tasks = tickets.iter().map(|ticket| task(*ticket).1);
        let tasks = tasks.filter(|task| task.priority == priority);
        tasks.map(|task| task.steps_left).sum()
    }

    proptest! {
        /// In any order of arrivals and departures, the sums are those of the jobs that wait, and every group has one turn.
        #[test]
        fn sums_and_turns_hold(choices in proptest::collection::vec((0..5u8, any::<usize>()), 0..200)) {
            let mut queue = Queue::default();
            let mut inside: Vec<Ticket> = Vec::new();
            for (next, (choice, index)) in choices.into_iter().enumerate() {
                let next = next as Ticket;
                let taken = match choice {
                    0 | 1 => {
                        let (slot, task) = task(next);
                        queue.push(&slot, task);
                        inside.push(next);
                        None
                    }
                    2 if !inside.is_empty() => {
                        let ticket = inside[index % inside.len()];
                        queue.withdraw(ticket, &task(ticket).0)
                    }
                    3 => queue.take_of_largest(Class::Fresh),
                    _ => queue.take_interactive().or_else(|| queue.take_background()),
                };
                if let Some(task) = taken {
                    inside.retain(|ticket| *ticket != task.ticket);
                }
                prop_assert_eq!(queue.interactive() + queue.background(), inside.len());
                prop_assert_eq!(queue.work(), work(&inside, Priority::Interactive));
                prop_assert_eq!(queue.background_work(), work(&inside, Priority::Background));
                prop_assert!(queue.classes.iter().all(|share| share.turns.is_consistent()));
            }
        }
    }

    fn fill(queue: &mut Queue, class: Class, jobs: u64) {
        for n in 0..jobs {
            let caller = Caller::stranger(ClientKey(u128::from(n) << 96));
            let slot = Slot::People(class, Path::of(&caller));
            queue.push(
                &slot,
                stub(1_000 * class as u64 + n, caller, Priority::Interactive, 16),
            );
        }
    }

    fn served(queue: &mut Queue, jobs: usize) -> Vec<u64> {
        let tasks = std::iter::from_fn(|| queue.take_interactive()).take(jobs);
        tasks.map(|task| task.ticket / 1_000).collect()
    }

    #[test]
    fn classes_share_by_weight_and_leave_nothing_unused() {
        let mut queue = Queue::default();
        fill(&mut queue, Class::KnownDevice, 96);
        fill(&mut queue, Class::Fresh, 400);
        fill(&mut queue, Class::Suspect, 400);
        let first = served(&mut queue, 146);
        let of = |class: Class, served: &[u64]| {
            served
                .iter()
                .filter(|found| **found == class as u64)
                .count()
        };
        assert_eq!(of(Class::KnownDevice, &first), 96);
        assert_eq!(of(Class::Fresh, &first), 48);
        assert_eq!(of(Class::Suspect, &first), 2);
        let later = served(&mut queue, 100);
        assert_eq!(of(Class::Fresh, &later), 96);
        assert_eq!(of(Class::Suspect, &later), 4);
    }

    #[test]
    fn a_class_that_comes_back_has_saved_up_nothing() {
        let mut queue = Queue::default();
        fill(&mut queue, Class::Fresh, 400);
        served(&mut queue, 200);
        fill(&mut queue, Class::KnownDevice, 200);
        let next = served(&mut queue, 100);
        let strangers = next
            .iter()
            .filter(|class| **class == Class::Fresh as u64)
            .count();
        assert!((33..=34).contains(&strangers), "{strangers}");
    }

    #[test]
    fn the_work_before_a_class_is_its_own_and_the_others_share() {
        let mut queue = Queue::default();
        fill(&mut queue, Class::Fresh, 100);
        assert_eq!(queue.work_before(Class::Fresh, 16), 1_600);
        // One job of 16 steps, while strangers get a third.
        assert_eq!(queue.work_before(Class::KnownDevice, 16), 8);
        fill(&mut queue, Class::KnownDevice, 5);
        assert_eq!(queue.work_before(Class::KnownDevice, 16), 80 + 48);
        assert_eq!(queue.work_before(Class::Fresh, 16), 1_600 + 80);
    }
}
