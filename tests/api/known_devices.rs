//! Devices and networks that users have logged in from, as the store remembers them.

use std::time::Duration;

use vestibule::store::known_devices::{self, Familiar};

use crate::records;
use crate::support::TestApp;

/// What is known of a client before its password is checked.
#[tokio::test]
async fn devices_and_networks_are_known_once_they_have_logged_in() {
    let app = TestApp::spawn().await;
    let id = app.register("ada").await;
    let id = vestibule::ids::UserId(records::id(&id));
    let now = app.services.now();
    let (device, network, other) = ([1; 32], [2; 32], [3; 32]);
    let since = now.minus(Duration::from_secs(60));
    let seen = app
        .services
        .db
        .write(async move |tx| {
            let first = known_devices::see(tx, id, &device, &network, now).await?;
            let mut looks = Vec::new();
            for (user, device, network) in [
                (Some(id), device, network),
                (Some(id), device, other),
                (Some(id), other, network),
                (None, device, network),
                (None, device, other),
            ] {
                looks.push(known_devices::look(tx, user, &device, &network, since).await?);
            }
            looks.push(known_devices::look(tx, None, &device, &network, now).await?);
            let second = known_devices::see(tx, id, &device, &other, now).await?;
            looks.push(known_devices::look(tx, Some(id), &device, &other, since).await?);
            for number in 0..=known_devices::MOST {
                let mut new = [9; 32];
                new[..8].copy_from_slice(&number.to_be_bytes());
                let later = now.plus(Duration::from_secs(1));
                known_devices::see(tx, id, &new, &other, later).await?;
            }
            looks.push(known_devices::look(tx, Some(id), &device, &other, since).await?);
            Ok::<_, vestibule::store::db::Error>((first, second, looks))
        })
        .await
        .expect("writes");
    let (first, second, looks) = seen;
    assert_eq!((first, second), (false, true));
    let known = |device, place, network| Familiar {
        device,
        place,
        network,
    };
    let expected = [
        known(true, true, true),
        known(true, false, false),
        known(false, false, true),
        known(false, false, true),
        known(false, false, false),
        known(false, false, false),
        known(true, true, true),
        known(false, false, true),
    ];
    assert_eq!(looks, expected);
    let sql = "SELECT count(*) FROM known_devices";
    assert_eq!(records::count(&app, sql, &[]).await, known_devices::MOST);
}
