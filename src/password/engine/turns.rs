//! The waiting jobs of one class, in turns by groups within groups: one job per group and turn. Knows what has most
//! waiting, so that an overfull queue gives up that and not the job of a newcomer.

use std::collections::{BTreeMap, HashMap};

use super::class::Path;
use super::task::{Task, Ticket};

/// A group of callers. Every operation takes logarithmic time in the number of jobs.
#[derive(Default)]
pub(super) struct Turns {
    jobs: usize,
    /// Steps of all its jobs.
    work: u64,
    next_turn: u64,
    /// Which group within this one has its turn when. A group has a turn while it has jobs waiting.
    turns: BTreeMap<u64, u128>,
    /// The groups within this one by their number of jobs, and among equals by lot.
    sizes: BTreeMap<(usize, u64), u128>,
    groups: HashMap<u128, Group>,
    /// The jobs of the network or account itself, where the path ends.
    tasks: BTreeMap<Ticket, Task>,
}

struct Group {
    turn: u64,
    /// Who gives way among equals. By order of arrival, clients that come at an even pace would find every place that
    /// becomes free, and others none.
    lot: u64,
    inner: Turns,
}

impl Turns {
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    pub fn work(&self) -> u64 {
        self.work
    }

    pub fn push(&mut self, path: &Path, task: Task) {
        self.push_at(path.keys(), task);
    }

    fn push_at(&mut self, keys: &[u128], task: Task) {
        self.jobs += 1;
        self.work += task.steps_left;
        let Some((key, rest)) = keys.split_first() else {
            self.tasks.insert(task.ticket, task);
            return;
        };
        let mut group = self.detach(*key).unwrap_or_else(|| {
            let turn = self.next_turn;
            self.next_turn += 1;
            Group {
                turn,
                lot: mixed(turn),
                inner: Self::default(),
            }
        });
        group.inner.push_at(rest, task);
        self.attach(*key, group);
    }

    /// The oldest job of the group whose turn it is; that group's next turn comes after all others'.
    pub fn pop(&mut self) -> Option<Task> {
        let task = match self.turns.first_key_value() {
            Some((_, key)) => {
                let key = *key;
                let mut group = self.detach(key)?;
                let task = group.inner.pop();
                group.turn = self.next_turn;
                self.next_turn += 1;
                self.attach(key, group);
                task?
            }
            None => self.tasks.pop_first()?.1,
        };
        Some(self.without(task))
    }

    /// The newest job of the group that has most waiting; among equals the lot decides.
    pub fn pop_of_largest(&mut self) -> Option<Task> {
        let task = match self.sizes.last_key_value() {
            Some((_, key)) => {
                let key = *key;
                let mut group = self.detach(key)?;
                let task = group.inner.pop_of_largest();
                self.attach(key, group);
                task?
            }
            None => self.tasks.pop_last()?.1,
        };
        Some(self.without(task))
    }

    /// Takes out a job whose caller has gone; `None` if it no longer waits.
    pub fn withdraw(&mut self, path: &Path, ticket: Ticket) -> Option<Task> {
        self.withdraw_at(path.keys(), ticket)
    }

    fn withdraw_at(&mut self, keys: &[u128], ticket: Ticket) -> Option<Task> {
        let task = match keys.split_first() {
            Some((key, rest)) => {
                let mut group = self.detach(*key)?;
                let task = group.inner.withdraw_at(rest, ticket);
                self.attach(*key, group);
                task?
            }
            None => self.tasks.remove(&ticket)?,
        };
        Some(self.without(task))
    }

    fn without(&mut self, task: Task) -> Task {
        self.jobs -= 1;
        self.work -= task.steps_left;
        task
    }

    fn detach(&mut self, key: u128) -> Option<Group> {
        let group = self.groups.remove(&key)?;
        self.turns.remove(&group.turn);
        self.sizes.remove(&(group.inner.jobs, group.lot));
        Some(group)
    }

    /// Puts a group back, or forgets it when nothing of it waits.
    fn attach(&mut self, key: u128, group: Group) {
        if group.inner.jobs > 0 {
            self.turns.insert(group.turn, key);
            self.sizes.insert((group.inner.jobs, group.lot), key);
            self.groups.insert(key, group);
        }
    }

    /// Whether every group that waits has one turn and one size, all the way down.
    #[cfg(test)]
    pub fn is_consistent(&self) -> bool {
        let inner: usize = self.groups.values().map(|group| group.inner.jobs).sum();
        self.jobs == inner + self.tasks.len()
            && self.turns.len() == self.groups.len()
            && self.sizes.len() == self.groups.len()
            && self
                .groups
                .values()
                .all(|group| group.inner.is_consistent())
    }
}

/// SplitMix64's output function: different turns give different lots. The turn depends on all that others have done.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
