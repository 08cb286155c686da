use futures_util::FutureExt;

use super::*;

fn connections(max: usize, trusted: &[&str]) -> Arc<Connections> {
    let trusted = trusted
        .iter()
        .map(|network| network.parse().expect("a network"))
        .collect();
    Arc::new(Connections::new(max, trusted))
}

fn open(connections: &Arc<Connections>, peer: &str) -> Place {
    try_open(connections, peer).expect("a place")
}

fn try_open(connections: &Arc<Connections>, peer: &str) -> Option<Place> {
    let peer = peer.parse().expect("an address");
    connections.place(peer).now_or_never()
}

fn has_lost(place: &Place) -> bool {
    place.connection.taken().now_or_never().is_some()
}

/// Opens one from each address, one after the other.
fn open_all(connections: &Arc<Connections>, peers: impl IntoIterator<Item = String>) -> Vec<Place> {
    let peers = peers.into_iter();
    peers.map(|peer| open(connections, &peer)).collect()
}

#[track_caller]
fn expect_lost(places: &[Place], expected: &[usize]) {
    let lost: Vec<usize> = (0..places.len())
        .filter(|index| has_lost(&places[*index]))
        .collect();
    assert_eq!(lost, expected);
}

#[test]
fn one_address_may_hold_everything_while_nobody_else_comes() {
    let connections = connections(100, &[]);
    let places = open_all(&connections, (0..100).map(|_| "192.0.2.1".to_owned()));
    expect_lost(&places, &[]);
    assert_eq!((connections.open(), connections.closed()), (100, 0));
    drop(places);
    assert_eq!(connections.open(), 0);
    assert!(connections.all_ended().now_or_never().is_some());
}

#[test]
fn a_newcomer_gets_the_place_of_the_idlest_connection_of_who_holds_most() {
    let connections = connections(4, &[]);
    let hog = open_all(&connections, (0..3).map(|_| "192.0.2.1".to_owned()));
    let neighbor = open(&connections, "192.0.2.2");
    drop(hog[0].work());
    let newcomer = open(&connections, "203.0.113.1");
    expect_lost(&hog, &[1]);
    let another = open(&connections, "192.0.2.3");
    expect_lost(&hog, &[2]);
    assert!(!has_lost(&neighbor) && !has_lost(&newcomer) && !has_lost(&another));
    assert_eq!(connections.closed(), 2);
}

#[test]
fn who_holds_most_makes_room_for_itself() {
    let connections = connections(4, &[]);
    let others = open_all(&connections, (1..=2).map(|part| format!("203.0.{part}.1")));
    let hog = open_all(&connections, (0..10).map(|_| "192.0.2.1".to_owned()));
    expect_lost(&hog, &[0, 1, 2, 3, 4, 5, 6, 7]);
    expect_lost(&others, &[]);
}

#[test]
fn a_connection_at_work_is_closed_after_those_that_wait() {
    let connections = connections(3, &[]);
    let hog = open_all(&connections, (0..3).map(|_| "192.0.2.1".to_owned()));
    let (first, second) = (hog[0].work(), hog[1].work());
    let _one = open(&connections, "203.0.113.1");
    expect_lost(&hog, &[2]);
    // The body of the second one does not come.
    let wait = hog[1].activity().wait();
    let two = open(&connections, "198.51.100.1");
    expect_lost(&hog, &[1]);
    assert!(!has_lost(&two));
    drop((wait, first, second));
}

#[test]
fn among_equals_the_idlest_is_closed() {
    let connections = connections(50, &[]);
    let places = open_all(&connections, (0..50).map(|part| format!("10.{part}.0.1")));
    for place in places
        .iter()
        .filter(|place| !std::ptr::eq(*place, &places[17]))
    {
        drop(place.work());
    }
    let newcomer = open(&connections, "203.0.113.1");
    expect_lost(&places, &[17]);
    let other = open(&connections, "203.1.113.1");
    assert!(!has_lost(&newcomer) && !has_lost(&other));
}

/// Each /64 holds one connection, and the /48 around them nearly all.
#[test]
fn addresses_of_one_ipv6_network_count_together() {
    for network in [
        "2001:db8:1:{}::1",
        "2001:db8:1:1:{}::",
        "2001:db8:1:{}00::1",
    ] {
        let connections = connections(64, &[]);
        let client = open(&connections, "2001:db8:2::1");
        let other = open(&connections, "192.0.2.1");
        let hog = (0..100).map(|part| network.replace("{}", &format!("{part:x}")));
        let hog = open_all(&connections, hog.filter(|it| it.parse::<IpAddr>().is_ok()));
        assert!(!has_lost(&client) && !has_lost(&other), "{network}");
        let newcomers = open_all(&connections, (1..=9).map(|it| format!("2001:db8:{it}f::1")));
        expect_lost(&newcomers, &[]);
        assert!(hog.iter().filter(|place| has_lost(place)).count() >= 9);
    }
}

/// A neighbor in the same /48 is not taken for the one that holds most there.
#[test]
fn inside_a_network_the_smaller_one_that_holds_most_gives() {
    for (hog, neighbor, newcomer) in [
        ("2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:300::1"),
        ("192.0.2.1", "192.0.2.2", "192.0.3.3"),
    ] {
        let connections = connections(9, &[]);
        let neighbor = open(&connections, neighbor);
        let hog = open_all(&connections, (0..8).map(|_| hog.to_owned()));
        let newcomer = open(&connections, newcomer);
        expect_lost(&hog, &[0]);
        assert!(!has_lost(&neighbor) && !has_lost(&newcomer));
    }
}

#[test]
fn an_address_inside_ipv6_is_the_same_client() {
    let levels = |ip: &str| Levels::of(ip.parse().expect("an address"));
    assert_eq!(levels("::ffff:192.0.2.1"), levels("192.0.2.1"));
    assert_ne!(levels("192.0.2.1"), levels("192.0.2.2"));
    assert_eq!(
        levels("2001:db8::1"),
        levels("2001:db8::ffff:ffff:ffff:ffff")
    );
}

#[test]
fn connections_of_a_trusted_proxy_are_kept() {
    let connections = connections(8, &["10.0.0.0/8"]);
    let proxy = open_all(&connections, (0..6).map(|_| "10.0.0.1".to_owned()));
    let hog = open_all(&connections, (0..2).map(|_| "192.0.2.1".to_owned()));
    let more = open(&connections, "10.0.0.2");
    expect_lost(&hog, &[0]);
    let last = open(&connections, "192.0.2.9");
    expect_lost(&hog, &[1]);
    expect_lost(&proxy, &[]);
    assert!(!has_lost(&more) && !has_lost(&last));
}

/// A proxy opens another connection where one ends; a request under way it could not repeat.
#[test]
fn where_proxies_hold_everything_one_without_work_gives_or_the_newcomer_waits() {
    let connections = connections(2, &["10.0.0.0/8"]);
    let mut proxy = open_all(&connections, (0..2).map(|_| "10.0.0.1".to_owned()));
    let work = proxy[0].work();
    let third = open(&connections, "10.0.0.2");
    let third_work = third.work();
    assert!(!has_lost(&proxy[0]) && has_lost(&proxy[1]));
    assert!(try_open(&connections, "192.0.2.1").is_none());
    assert!(try_open(&connections, "10.0.0.1").is_none());
    drop((work, third_work));
    proxy.remove(1);
    drop(open(&connections, "192.0.2.1"));
    assert!(has_lost(&proxy[0]), "the idlest");
}

/// The sockets of those that lost their places are still open until their tasks have seen it.
#[test]
fn sockets_on_their_way_out_are_bounded() {
    let connections = connections(1, &[]);
    let mut places = open_all(&connections, (0..=LEAVING).map(|_| "192.0.2.1".to_owned()));
    assert!(try_open(&connections, "203.0.113.1").is_none());
    places.remove(0);
    open(&connections, "203.0.113.1");
    places.clear();
    assert_eq!(connections.open(), 0);
}

/// Whatever comes and goes, the tree is what a count of all would say, and empty at the end.
#[test]
fn the_tree_keeps_count_of_all_that_come_and_go() {
    let connections = connections(300, &[]);
    let mut places = std::collections::VecDeque::new();
    let mut random: u32 = 1;
    for _ in 0..20_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, d] = random.to_be_bytes();
        if d % 5 == 0 {
            places.pop_front();
        } else {
            let peer = match d % 2 {
                0 => format!("10.{}.{}.{}", a % 3, b % 3, c % 5),
                _ => format!("2001:db8:{}:{}0{}::1", a % 3, b % 3, c % 3),
            };
            places.push_back(open(&connections, &peer));
        }
        while places.len() > 320 {
            let index = usize::from(a) % places.len();
            places.swap_remove_back(index);
        }
        assert!(connections.lock().len() <= 300);
        assert!(connections.open() == places.len());
    }
    drop(places);
    let held = connections.lock();
    assert!(held.clients.is_empty(), "something is left");
}

/// The search for the idlest is bounded, and comes round.
#[test]
fn a_long_list_is_searched_in_parts() {
    let connections = connections(10_000, &[]);
    let hog = open_all(&connections, (0..10_000).map(|_| "192.0.2.1".to_owned()));
    for place in &hog[..9_999] {
        drop(place.work());
    }
    for part in 0..3 {
        std::mem::forget(open(&connections, &format!("203.0.{part}.1")));
    }
    assert!(has_lost(&hog[9_999]), "the idlest is found in the end");
    assert_eq!(connections.closed(), 3);
}
