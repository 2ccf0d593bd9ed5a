use akidb_core::{CollectionScope, Role};
use governor::clock::FakeRelativeClock;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn key(name: &str, requests_per_minute: Option<u32>) -> Principal {
    Principal::of(Grant {
        key: name.to_owned(),
        role: Role::Read,
        collections: CollectionScope::All,
        requests_per_minute: requests_per_minute.and_then(NonZeroU32::new),
    })
}

fn limits(
    per_user: usize,
    per_ip: usize,
    running: usize,
) -> (ClientLimits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let limits = Limits {
        rate_limit_per_user: per_user,
        rate_limit_per_ip: per_ip,
        concurrent_requests_per_user: running,
        ..Limits::default()
    };
    (ClientLimits::new(&limits, clock.clone()), clock)
}

fn wait_of(result: Result<()>) -> Duration {
    let error = result.unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited, "{error}");
    error.retry_after.unwrap()
}

#[test]
fn a_minute_of_requests_may_come_at_once_and_then_one_at_a_time() {
    let (limits, clock) = limits(60, 0, 0);
    let shop = key("shop", None);
    for _ in 0..60 {
        limits.check_user(&shop).unwrap();
    }
    assert_eq!(wait_of(limits.check_user(&shop)), SECOND);
    clock.advance(SECOND / 2);
    assert_eq!(wait_of(limits.check_user(&shop)), SECOND / 2);
    clock.advance(SECOND / 2);
    limits.check_user(&shop).unwrap();
    wait_of(limits.check_user(&shop));
    clock.advance(SECOND * 60);
    for _ in 0..60 {
        limits.check_user(&shop).unwrap();
    }
    wait_of(limits.check_user(&shop));
}

#[test]
fn keys_do_not_count_for_each_other_and_one_may_have_a_rate_of_its_own() {
    let (limits, _) = limits(2, 0, 0);
    let users = [key("a", None), key("b", None), key("slow", Some(1)), key("fast", Some(5))];
    for (user, allowed) in users.iter().zip([2, 2, 1, 5]) {
        for _ in 0..allowed {
            limits.check_user(user).unwrap();
        }
        wait_of(limits.check_user(user));
    }
    let message = limits.check_user(&users[2]).unwrap_err().message;
    assert_eq!(
        message,
        "the key slow sends more than 1 requests a minute (requests_per_minute of the key)"
    );
    let message = limits.check_user(&users[0]).unwrap_err().message;
    assert_eq!(message, "the key a sends more than 2 requests a minute (rate_limit_per_user)");
}

#[test]
fn without_a_limit_and_without_a_key_nothing_is_counted() {
    let (unlimited, _) = limits(0, 0, 0);
    let (limited, _) = limits(1, 1, 1);
    for _ in 0..1_000 {
        unlimited.check_user(&key("a", None)).unwrap();
        unlimited.check_address([10, 0, 0, 1].into()).unwrap();
        for nobody in [Principal::default(), Principal::NODE, key(OWN, None)] {
            limited.check_user(&nobody).unwrap();
            assert!(limited.begin(&nobody).unwrap().is_none());
        }
    }
    assert!(unlimited.users.lock().is_empty());
}

#[test]
fn a_network_of_64_bits_counts_as_one_address() {
    let (limits, _) = limits(0, 2, 0);
    for address in ["2001:db8::1", "2001:db8::ffff:2", "10.0.0.1", "::ffff:10.0.0.1", "::1"] {
        limits.check_address(address.parse().unwrap()).unwrap();
    }
    for address in ["2001:db8::3", "10.0.0.1"] {
        wait_of(limits.check_address(address.parse().unwrap()));
    }
    limits.check_address("2001:db8:0:1::1".parse().unwrap()).unwrap();
}

#[test]
fn addresses_that_are_long_gone_are_forgotten() {
    let (limits, clock) = limits(0, 1, 0);
    let table = limits.addresses.as_ref().unwrap();
    for number in 0..100_000_u32 {
        clock.advance(SECOND);
        limits.check_address(number.to_be_bytes().into()).unwrap();
        assert!(table.remembered() <= 1_025, "{number}: {}", table.remembered());
    }
    // Whoever is within its minute is not.
    wait_of(limits.check_address(99_999_u32.to_be_bytes().into()));
}

#[test]
fn a_key_has_so_many_requests_running_and_no_more() {
    let (limits, _) = limits(0, 0, 2);
    let (a, b) = (key("a", None), key("b", None));
    let first = limits.begin(&a).unwrap();
    let second = limits.begin(&a).unwrap();
    let refused = limits.begin(&a).err().unwrap();
    assert_eq!((refused.code, refused.retry_after), (ErrorCode::RateLimited, Some(SECOND)));
    drop(limits.begin(&b).unwrap());
    drop(first);
    drop(limits.begin(&a).unwrap());
    drop(second);
    assert!(limits.running.lock().is_empty());
}
