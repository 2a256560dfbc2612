//! Ports: `[[ip:]host:]container[/protocol]`, single or as ranges. The host's part is checked and
//! dropped, because the engine chooses.

use std::ops::RangeInclusive;

use super::model::Port;
use super::read::Reader;
use super::values;
use crate::yaml::{Node, Value};

/// The ports of a service, each once and in order.
pub(super) fn ports(reader: &mut Reader<'_>, list: &Node) -> Vec<Port> {
    let mut ports = Vec::new();
    for item in reader.items(list) {
        match item.value {
            Value::Mapping(_) => ports.extend(long(reader, item)),
            _ => ports.extend(reader.parsed(item, short).into_iter().flatten()),
        }
    }
    ports.sort();
    ports.dedup();
    ports
}

/// The exposed ports of a service as `port/protocol`, each once and in order.
pub(super) fn exposed(reader: &mut Reader<'_>, list: &Node) -> Vec<String> {
    let mut ports = Vec::new();
    for item in reader.items(list) {
        ports.extend(reader.parsed(item, container).into_iter().flatten());
    }
    ports.sort();
    ports.dedup();
    ports.into_iter().map(|port| format!("{}/{}", port.target, port.protocol)).collect()
}

fn long(reader: &mut Reader<'_>, item: &Node) -> Option<Port> {
    let target = reader.need(item, "target", |reader, node| reader.parsed(node, number));
    let protocol = reader.at(item, "protocol", |reader, node| reader.parsed(node, protocol));
    reader.at(item, "published", |reader, node| reader.parsed(node, |text| host_range(text).map(|_| ())));
    Some(Port { target: target?, protocol: protocol.unwrap_or_else(|| "tcp".to_owned()) })
}

fn short(text: &str) -> Result<Vec<Port>, String> {
    // The address may be an IPv6 one in brackets, so the container's part is taken from the end.
    let (host, inner) = text.rsplit_once(':').map_or((None, text), |(host, inner)| (Some(host), inner));
    let ports = container(inner)?;
    let Some(host) = host else { return Ok(ports) };
    let published = host.rsplit_once(':').map_or_else(
        || if host.parse::<std::net::IpAddr>().is_ok() { "" } else { host },
        |(_, published)| published,
    );
    if published.is_empty() {
        return Ok(ports);
    }
    let published = host_range(published)?.count();
    if ports.len() != 1 && published != ports.len() {
        return Err(format!(
            "`{text}` publishes {published} ports of the host for {} of the container",
            ports.len()
        ));
    }
    Ok(ports)
}

fn container(text: &str) -> Result<Vec<Port>, String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = self::protocol(protocol)?;
    Ok(range(ports)?.map(|target| Port { target, protocol: protocol.clone() }).collect())
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last { Err(format!("the range `{text}` runs backwards")) } else { Ok(first..=last) }
}

/// A range of the host's ports, where 0 lets the engine choose.
fn host_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    if text == "0" { Ok(0..=0) } else { range(text) }
}

fn number(text: &str) -> Result<u16, String> {
    match values::integer(text) {
        Ok(0) => Err("0 is no port of a container".to_owned()),
        Ok(port) => Ok(port),
        Err(_) => {
            Err(format!("`{text}` is not a port; write for example 8080, 8080:80 or 127.0.0.1:53:53/udp"))
        }
    }
}

fn protocol(text: &str) -> Result<String, String> {
    match text {
        "tcp" | "udp" | "sctp" => Ok(text.to_owned()),
        _ => Err(format!("unknown protocol `{text}`; known are tcp, udp and sctp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        short(text).map(|ports| ports.iter().map(|p| format!("{}/{}", p.target, p.protocol)).collect())
    }

    #[test]
    fn the_hosts_part_is_dropped() {
        for (text, ports) in [
            ("3000", &["3000/tcp"][..]),
            ("3000-3002", &["3000/tcp", "3001/tcp", "3002/tcp"]),
            ("8000:80", &["80/tcp"]),
            ("9090-9091:8080-8081", &["8080/tcp", "8081/tcp"]),
            ("8000-9000:80", &["80/tcp"]),
            ("127.0.0.1:8001:8001", &["8001/tcp"]),
            ("127.0.0.1::5000", &["5000/tcp"]),
            ("127.0.0.1:5000", &["5000/tcp"]),
            ("[::1]:6000:6000", &["6000/tcp"]),
            ("6060:6060/udp", &["6060/udp"]),
            ("0:80", &["80/tcp"]),
        ] {
            assert_eq!(
                shown(text).as_deref(),
                Ok(&ports.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for (text, message) in [
            ("x", "`x` is not a port"),
            ("70000", "`70000` is not a port"),
            ("80:", "`` is not a port"),
            ("a:80", "`a` is not a port"),
            ("80/tpc", "unknown protocol `tpc`"),
            ("82-80", "the range `82-80` runs backwards"),
            ("1-3:80-81", "`1-3:80-81` publishes 3 ports of the host for 2 of the container"),
            ("0", "0 is no port of a container"),
        ] {
            assert!(short(text).unwrap_err().starts_with(message), "{text}: {:?}", short(text));
        }
    }
}
