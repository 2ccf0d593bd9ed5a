//! Addresses of machines, alone or as a network.

use std::{fmt, net::IpAddr, str::FromStr};

/// One address, or all that begin with the same bits: `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                own.to_bits() ^ other.to_bits() <= u32::MAX.checked_shr(self.bits).unwrap_or(0)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                own.to_bits() ^ other.to_bits() <= u128::MAX.checked_shr(self.bits).unwrap_or(0)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address and no network such as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).map_err(|_| wrong())?.to_canonical();
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(bits_max), str::parse).map_err(|_| wrong())?;
        if bits > bits_max {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network: Network = network.parse().unwrap();
        for address in inside {
            assert!(network.contains(address.parse().unwrap()), "{address} in {network}");
        }
        for address in outside {
            assert!(!network.contains(address.parse().unwrap()), "{address} not in {network}");
        }
    }

    #[test]
    fn networks_hold_what_begins_with_their_bits() {
        check("10.0.0.0/8", &["10.0.0.0", "10.255.1.2", "::ffff:10.1.1.1"], &["11.0.0.0", "::1"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.6"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::"]);
        check("fd00::/8", &["fd00::1", "fdff::"], &["fe00::", "10.0.0.1"]);
        check("::/0", &["::", "ffff::"], &["127.0.0.1"]);
        for wrong in ["", "a", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
