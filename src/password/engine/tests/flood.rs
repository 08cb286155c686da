//! Floods of wrong logins from many networks, in simulated time: who gets a lane, decided by the queue, the admission and
//! the memory that the engine has.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

use crate::password::caller::{AccountKey, Caller, ClientKey, Standing};
use crate::password::engine::admission::{self, Load};
use crate::password::engine::job::Priority;
use crate::password::engine::queue::Queue;
use crate::password::engine::reputation::Reputation;
use crate::password::engine::task::{Hash, Task, Work};

/// Two threads of six lanes at cost 12, each hash a quarter of a second: 48 hashes a second.
const LANES: usize = 12;
const STEPS: u64 = 1 << 12;
const HASH_MS: u64 = 250;
const CAPACITY: u64 = LANES as u64 * 1000 / HASH_MS;

const MAX_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Hostile,
    /// Logs in from a device that the account knows.
    Device,
    /// Changes a password within a session.
    Session,
    /// Logs in from a network that was never seen, and gives up when refused.
    Fresh,
    /// The same, and comes back once when told.
    Patient,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    offered: u32,
    served: u32,
    /// Milliseconds.
    longest_wait: u64,
}

impl Tally {
    fn percent(self) -> u32 {
        self.served * 100 / self.offered.max(1)
    }
}

#[derive(Clone, Copy)]
struct Login {
    who: Who,
    caller: Caller,
    at: u64,
    tries_left: u32,
}

struct Simulation {
    start: Instant,
    now: u64,
    queue: Queue,
    reputation: Reputation,
    /// When a lane is free again, and whose job it has.
    lanes: BinaryHeap<Reverse<(u64, u64)>>,
    logins: HashMap<u64, Login>,
    returns: BinaryHeap<Reverse<(u64, u64)>>,
    returning: HashMap<u64, Login>,
    next: u64,
    tallies: HashMap<Who, Tally>,
    random: u64,
}

impl Simulation {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: 0,
            queue: Queue::default(),
            reputation: Reputation::new(start),
            lanes: BinaryHeap::new(),
            logins: HashMap::new(),
            returns: BinaryHeap::new(),
            returning: HashMap::new(),
            next: 0,
            tallies: HashMap::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// xorshift64.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn moment(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// A flood of three times the capacity for `seconds`, and beside it known devices, sessions and both kinds of
    /// newcomers, two logins a second of each, from a network and an account of its own.
    fn run(&mut self, seconds: u64, mut hostile: impl FnMut(u64) -> ClientKey) {
        self.tallies.clear();
        let interval = 1000 * 1000 / (3 * CAPACITY);
        let (mut flood, mut others) = (0, 0);
        let (begin, end) = (self.now, self.now + seconds * 1000);
        while self.now < end {
            self.now += 1;
            while flood * interval < (self.now - begin) * 1000 {
                let random = self.random();
                let caller = Caller::stranger(hostile(random));
                self.arrive(Who::Hostile, caller);
                flood += 1;
            }
            for who in [Who::Device, Who::Session, Who::Fresh, Who::Patient] {
                // Twice a second on average.
                if self.random().is_multiple_of(500) {
                    others += 1;
                    let network = newcomer(self.random());
                    let account = AccountKey(others);
                    let caller = match who {
                        Who::Device => Caller::known(Standing::KnownDevice, network, account),
                        Who::Session => Caller::known(Standing::LiveSession, network, account),
                        Who::Fresh | Who::Patient | Who::Hostile => Caller::stranger(network),
                    };
                    self.arrive(who, caller);
                }
            }
            self.pass();
        }
    }

    fn arrive(&mut self, who: Who, caller: Caller) {
        self.tallies.entry(who).or_default().offered += 1;
        let tries_left = u32::from(who == Who::Patient);
        let at = self.now;
        self.offer(Login {
            who,
            caller,
            at,
            tries_left,
        });
    }

    fn offer(&mut self, login: Login) {
        let now = self.moment();
        let ticket = self.next;
        self.next += 1;
        self.logins.insert(ticket, login);
        let left = self
            .lanes
            .iter()
            .map(|Reverse((free_at, _))| free_at.saturating_sub(self.now));
        let load = Load {
            max_wait: MAX_WAIT,
            has_room: self.queue.interactive() + self.lanes.len() < LANES,
            in_progress: left.sum::<u64>() * STEPS / HASH_MS,
            time_for: &|steps| Duration::from_millis(steps * 1000 / STEPS / CAPACITY),
        };
        let task = Task {
            ticket,
            caller: login.caller,
            priority: Priority::Interactive,
            work: Work::Hash(Box::new(Hash {
                password: Default::default(),
                salt: [0; 16],
                padding: 0,
                digest: None,
                state: None,
                answer: oneshot::channel().0,
            })),
            arrived: now,
            started: None,
            steps_left: STEPS,
        };
        let slot = admission::slot(&self.reputation, &login.caller, Priority::Interactive, now);
        let refused = admission::offer(
            &mut self.queue,
            &mut self.reputation,
            &slot,
            task,
            &load,
            now,
        );
        for refused in refused {
            let ticket = refused.task.ticket;
            let login = self.logins.remove(&ticket).unwrap();
            if login.tries_left > 0 {
                let wait = refused.retry_after.as_millis().div_ceil(1000) as u64 * 1000;
                self.returning.insert(
                    ticket,
                    Login {
                        tries_left: login.tries_left - 1,
                        ..login
                    },
                );
                self.returns.push(Reverse((self.now + wait, ticket)));
            }
        }
        assert!(self.queue.interactive() < 2_000, "the queue is bounded");
    }

    /// One millisecond: hashes end, others begin, clients come back.
    fn pass(&mut self) {
        while let Some(Reverse((at, ticket))) = self.returns.peek().copied()
            && at <= self.now
        {
            self.returns.pop();
            let login = self.returning.remove(&ticket).unwrap();
            self.offer(login);
        }
        while let Some(Reverse((at, ticket))) = self.lanes.peek().copied()
            && at <= self.now
        {
            self.lanes.pop();
            let login = self.logins.remove(&ticket).unwrap();
            let tally = self.tallies.entry(login.who).or_default();
            tally.served += 1;
            tally.longest_wait = tally
                .longest_wait
                .max((self.now - login.at).saturating_sub(HASH_MS));
            let now = self.moment();
            let is_right = login.who != Who::Hostile;
            self.reputation.record(login.caller.network, is_right, now);
        }
        while self.lanes.len() < LANES
            && let Some(task) = self.queue.take_interactive()
        {
            // Not all alike, or else lanes and arrivals would march in step.
            let jitter = self.random() % 21;
            self.lanes
                .push(Reverse((self.now + HASH_MS - 10 + jitter, task.ticket)));
        }
    }

    fn tally(&self, who: Who) -> Tally {
        self.tallies.get(&who).copied().unwrap_or_default()
    }

    fn expect(&self, who: Who, percent: u32) {
        let tally = self.tally(who);
        assert!(
            tally.percent() >= percent,
            "{who:?}: {tally:?} of {:?}",
            self.tallies
        );
    }

    /// What holds in every flood.
    fn expect_known_callers_served(&self) {
        for who in [Who::Device, Who::Session] {
            // Some are under way at the end.
            self.expect(who, 97);
            let wait = self.tally(who).longest_wait;
            assert!(wait < 500, "{who:?}: {wait} ms");
        }
        // The flood finds no lane idle: what others leave is used.
        let served: u32 = self.tallies.values().map(|tally| tally.served).sum();
        let offered = self.tally(Who::Hostile).offered;
        assert!(served > offered / 3 * 95 / 100, "{served} of {offered}");
    }
}

fn ipv4(ip: u32) -> ClientKey {
    ClientKey(Ipv4Addr::from(ip).to_ipv6_mapped().into())
}

/// An IPv4 address or an IPv6 /64 outside all floods.
fn newcomer(random: u64) -> ClientKey {
    if random.is_multiple_of(2) {
        ipv4(0xc000_0000 | (random >> 32) as u32 & 0x0fff_ffff)
    } else {
        ClientKey(0x2a00_u128 << 112 | u128::from(random >> 16) << 64)
    }
}

/// Rotates through the networks that `of` makes of 10,000 numbers, in random order.
fn ten_thousand(of: impl Fn(u64) -> ClientKey) -> impl FnMut(u64) -> ClientKey {
    move |random| of((random >> 8) % 10_000)
}

type Flood = Box<dyn FnMut(u64) -> ClientKey>;

fn scrambled(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        >> 16
}

fn expect_newcomers_served(hostile: impl FnMut(u64) -> ClientKey) {
    let mut simulation = Simulation::new();
    simulation.run(30, hostile);
    simulation.expect_known_callers_served();
    simulation.expect(Who::Fresh, 95);
    simulation.expect(Who::Patient, 95);
}

#[test]
fn networks_of_one_site_share_its_turns() {
    // New /64s of one /48 all the time: 65,536 of them.
    expect_newcomers_served(|random| {
        ClientKey(0x2001_0db8_0001_u128 << 80 | u128::from(random >> 8 & 0xffff) << 64)
    });
}

#[test]
fn sites_of_one_provider_share_its_turns() {
    expect_newcomers_served(|random| {
        ClientKey(0x2001_0db8_u128 << 96 | u128::from(random >> 8 & 0xffff_ffff) << 64)
    });
}

#[test]
fn addresses_of_one_ipv4_16_share_its_turns() {
    expect_newcomers_served(|random| ipv4(0x0a01_0000 | (random >> 8) as u32 & 0xffff));
}

#[test]
fn ten_thousand_addresses_of_one_ipv4_8_are_soon_told_from_newcomers() {
    let mut simulation = Simulation::new();
    simulation.run(
        60,
        ten_thousand(|n| ipv4(0x0a00_0000 | scrambled(n) as u32 & 0xff_ffff)),
    );
    simulation.expect_known_callers_served();
    simulation.expect(Who::Fresh, 50);
    simulation.expect(Who::Patient, 90);
}

/// Nothing tells one of these networks from a newcomer before it was there once: 70 seconds, on average, for each of them.
/// From then on it comes last. The rhythm changes nothing about that.
#[test]
fn ten_thousand_networks_all_over_are_known_once_they_have_been_there() {
    let ipv4 = |n| ipv4(scrambled(n) as u32 & 0x7fff_ff00);
    let ipv6 = |n| ClientKey(0x2000_u128 << 112 | u128::from(scrambled(n)) << 68);
    let mut arrivals = 0..;
    let mut in_a_row = move |times: u64| arrivals.next().map_or(0, |n: u64| n / times % 10_000);
    let mut again = in_a_row.clone();
    let rhythms: [(&str, Flood); 4] = [
        ("at random, IPv4", Box::new(ten_thousand(ipv4))),
        ("at random, IPv6", Box::new(ten_thousand(ipv6))),
        ("one after another", Box::new(move |_| ipv4(in_a_row(1)))),
        ("ten at once", Box::new(move |_| ipv6(again(10)))),
    ];
    for (rhythm, mut hostile) in rhythms {
        let mut simulation = Simulation::new();
        for minute in 1..=4 {
            simulation.run(60, &mut hostile);
            let percent = |who| simulation.tally(who).percent();
            let (fresh, patient) = (percent(Who::Fresh), percent(Who::Patient));
            println!("{rhythm}, minute {minute}: {fresh}% of newcomers, {patient}% with one retry");
            simulation.expect_known_callers_served();
            // Some three standard deviations below what is seen: about 30% and 75% in the first minutes, then nearly all.
            let expected = [(15, 80), (55, 85), (85, 85), (90, 85)][minute - 1];
            simulation.expect(Who::Fresh, expected.0);
            simulation.expect(Who::Patient, expected.1);
        }
    }
}

/// Twenty networks in each of 500 IPv4 /16s.
#[test]
fn a_flood_from_some_surroundings_leaves_others_alone() {
    let mut simulation = Simulation::new();
    let hostile = |n: u64| ipv4((0x0a00_0000 + ((n % 500) << 16) + (scrambled(n) & 0xffff)) as u32);
    simulation.run(60, ten_thousand(hostile));
    simulation.expect_known_callers_served();
    simulation.expect(Who::Fresh, 50);
    simulation.run(60, ten_thousand(hostile));
    simulation.expect_known_callers_served();
    simulation.expect(Who::Fresh, 85);
}

/// A flood that comes back when told as well has half as many networks.
#[test]
fn a_patient_flood_leaves_newcomers_half_their_logins() {
    let mut simulation = Simulation::new();
    let mut number = 0_u64;
    // Each network comes twice, a second and a half apart.
    let apart = 3 * CAPACITY * 3 / 2;
    simulation.run(240, move |_| {
        number += 1;
        let visitor = if number.is_multiple_of(2) {
            number / 2
        } else {
            (number / 2).saturating_sub(apart / 2)
        };
        ClientKey(0x2000_u128 << 112 | u128::from(scrambled(visitor)) << 68)
    });
    simulation.expect_known_callers_served();
    simulation.expect(Who::Patient, 50);
}
