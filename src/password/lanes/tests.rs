//! Lanes against the published test vectors and against the `bcrypt` crate.

use bcrypt::HashParts;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Digest, Lanes, MAX_LANES, PASSWORD_BYTES};

/// Password and hash, as published: OpenBSD and jBCrypt (`TestBCrypt.java`), crypt_blowfish of the John the Ripper
/// project (`wrapper.c`), py-bcrypt.
#[rustfmt::skip]
const PUBLISHED: &[(&[u8], &str)] = &[
    (b"", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
    (b"", "$2a$08$HqWuK6/Ng6sg9gQzbLrgb.Tl.ZHfXLhvt/SgVyWhQqgqcZ7ZuUtye"),
    (b"", "$2a$10$k1wbIrmNyFAPwPVPSVa/zecw2BCEnBwVS2GbrmgzxFUOqW9dk4TCW"),
    (b"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    (b"a", "$2a$08$cfcvVd2aQ8CMvoMpP2EBfeodLEkkFJ9umNEfPD18.hUF62qqlC/V."),
    (b"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    (b"abc", "$2a$08$Ro0CUfOqk6cXEKf3dyaM7OhSCvnwM9s4wIX9JeLapehKK5YdLxKcm"),
    (b"abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    (b"abcdefghijklmnopqrstuvwxyz", "$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz."),
    (b"~!@#$%^&*()      ~!@#$%^&*()PNBFRD", "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO"),
    (b"~!@#$%^&*()      ~!@#$%^&*()PNBFRD", "$2a$08$Eq2r4G/76Wv39MzSX262huzPz612MZiYHVUJe/OcOql2jo4.9UxTW"),
    (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (b"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (b"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (b"", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"),
    (b"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
    (b"\xff\xa3345", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e"),
    (b"\xa3", "$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
    (&[0xaa; 72], "$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6"),
    ([[0xaa, 0x55]; 36].as_flattened(), "$2a$05$/OK.fbVrR/bpIqNJ5ianF.R9xrDjiycxMbQE2bp.vgqlYpW5wx2yy"),
    ([[0x55, 0xaa, 0xff]; 24].as_flattened(), "$2a$05$/OK.fbVrR/bpIqNJ5ianF.9tQZzcJfm3uj2NvJ/n5xkhpqLrMpWCe"),
];

fn parse(hash: &str) -> (u32, [u8; 16]) {
    let parts: HashParts = hash.parse().unwrap();
    (parts.get_cost(), parts.get_salt_raw())
}

/// What the `bcrypt` crate makes of the same bytes.
fn oracle(password: &[u8], salt: [u8; 16], cost: u32) -> [u8; 23] {
    let mut bytes = password.to_vec();
    bytes.push(0);
    bytes.truncate(PASSWORD_BYTES);
    bcrypt::bcrypt(cost, salt, &bytes)[..23].try_into().unwrap()
}

fn alone(password: &[u8], salt: &[u8; 16], cost: u32) -> Digest {
    let mut lanes = Lanes::new();
    lanes.join(password, salt);
    for _ in 0..1u32 << cost {
        lanes.step();
    }
    lanes.finish(0)
}

#[test]
fn published_vectors_one_by_one() {
    for (password, hash) in PUBLISHED {
        let (cost, salt) = parse(hash);
        assert!(
            bcrypt::verify(password, hash).unwrap(),
            "the vector {hash} itself"
        );
        assert!(
            alone(password, &salt, cost).matches(&oracle(password, salt, cost)),
            "{hash}"
        );
    }
}

#[test]
fn published_vectors_side_by_side() {
    for group in PUBLISHED.chunks(MAX_LANES) {
        let mut lanes = Lanes::new();
        let mut expected = Vec::new();
        for (password, hash) in group {
            let (cost, salt) = parse(hash);
            lanes.join(password, &salt);
            expected.push((1u32 << cost, oracle(password, salt, cost)));
        }
        while lanes.busy() > 0 {
            lanes.step();
            for lane in (0..expected.len()).rev() {
                expected[lane].0 -= 1;
                if expected[lane].0 == 0 {
                    let (_, digest) = expected.swap_remove(lane);
                    assert!(lanes.finish(lane).matches(&digest));
                }
            }
        }
    }
}

#[test]
fn bytes_after_the_72nd_do_not_count() {
    let long = [b'x'; 100];
    let digest = alone(&long, &[3; 16], 4);
    assert!(digest.matches(alone(&long[..72], &[3; 16], 4).as_bytes()));
    assert!(!digest.matches(alone(&long[..71], &[3; 16], 4).as_bytes()));
}

#[test]
fn a_digest_is_not_printed() {
    assert_eq!(format!("{:?}", alone(b"secret", &[0; 16], 4)), "Digest(…)");
}

#[test]
fn a_lane_that_left_is_wiped() {
    let mut lanes = Lanes::new();
    lanes.join(b"first", &[1; 16]);
    lanes.join(b"second", &[2; 16]);
    lanes.step();
    lanes.leave(0);
    lanes.finish(0);
    for state in lanes.states.iter() {
        assert!(state.s.as_flattened().iter().all(|word| *word == 0));
        assert!(
            state
                .p
                .iter()
                .chain(&state.key)
                .chain(&state.salt)
                .all(|word| *word == 0)
        );
    }
}

/// A hash that joins after some steps of the others.
#[derive(Debug, Clone)]
struct Entry {
    password: Vec<u8>,
    salt: [u8; 16],
    cost: u32,
    /// Steps of the others before this one asks for a lane.
    delay: u32,
    /// Whether it gives up, and after how many of its own steps.
    leaves_after: Option<u32>,
    /// Whether it is taken out and put back, and after how many of its own steps.
    detached_after: Option<u32>,
}

fn entry() -> impl Strategy<Value = Entry> {
    (
        vec(any::<u8>(), 0..=PASSWORD_BYTES),
        any::<[u8; 16]>(),
        4u32..=8,
        0u32..=20,
        proptest::option::weighted(0.2, 1u32..16),
        proptest::option::weighted(0.2, 1u32..16),
    )
        .prop_map(
            |(password, salt, cost, delay, leaves_after, detached_after)| Entry {
                password,
                salt,
                cost,
                delay,
                leaves_after,
                detached_after,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Lanes that join, leave, move and finish at any step give what the `bcrypt` crate gives. ASVS 11.2.1.
    #[test]
    fn equal_to_the_crate(entries in vec(entry(), 1..24), limit in 1..=MAX_LANES) {
        let mut waiting = entries.into_iter().peekable();
        let mut delay = waiting.peek().map_or(0, |entry| entry.delay);
        let mut lanes = Lanes::new();
        let mut running: Vec<(Entry, u32)> = Vec::new();
        while waiting.peek().is_some() || !running.is_empty() {
            while lanes.busy() < limit && (delay == 0 || running.is_empty()) {
                let Some(entry) = waiting.next() else { break };
                lanes.join(&entry.password, &entry.salt);
                running.push((entry, 0));
                delay = waiting.peek().map_or(0, |entry| entry.delay);
            }
            delay = delay.saturating_sub(1);
            lanes.step();
            running.iter_mut().for_each(|(_, steps)| *steps += 1);
            for lane in (0..running.len()).rev() {
                let (entry, steps) = &running[lane];
                if *steps == 1 << entry.cost {
                    let expected = oracle(&entry.password, entry.salt, entry.cost);
                    prop_assert!(lanes.finish(lane).matches(&expected), "{:?}", entry);
                    running.swap_remove(lane);
                } else if entry.leaves_after == Some(*steps) {
                    lanes.leave(lane);
                    running.swap_remove(lane);
                } else if entry.detached_after == Some(*steps) {
                    let state = lanes.detach(lane);
                    lanes.resume(&state);
                    let moved = running.swap_remove(lane);
                    running.push(moved);
                }
            }
            prop_assert_eq!(lanes.busy(), running.len());
        }
    }
}
