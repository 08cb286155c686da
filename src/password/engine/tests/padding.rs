//! Steps beyond a hash's own cost.

use super::*;

fn padded(client: u128, cost: u32, padded_to: u32) -> Job {
    Job {
        padded_to,
        ..job(client, cost)
    }
}

#[test]
fn a_padded_hash_takes_the_steps_of_the_higher_cost_and_keeps_its_digest() {
    let engine = start(1, 3);
    for (cost, padded_to, steps) in [
        (4, 0, 16),
        (4, 7, 128),
        (6, 7, 128),
        (7, 7, 128),
        (8, 7, 256),
    ] {
        let before = engine.snapshot().steps_done;
        let digest = finish(queue(&engine, padded(1, cost, padded_to))).unwrap();
        assert!(digest.matches(&expected(1, cost)), "cost {cost}");
        assert_eq!(
            engine.snapshot().steps_done - before,
            steps,
            "{cost} to {padded_to}"
        );
    }
}

#[test]
fn a_padded_hash_waits_as_its_steps() {
    let engine = start_held(settings(1, 1));
    let waiting = queue(&engine, padded(1, 4, 10));
    assert_eq!(engine.shared.lock().queue.work(), 1 << 10);
    release(&engine);
    assert!(finish(waiting).unwrap().matches(&expected(1, 4)));
}
