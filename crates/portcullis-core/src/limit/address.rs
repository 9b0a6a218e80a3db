use std::net::IpAddr;

/// The key under which requests of a client's address are counted.
///
/// Who has one IPv6 address commonly has the whole /64 (RFC 6177), so that is what counts. IPv4-mapped addresses
/// (RFC 4291, section 2.5.5.2), as dual-stack sockets give them, count as the IPv4 address.
///
/// ```
/// use portcullis_core::limit::address_key;
///
/// let key = |text: &str| address_key(text.parse().unwrap());
/// assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
/// assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
/// assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
/// ```
#[must_use]
pub fn address_key(address: IpAddr) -> [u8; 9] {
    let mut key = [0; 9];
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            key[0] = 4;
            key[1..5].copy_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            key[0] = 6;
            key[1..].copy_from_slice(&v6.octets()[..8]);
        }
    }
    key
}
