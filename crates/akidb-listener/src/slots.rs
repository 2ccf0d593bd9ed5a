//! How many connections there may be, and of whom.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use akidb_core::{Error, ErrorCode};
use akidb_service::counted_address;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{ListenerOptions, Network};

/// How many times more connections this machine itself may have than another one.
const LOOPBACK_FACTOR: usize = 8;

/// Connections beyond the caps, of which only health routes are answered. When one more comes, the
/// oldest of them is closed: who asks for health is answered long before 64 others have come.
const RESERVED: usize = 64;

/// The connections of one listener, and the requests of clients behind proxies.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    table: Arc<Mutex<Table>>,
    max: usize,
    max_per_client: usize,
    proxies: Arc<[Network]>,
}

#[derive(Debug, Default)]
struct Table {
    served: usize,
    by_client: HashMap<IpAddr, usize>,
    reserved: VecDeque<(u64, Arc<Notify>)>,
    next_reserved: u64,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    table: Arc<Mutex<Table>>,
    place: SlotHolder,
}

#[derive(Debug)]
enum SlotHolder {
    /// A connection that is served, and whom it counts for.
    Connection(Option<IpAddr>),
    /// A request of a client that is behind a proxy.
    Request(IpAddr),
    Reserved(u64),
}

/// A connection beyond the caps.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// What is answered on every route but those of health.
    pub(crate) refused: Error,
    /// Wakes when the place is needed for another connection.
    pub(crate) evicted: Arc<Notify>,
}

impl Slots {
    pub(crate) fn new(options: &ListenerOptions) -> Self {
        Self {
            table: Arc::default(),
            max: options.max_connections,
            max_per_client: options.connections_per_ip,
            proxies: options.trusted_proxies.clone().into(),
        }
    }

    /// A place for a connection from this address; one beyond the caps is reserved for health.
    pub(crate) fn connection(&self, address: IpAddr) -> (Slot, Option<Reserved>) {
        // A proxy speaks for many, each of whom is counted by its requests.
        let client = (!self.is_proxy(address)).then(|| counted_address(address));
        let mut table = self.table.lock();
        let refused = if table.served >= self.max {
            Some(overloaded(format!("{} connections are open (server.max_connections)", self.max)))
        } else {
            client.and_then(|client| table.count(client, self.max_of(client)).err())
        };
        let Some(refused) = refused else {
            table.served += 1;
            return (self.slot(SlotHolder::Connection(client)), None);
        };
        if table.reserved.len() >= RESERVED
            && let Some((_, oldest)) = table.reserved.pop_front()
        {
            oldest.notify_one();
        }
        let (number, evicted) = (table.next_reserved, Arc::new(Notify::new()));
        table.next_reserved += 1;
        table.reserved.push_back((number, evicted.clone()));
        (self.slot(SlotHolder::Reserved(number)), Some(Reserved { refused, evicted }))
    }

    /// A place for a request of a client that a proxy names.
    pub(crate) fn request(&self, client: IpAddr) -> Result<Slot, Error> {
        let client = counted_address(client);
        self.table.lock().count(client, self.max_of(client))?;
        Ok(self.slot(SlotHolder::Request(client)))
    }

    /// Whether what an address says of its own clients is believed.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    fn max_of(&self, client: IpAddr) -> usize {
        match client.is_loopback() {
            true => self.max_per_client.saturating_mul(LOOPBACK_FACTOR),
            false => self.max_per_client,
        }
    }

    fn slot(&self, place: SlotHolder) -> Slot {
        Slot { table: self.table.clone(), place }
    }
}

impl Table {
    fn count(&mut self, client: IpAddr, max: usize) -> Result<(), Error> {
        let count = self.by_client.entry(client).or_default();
        if *count >= max {
            let message =
                format!("{max} connections of this address are open (server.connections_per_ip)");
            return Err(overloaded(message));
        }
        *count += 1;
        Ok(())
    }

    fn release(&mut self, client: IpAddr) {
        if let Some(count) = self.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&client);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        match self.place {
            SlotHolder::Connection(client) => {
                table.served -= 1;
                client.into_iter().for_each(|client| table.release(client));
            }
            SlotHolder::Request(client) => table.release(client),
            SlotHolder::Reserved(number) => table.reserved.retain(|(other, _)| *other != number),
        }
    }
}

fn overloaded(message: String) -> Error {
    Error::new(ErrorCode::Overloaded, message).with_retry_after(std::time::Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(max: usize, per_ip: usize, proxies: &[&str]) -> Slots {
        Slots::new(&ListenerOptions {
            max_connections: max,
            connections_per_ip: per_ip,
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            ..ListenerOptions::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of so many connections are served.
    fn served(slots: &Slots, addresses: impl Iterator<Item = IpAddr>) -> usize {
        let taken: Vec<_> = addresses.map(|address| slots.connection(address)).collect();
        taken.iter().filter(|(_, reserved)| reserved.is_none()).count()
    }

    #[test]
    fn each_address_has_its_share_and_loopback_more() {
        let slots = slots(100, 3, &[]);
        assert_eq!(served(&slots, (0..9).map(|_| ip("192.0.2.1"))), 3);
        assert_eq!(served(&slots, (0..9).map(|_| ip("::ffff:192.0.2.1"))), 3);
        assert_eq!(served(&slots, (0..99).map(|_| ip("127.0.0.1"))), 24);
        assert_eq!(served(&slots, (0..99).map(|_| ip("::1"))), 24);
        assert_eq!(served(&slots, (0..9).map(|i| ip(&format!("2001:db8::{i}")))), 3);
        assert_eq!(served(&slots, (0..9).map(|i| ip(&format!("2001:db8:0:{i}::1")))), 9);
        assert_eq!(served(&slots, (0..200).map(|i| ip(&format!("192.0.2.{i}")))), 100);
        let table = slots.table.lock();
        assert!(table.by_client.is_empty() && table.reserved.is_empty() && table.served == 0);
    }

    #[test]
    fn the_oldest_reserved_connection_makes_room() {
        let slots = slots(0, 1, &[]);
        let taken: Vec<_> = (0..=RESERVED).map(|_| slots.connection(ip("192.0.2.1"))).collect();
        let evicted = |(_, reserved): &(Slot, Option<Reserved>)| {
            let evicted = &reserved.as_ref().unwrap().evicted;
            futures::FutureExt::now_or_never(evicted.notified()).is_some()
        };
        assert!(evicted(&taken[0]));
        assert!(!taken[1..].iter().any(evicted));
    }

    #[test]
    fn clients_behind_a_proxy_are_counted_each() {
        let slots = slots(100, 2, &["10.0.0.0/8"]);
        assert_eq!(served(&slots, (0..50).map(|_| ip("10.0.0.1"))), 50);
        let held: Vec<_> = (0..2).map(|_| slots.request(ip("192.0.2.1")).unwrap()).collect();
        let error = slots.request(ip("192.0.2.1")).unwrap_err();
        assert!(error.message.contains("connections_per_ip") && error.code.retryable());
        assert!(slots.request(ip("192.0.2.2")).is_ok());
        drop(held);
        assert!(slots.request(ip("192.0.2.1")).is_ok());
    }
}
