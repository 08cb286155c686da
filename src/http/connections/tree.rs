//! Connections by network, so that the network that holds most is found without looking at each.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use std::sync::Arc;

use super::Connection;
use super::connection::{Business, put, take};
use super::levels::{DEPTH, Levels};

/// Connections that are looked at to find the idlest, at most. Where one network holds more, the next search goes on where
/// this one ended.
const LOOKED_AT: usize = 4096;

/// A network in the order in which it has to give: by the network around it, by what it holds, and among equals the one
/// to which a client came last longest ago.
type Rank = (u128, usize, Reverse<u64>, u128);

#[derive(Default)]
pub struct Tree {
    levels: [Level; DEPTH],
    /// The connections of the smallest networks.
    members: HashMap<u128, Vec<Arc<Connection>>>,
    count: usize,
    /// Where the next search begins in a list that is too long to be looked at.
    cursor: usize,
}

#[derive(Default)]
struct Level {
    networks: HashMap<u128, Network>,
    ranks: BTreeSet<Rank>,
}

#[derive(Clone, Copy, Default)]
struct Network {
    held: usize,
    newest: u64,
}

impl Level {
    fn change(&mut self, parent: u128, name: u128, change: impl FnOnce(&mut Network)) {
        let network = self.networks.entry(name).or_default();
        let rank = |network: &Network| (parent, network.held, Reverse(network.newest), name);
        self.ranks.remove(&rank(network));
        change(network);
        if network.held > 0 {
            self.ranks.insert(rank(network));
        } else {
            self.networks.remove(&name);
        }
    }

    /// The networks inside `parent` that hold most.
    fn largest(&self, parent: u128) -> impl Iterator<Item = u128> {
        let least = (parent, 0, Reverse(u64::MAX), 0);
        let most = (parent, usize::MAX, Reverse(0), u128::MAX);
        let mut ranks = self.ranks.range(least..=most).rev().peekable();
        let held = ranks.peek().map_or(0, |(_, held, ..)| *held);
        ranks
            .take_while(move |(_, other, ..)| *other == held)
            .map(|(.., name)| *name)
    }
}

impl Tree {
    pub fn len(&self) -> usize {
        self.count
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let is_empty = |level: &Level| level.networks.is_empty() && level.ranks.is_empty();
        self.count == 0 && self.members.is_empty() && self.levels.iter().all(is_empty)
    }

    pub fn add(&mut self, connection: &Arc<Connection>) {
        let Some(Levels(names)) = connection.networks else {
            return;
        };
        let (_, moment) = connection.business();
        put(
            self.members.entry(names[DEPTH - 1]).or_default(),
            connection,
        );
        self.count += 1;
        self.change(names, |network| {
            network.held += 1;
            network.newest = moment;
        });
    }

    pub fn remove(&mut self, connection: &Arc<Connection>) {
        let Some(Levels(names)) = connection.networks else {
            return;
        };
        let smallest = names[DEPTH - 1];
        let Some(list) = self.members.get_mut(&smallest) else {
            return;
        };
        if !take(list, connection) {
            return;
        }
        if list.is_empty() {
            self.members.remove(&smallest);
        }
        self.count -= 1;
        self.change(names, |network| network.held -= 1);
    }

    fn change(&mut self, names: [u128; DEPTH], change: impl Fn(&mut Network)) {
        let mut parent = 0;
        for (level, name) in self.levels.iter_mut().zip(names) {
            level.change(parent, name, &change);
            parent = name;
        }
    }

    /// The idlest connection of the network that holds most, or of those that hold as many. Looks at few of many.
    pub fn idlest_besides(&mut self, newcomer: &Arc<Connection>) -> Option<Arc<Connection>> {
        let mut search = Search {
            newcomer,
            from: self.cursor,
            left: LOOKED_AT,
            idlest: None,
        };
        self.look(0, 0, &mut search);
        let idlest = search.idlest.map(|(_, connection)| connection.clone());
        self.cursor = self.cursor.wrapping_add(LOOKED_AT);
        idlest
    }

    fn look<'a>(&'a self, depth: usize, parent: u128, search: &mut Search<'a>) {
        let Some(level) = self.levels.get(depth) else {
            let members = self.members.get(&parent);
            return search.look(members.map_or(&[], Vec::as_slice));
        };
        for name in level.largest(parent) {
            if search.left == 0 {
                return;
            }
            self.look(depth + 1, name, search);
        }
    }
}

struct Search<'a> {
    newcomer: &'a Arc<Connection>,
    from: usize,
    left: usize,
    idlest: Option<(Business, &'a Arc<Connection>)>,
}

impl<'a> Search<'a> {
    fn look(&mut self, members: &'a [Arc<Connection>]) {
        let looked_at = members.len().min(self.left);
        self.left -= looked_at;
        let start = if looked_at < members.len() {
            self.from % members.len()
        } else {
            0
        };
        let members = members[start..].iter().chain(&members[..start]);
        for connection in members.take(looked_at) {
            let business = connection.business();
            let is_idler = self.idlest.is_none_or(|(least, _)| business < least);
            if is_idler && !Arc::ptr_eq(connection, self.newcomer) {
                self.idlest = Some((business, connection));
            }
        }
    }
}
