//! Webhooks: JSON, signed, to nobody's private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::pulse::Secret;

/// Where webhooks go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The address.
    pub url: Url,
    /// What bodies are signed with; none where they are not.
    pub secret: Option<Secret>,
    /// Whether the address may be one of a private network, or of this machine.
    pub allow_private: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// Who tells.
    pub user_agent: String,
}

/// A webhook that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It would go to a private address.
    #[error(
        "{host} is the private address {address}, and nothing is sent there: set `webhook_allow_private` = true under [notify] in the config if that is meant"
    )]
    Private {
        /// The host.
        host: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// It answers with a redirect.
    #[error(
        "{host} answers with a redirect ({status}), which is not followed: give the address that it leads to"
    )]
    Redirect {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// It answers with an error.
    #[error("{host} answers {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// It cannot be reached, or does not answer in time.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
}

impl Webhook {
    /// Delivers a body. The same delivery has the same id however often it is sent: in the header
    /// `X-Mozci-Delivery`. The signature is the HMAC-SHA-256 of the body, in hexadecimal, in
    /// `X-Mozci-Signature-256` after `sha256=`.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn deliver(&self, id: &str, body: &str) -> Result<(), WebhookError> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let unreachable = |why: String| WebhookError::Unreachable { host: host.clone(), why };
        let addresses = self.addresses().await?;
        // The connection goes to the addresses that were looked at, whatever the name stands for by
        // then, and through no proxy, which would look it up anew.
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .user_agent(&self.user_agent)
            .resolve_to_addrs(&host, &addresses)
            .build()
            .map_err(|error| unreachable(error.to_string()))?;
        let mut request = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Mozci-Delivery", id);
        if let Some(secret) = &self.secret {
            let mac = hmac_sha256::HMAC::mac(body.as_bytes(), secret.reveal().as_bytes());
            let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            request = request.header("X-Mozci-Signature-256", format!("sha256={hex}"));
        }
        let answer = request.body(body.to_owned()).send().await.map_err(|error| {
            let why = if error.is_timeout() {
                format!("no answer within {} s", self.timeout.as_secs_f32())
            } else {
                error.without_url().to_string()
            };
            unreachable(why)
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => {
                Err(WebhookError::Redirect { host, status: status.as_u16() })
            }
            status => Err(WebhookError::Status { host, status: status.as_u16() }),
        }
    }

    /// What the host stands for, none of it private unless that is allowed.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, WebhookError> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let unreachable = |why: String| WebhookError::Unreachable { host: host.clone(), why };
        let port = self.url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match self.url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => {
                let found =
                    tokio::time::timeout(self.timeout, tokio::net::lookup_host((name, port)));
                let found =
                    found.await.map_err(|_| unreachable("its name is not found in time".into()))?;
                found.map_err(|error| unreachable(error.to_string()))?.collect()
            }
            None => Vec::new(),
        };
        let private = addresses.iter().find(|address| is_private(address.ip()));
        match private {
            Some(address) if !self.allow_private => {
                Err(WebhookError::Private { host, address: address.ip() })
            }
            _ if addresses.is_empty() => Err(unreachable("it has no address".into())),
            _ => Ok(addresses),
        }
    }
}

/// Blocks of IPv4 that are not of the public Internet (IANA's special-purpose registry), with the
/// length of their prefix.
const SPECIAL_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Blocks within the global unicast addresses of IPv6 that are not of the public Internet or lead
/// to IPv4: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The global unicast addresses (RFC 4291): all else is local, mapped, translated or reserved.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address is none of the public Internet's.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        // A mapped address goes out as the one that it maps.
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(inner) => is_special_v4(inner),
            None => {
                let within = |(block, length): (Ipv6Addr, u32)| {
                    (address.to_bits() ^ block.to_bits()).leading_zeros() >= length
                };
                !within(GLOBAL_V6) || SPECIAL_V6.into_iter().any(within)
            }
        },
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|(block, length)| {
        (address.to_bits() ^ Ipv4Addr::from(*block).to_bits()).leading_zeros() >= *length
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "::",
            "fc00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.51.100.1",
            "203.0.113.9",
            "240.0.0.1",
            // NAT64, also under a prefix of its own, and translated by SIIT.
            "64:ff9b::1.1.1.1",
            "64:ff9b:1::a00:1",
            "::ffff:0:7f00:1",
            "::127.0.0.1",
            // 6to4, Teredo, ORCHID, benchmarking.
            "2002:7f00:1::",
            "2001::1",
            "2001:10::1",
            "2001:2::1",
            // Site-local, documentation, discard-only, segment routing.
            "fec0::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in
            ["1.1.1.1", "100.128.0.1", "192.0.3.1", "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1"]
        {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
