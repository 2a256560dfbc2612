//! Address ranges for a run's networks: pieces of one configurable range that neither the host routes
//! elsewhere nor another network of the engine uses (S22). Pure but for reading the host's routes.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A range of IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    /// The range that networks are cut from unless it is configured otherwise.
    pub const USUAL: Self = Self { base: 0x0AD5_0000, prefix: 16 };

    /// Its first address and prefix length; the host part is cut off.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { base: u32::from(address) & mask(prefix), prefix }
    }

    /// Whether they share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let wider = mask(self.prefix.min(other.prefix));
        self.base & wider == other.base & wider
    }

    /// An address near its end, counted from the last one that a host may have.
    pub(super) fn address_from_end(self, number: u32) -> Ipv4Addr {
        let last = self.base | !mask(self.prefix);
        Ipv4Addr::from(last - 1 - number)
    }

    /// Its pieces: 256 addresses each, fewer where the range itself is small.
    pub fn pieces(self) -> impl Iterator<Item = Self> + Clone {
        let prefix = if self.prefix <= 20 { 24 } else { (self.prefix + 4).min(28) };
        let prefix = prefix.max(self.prefix);
        let size = 1u32 << (32 - prefix);
        (0..1u32 << (prefix - self.prefix))
            .map(move |number| Self { base: self.base + number * size, prefix })
    }

    /// Its pieces that nothing in `taken` overlaps, beginning somewhere in the middle so that two
    /// runners rarely try the same.
    pub(super) fn free(self, taken: &[Self], start: u64) -> Vec<Self> {
        let pieces: Vec<Self> = self.pieces().collect();
        let middle = usize::try_from(start % pieces.len() as u64).unwrap_or(0);
        let rotated = pieces[middle..].iter().chain(&pieces[..middle]).copied();
        rotated.filter(|piece| !taken.iter().any(|used| used.overlaps(*piece))).collect()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an IPv4 range such as 10.213.0.0/16");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if !(8..=28).contains(&prefix) {
            return Err(format!("`{text}` does not hold from 16 to 16 million addresses: use /8 to /28"));
        }
        Ok(Self::new(address, prefix))
    }
}

/// The ranges that the host routes somewhere, its default route apart.
pub(super) fn routed() -> Vec<Subnet> {
    parse_routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
}

/// Addresses in the kernel's table are hexadecimal, in the byte order of the machine.
fn parse_routes(table: &str) -> Vec<Subnet> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| u32::from_str_radix(fields.get(index)?, 16).ok();
        let (base, mask) = (number(1)?.swap_bytes(), number(7)?.swap_bytes());
        let prefix = u8::try_from(mask.count_ones()).ok()?;
        (prefix > 0).then(|| Subnet::new(Ipv4Addr::from(base), prefix))
    };
    table.lines().skip(1).filter_map(route).collect()
}

fn mask(prefix: u8) -> u32 {
    if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subnet(text: &str) -> Subnet {
        let (address, prefix) = text.split_once('/').unwrap();
        Subnet::new(address.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn s22_the_usual_range_has_256_pieces_and_a_small_one_has_16() {
        assert_eq!(Subnet::USUAL.to_string(), "10.213.0.0/16");
        assert_eq!(Subnet::USUAL.pieces().count(), 256);
        assert_eq!(Subnet::USUAL.pieces().nth(3).unwrap().to_string(), "10.213.3.0/24");
        assert_eq!(subnet("10.0.0.0/24").pieces().count(), 16);
        assert_eq!(subnet("10.0.0.0/28").pieces().count(), 1);
        assert_eq!("10.9.8.7/24".parse::<Subnet>().unwrap().to_string(), "10.9.8.0/24");
        for wrong in ["10.0.0.0", "10.0.0/8", "10.0.0.0/x", "::1/64", "10.0.0.0/30", "10.0.0.0/2"] {
            assert!(wrong.parse::<Subnet>().unwrap_err().contains(wrong));
        }
    }

    #[test]
    fn s22_pieces_in_use_are_left_out() {
        let taken = [subnet("10.213.0.0/17"), subnet("10.213.200.128/25"), subnet("172.17.0.0/16")];
        let free = Subnet::USUAL.free(&taken, 300);
        assert_eq!(free.len(), 127);
        assert_eq!(free[0].to_string(), "10.213.128.0/24", "44 is taken, the next free one is 128");
        assert!(Subnet::USUAL.free(&[subnet("10.0.0.0/8")], 0).is_empty());
    }

    #[test]
    fn s22_the_hosts_routes_are_read_from_the_kernel() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let routes: Vec<String> = parse_routes(table).iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["172.17.0.0/16", "10.213.0.0/16"]);
    }

    proptest! {
        #[test]
        fn free_pieces_overlap_nothing_and_each_other_never(base in any::<u32>(), prefix in 8u8..=32, start in any::<u64>()) {
            let taken = [Subnet::new(Ipv4Addr::from(base), prefix), subnet("10.213.4.0/22")];
            let free = Subnet::USUAL.free(&taken, start);
            for (index, piece) in free.iter().enumerate() {
                prop_assert!(taken.iter().all(|used| !used.overlaps(*piece)));
                prop_assert!(free[index + 1..].iter().all(|other| !other.overlaps(*piece)));
            }
            prop_assert!(free.len() <= 252);
        }
    }
}
