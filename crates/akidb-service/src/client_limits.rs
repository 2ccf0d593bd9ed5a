//! How much one key and one address may ask, through both doors together.
//!
//! A rate is kept by the generic cell rate algorithm (ITU-T I.371): as many requests as a minute allows may
//! come at once, and then one each time that its share of the minute is over. Out of scope: how many
//! connections there may be, which listeners bound, and what one request may ask.

mod rate_table;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use akidb_core::{Error, ErrorCode, Limits, Result};
use governor::clock::{Clock, DefaultClock};
use parking_lot::Mutex;

use self::rate_table::RateTable;
use crate::{
    Principal,
    principal::{Grant, OWN},
    service::RETRY_AFTER_OVERLOAD,
};

/// What keys and addresses have sent of late, held against what they may.
pub(crate) struct ClientLimits<C: Clock = DefaultClock> {
    /// Requests a minute of a key that has no rate of its own.
    per_user: Option<NonZeroU32>,
    /// The keys of each rate. There are as many rates as keys have been given.
    users: Mutex<HashMap<NonZeroU32, Arc<RateTable<String, C>>>>,
    addresses: Option<RateTable<IpAddr, C>>,
    /// Requests of one key at once; 0 for no limit.
    running_max: usize,
    running: Mutex<HashMap<String, usize>>,
    clock: C,
}

/// A request of a key that runs, until it is dropped.
pub(crate) struct RunningOf<'l> {
    running: &'l Mutex<HashMap<String, usize>>,
    key: String,
}

impl<C: Clock + Clone> ClientLimits<C> {
    pub(crate) fn new(limits: &Limits, clock: C) -> Self {
        let per_address = rate_of(limits.rate_limit_per_ip);
        Self {
            per_user: rate_of(limits.rate_limit_per_user),
            users: Mutex::default(),
            addresses: per_address.map(|rate| RateTable::new(rate, clock.clone())),
            running_max: limits.concurrent_requests_per_user,
            running: Mutex::default(),
            clock,
        }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which one more may come.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<()> {
        let Some(table) = &self.addresses else { return Ok(()) };
        table.check(&counted_address(address)).map_err(|wait| {
            let rate = table.rate();
            let message =
                format!("{address} sends more than {rate} requests a minute (rate_limit_per_ip)");
            limited(message, wait)
        })
    }

    /// Counts a request of a key.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which one more may come.
    pub(crate) fn check_user(&self, principal: &Principal) -> Result<()> {
        let Some(grant) = limited_grant(principal) else { return Ok(()) };
        let (rate, whose) = match (grant.requests_per_minute, self.per_user) {
            (Some(own), _) => (own, "requests_per_minute of the key"),
            (None, Some(of_all)) => (of_all, "rate_limit_per_user"),
            (None, None) => return Ok(()),
        };
        let table = Arc::clone(
            self.users
                .lock()
                .entry(rate)
                .or_insert_with(|| Arc::new(RateTable::new(rate, self.clock.clone()))),
        );
        table.check(&grant.key).map_err(|wait| {
            let key = &grant.key;
            limited(
                format!("the key {key} sends more than {rate} requests a minute ({whose})"),
                wait,
            )
        })
    }

    /// A place for a request of a key among those that it has running.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(crate) fn begin(&self, principal: &Principal) -> Result<Option<RunningOf<'_>>> {
        let grant = limited_grant(principal).filter(|_| self.running_max > 0);
        let Some(grant) = grant else { return Ok(None) };
        let key = grant.key.clone();
        let mut running = self.running.lock();
        let count = running.entry(key.clone()).or_default();
        if *count >= self.running_max {
            let max = self.running_max;
            let message =
                format!("the key {key} has {max} requests running (concurrent_requests_per_user)");
            return Err(limited(message, RETRY_AFTER_OVERLOAD));
        }
        *count += 1;
        Ok(Some(RunningOf { running: &self.running, key }))
    }
}

impl Drop for RunningOf<'_> {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        if let Some(count) = running.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.key);
            }
        }
    }
}

/// What one address counts as. A customer of a provider has an IPv6 network of 64 bits at least, and could
/// send each request from another address of it.
#[must_use]
pub fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !(u128::from(u64::MAX))).into()
        }
        address => address,
    }
}

/// The key whose requests are counted. Whoever starts the node for a moment and for itself is alone with it.
fn limited_grant(principal: &Principal) -> Option<&Grant> {
    principal.grant().filter(|grant| grant.key != OWN)
}

/// A rate of the configuration, where there is one.
fn rate_of(per_minute: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(per_minute).unwrap_or(u32::MAX))
}

fn limited(message: String, wait: Duration) -> Error {
    Error::new(ErrorCode::RateLimited, message).with_retry_after(wait)
}
