//! Who is let in.

use super::*;

/// Work for about an hour at any speed that a test machine may have.
fn hours_of_work(engine: &Engine) -> u32 {
    let hour = Duration::from_secs(3600);
    (20..=ENDLESS)
        .find(|cost| engine.shared.pace.time_for(1 << cost) > hour)
        .unwrap_or(ENDLESS)
}

#[test]
fn a_job_that_would_wait_too_long_is_refused_without_hashing() {
    let engine = start_held(EngineSettings {
        max_wait: Duration::from_secs(60),
        ..settings(1, 2)
    });
    engine.reference();
    let cost = hours_of_work(&engine);
    let free = [queue(&engine, job(1, cost)), queue(&engine, job(1, cost))];
    let EngineError::Overloaded { retry_after } = refusal(&engine, job(1, 4)) else {
        panic!("refused for another reason");
    };
    let wait = engine.shared.pace.time_for(2 << cost);
    assert_eq!(retry_after, wait - Duration::from_secs(60));
    assert_eq!(engine.snapshot().refused, 1);
    assert_eq!(engine.snapshot().hashes_done, 0);
    assert_eq!(engine.snapshot().queued, 2);
    drop(free);
    drop(queue(&engine, job(1, 4)));
}

#[test]
fn work_in_the_lanes_counts_as_wait() {
    let engine = Engine::start(EngineSettings {
        max_wait: Duration::from_secs(60),
        ..settings(1, 1)
    })
    .unwrap();
    engine.reference();
    let endless = queue(&engine, job(1, ENDLESS));
    eventually("it has a lane", || engine.snapshot().lanes_busy == 1);
    let error = refusal(&engine, job(2, 4));
    assert!(matches!(error, EngineError::Overloaded { .. }), "{error:?}");
    drop(endless);
    eventually("the lane is left", || engine.snapshot().lanes_busy == 0);
    assert!(finish(queue(&engine, job(2, 4))).is_ok());
}

#[test]
fn a_flood_from_one_client_leaves_others_their_turn() {
    let engine = start_held(EngineSettings {
        max_wait: Duration::from_secs(3600),
        ..settings(1, 1)
    });
    engine.reference();
    // Each job is a quarter to a half of `max_wait`.
    let cost = hours_of_work(&engine) - 2;
    let mut flood = Vec::new();
    while engine
        .shared
        .pace
        .time_for(engine.shared.lock().queue.work())
        <= Duration::from_secs(3600)
    {
        flood.push(queue(&engine, job(1, cost)));
    }
    refusal(&engine, job(1, cost));
    let other = queue(&engine, job(2, cost));
    // Many addresses together meet the bound of the whole queue.
    let mut crowd = Vec::new();
    let refused = (3..20).find(|client| {
        let mut pending: Pending<'_> = Box::pin(engine.digest(job(*client, cost)));
        let ready = poll(&mut pending).is_ready();
        crowd.push(pending);
        ready
    });
    assert!(refused.is_some());
    let all = engine
        .shared
        .pace
        .time_for(engine.shared.lock().queue.work());
    assert!(all <= Duration::from_secs(3 * 3600), "{all:?}");
    drop(other);
}

#[test]
fn a_cost_above_the_limit_is_refused() {
    let engine = Engine::start(EngineSettings {
        max_cost: 12,
        ..settings(1, 1)
    })
    .unwrap();
    let error = refusal(&engine, job(1, 13));
    assert_eq!(error, EngineError::CostTooHigh { cost: 13, max: 12 });
    assert_eq!(engine.snapshot().refused, 1);
}

#[test]
fn the_background_queue_is_bounded() {
    let engine = start_held(settings(1, 1));
    let waiting: Vec<_> = (0..256).map(|_| queue(&engine, background(1, 4))).collect();
    let error = refusal(&engine, background(1, 4));
    assert!(matches!(error, EngineError::Overloaded { .. }), "{error:?}");
    let person = queue(&engine, job(1, 4));
    drop((waiting, person));
    assert_eq!(engine.snapshot().background_queued, 0);
}

/// Far more is offered than fits: every job that is let in is answered, the others are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_overload_all_that_is_let_in_is_done() {
    let engine = Arc::new(
        Engine::start(EngineSettings {
            max_wait: Duration::from_millis(20),
            ..settings(1, 4)
        })
        .unwrap(),
    );
    let offers: Vec<_> = (0..40)
        .map(|client| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let mut done = 0;
                for _ in 0..20 {
                    match engine.digest(job(client, 8)).await {
                        Ok(digest) => {
                            assert!(digest.matches(&expected(client, 8)));
                            done += 1;
                        }
                        Err(error) => {
                            assert!(matches!(error, EngineError::Overloaded { .. }), "{error}");
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for offer in offers {
        done += offer.await.unwrap();
    }
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.hashes_done, done);
    assert_eq!(snapshot.refused, 40 * 20 - done);
    assert!(snapshot.refused > 0 && done >= 4, "{snapshot:?}");
    assert_eq!((snapshot.queued, snapshot.cancelled), (0, 0));
}
