//! The greeting, the handshake response, and what both sides agreed on.

use super::packet::Fields;

/// Capability flags, as in "Connection Phase: capabilities" of both manuals.
pub(super) mod flag {
    /// CLIENT_MYSQL: not MariaDB, so that there are no extended capabilities.
    pub(crate) const MYSQL: u64 = 1;
    /// CLIENT_COMPRESS.
    pub(crate) const COMPRESS: u64 = 1 << 5;
    /// CLIENT_PROTOCOL_41.
    pub(crate) const PROTOCOL_41: u64 = 1 << 9;
    /// CLIENT_SSL.
    pub(crate) const SSL: u64 = 1 << 11;
    /// CLIENT_MULTI_STATEMENTS.
    pub(crate) const MULTI_STATEMENTS: u64 = 1 << 16;
    /// CLIENT_DEPRECATE_EOF.
    pub(crate) const DEPRECATE_EOF: u64 = 1 << 24;
    /// CLIENT_OPTIONAL_RESULTSET_METADATA, MySQL's.
    pub(crate) const OPTIONAL_METADATA: u64 = 1 << 25;
    /// CLIENT_ZSTD_COMPRESSION_ALGORITHM, MySQL's.
    pub(crate) const ZSTD: u64 = 1 << 26;
    /// CLIENT_QUERY_ATTRIBUTES, MySQL's.
    pub(crate) const QUERY_ATTRIBUTES: u64 = 1 << 27;
    /// MARIADB_CLIENT_PROGRESS.
    pub(crate) const PROGRESS: u64 = 1 << 32;
    /// MARIADB_CLIENT_CACHE_METADATA.
    pub(crate) const CACHE_METADATA: u64 = 1 << 36;
}

/// What is taken out of the greeting, so that the conversation can be read.
const UNREADABLE: u64 = flag::SSL | flag::COMPRESS | flag::ZSTD;

/// What the server says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Greeting<'a> {
    /// The version, such as `5.5.5-10.11.19-MariaDB`.
    pub(super) version: &'a [u8],
    /// What it is capable of.
    pub(super) capabilities: u64,
    /// Its status flags.
    pub(super) status: u16,
    /// Where the two low bytes of the capabilities are in the payload.
    low: usize,
}

impl<'a> Greeting<'a> {
    /// Reads the payload of protocol version 10.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(payload);
        if fields.byte()? != 10 {
            return None;
        }
        let version = fields.terminated()?;
        // The connection's number, the first part of the scramble, and a NUL.
        fields.take(4 + 8 + 1)?;
        let low_at = payload.len() - fields.rest().len();
        let low = fields.u16()?;
        fields.byte()?;
        let status = fields.u16()?;
        let high = fields.u16()?;
        let mut capabilities = u64::from(low) | u64::from(high) << 16;
        fields.take(1 + 6)?;
        if capabilities & flag::MYSQL == 0 {
            capabilities |= u64::from(fields.u32()?) << 32;
        }
        Some(Self { version, capabilities, status, low: low_at })
    }

    /// Whether it offers what cannot be read.
    pub(super) fn is_unreadable(&self) -> bool {
        self.capabilities & UNREADABLE != 0
    }

    /// The packet without those offers, as long as before.
    pub(super) fn readable(&self, packet: &[u8]) -> Vec<u8> {
        let [low, low2, high, high2, ..] = UNREADABLE.to_le_bytes();
        let mut altered = packet.to_vec();
        let at = super::packet::HEADER + self.low;
        for (at, taken) in [(at, low), (at + 1, low2), (at + 5, high), (at + 6, high2)] {
            altered[at] &= !taken;
        }
        altered
    }
}

/// The client's answer to the greeting, its first 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Response {
    /// What the client wants.
    pub(super) capabilities: u64,
}

/// The length of the part of a handshake response that is read; an SSLRequest is no longer.
pub(super) const RESPONSE: usize = 32;

impl Response {
    /// Reads the beginning of the payload.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(payload);
        let low = u64::from(fields.u32()?);
        // The largest packet, the character set, and what nobody uses.
        fields.take(4 + 1 + 19)?;
        let high = u64::from(fields.u32()?);
        Some(Self { capabilities: if low & flag::MYSQL == 0 { low | high << 32 } else { low } })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A greeting of MariaDB with these capabilities.
    pub(crate) fn greeting(capabilities: u64) -> Vec<u8> {
        let bytes = capabilities.to_le_bytes();
        let mut payload = b"\x0a5.5.5-10.11.19-MariaDB\0\x07\0\0\0abcdefgh\0".to_vec();
        payload.extend(&bytes[..2]);
        payload.extend([0x2d, 2, 0]);
        payload.extend(&bytes[2..4]);
        payload.push(21);
        payload.extend([0; 6]);
        payload.extend(&bytes[4..]);
        payload.extend(b"ijklmnopqrst\0mysql_native_password\0");
        payload
    }

    #[test]
    fn a_greeting_loses_what_cannot_be_read_and_nothing_else() {
        let wanted = flag::PROTOCOL_41 | flag::DEPRECATE_EOF | flag::CACHE_METADATA;
        let payload = greeting(UNREADABLE | wanted);
        let read = Greeting::read(&payload).unwrap();
        assert_eq!((read.capabilities, read.status), (UNREADABLE | wanted, 2));
        assert!(read.is_unreadable());
        let packet = [&[payload.len() as u8, 0, 0, 0], payload.as_slice()].concat();
        assert_eq!(read.readable(&packet)[4..], greeting(wanted));
    }

    #[test]
    fn what_is_cut_short_is_no_greeting() {
        let payload = greeting(flag::PROTOCOL_41);
        for end in 0..payload.len() - 36 {
            assert_eq!(Greeting::read(&payload[..end]), None, "{end}");
        }
    }
}
