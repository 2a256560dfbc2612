//! The head of an HTTP/1.1 message: where it ends, its first line, and the fields that say where the
//! message ends (RFC 9112, sections 2 to 6).

/// The longest method that is taken for one, in bytes; what is longer is another protocol.
const METHOD: usize = 32;

/// How far the end of a head has been sought, so that no byte is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Scan {
    seen: usize,
    line: usize,
    in_fields: bool,
}

/// Which first line a head has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A request line.
    Request,
    /// A status line.
    Response,
}

impl Scan {
    /// Whether no byte of a head has been seen.
    pub(super) fn is_fresh(&self) -> bool {
        self.seen == 0
    }

    /// The length of the head in front, its empty line included, when it has come in full. The first
    /// line is judged as soon as it is there: a client of another protocol may wait after it.
    pub(super) fn find(&mut self, bytes: &[u8], side: Side) -> Result<Option<usize>, String> {
        while let Some(&byte) = bytes.get(self.seen) {
            let at = self.seen;
            let after_return = at > self.line && bytes[at - 1] == b'\r';
            if byte != b'\n' && after_return {
                return Err("a carriage return inside a line".to_owned());
            }
            if is_control(byte) {
                return Err("a control character in a head".to_owned());
            }
            self.seen += 1;
            if byte != b'\n' {
                self.beginning(&bytes[..=at], side)?;
                continue;
            }
            if trimmed(&bytes[self.line..at]).is_empty() {
                return Ok(Some(self.seen));
            }
            self.first_line(&bytes[self.line..at], side)?;
            self.line = self.seen;
        }
        Ok(None)
    }

    /// Judges an unfinished first line: nobody may have to wait for the end of what is none.
    fn beginning(&self, line: &[u8], side: Side) -> Result<(), String> {
        if self.in_fields || line.len() > METHOD + 1 {
            return Ok(());
        }
        match side {
            Side::Request if line.contains(&b' ') => Ok(()),
            Side::Request if line.len() <= METHOD && line.iter().all(|byte| is_token(*byte)) => Ok(()),
            Side::Request => Err("no HTTP request".to_owned()),
            Side::Response if line.iter().zip(b"HTTP/").all(|(one, other)| one == other) => Ok(()),
            Side::Response => Err("no HTTP response".to_owned()),
        }
    }

    fn first_line(&mut self, line: &[u8], side: Side) -> Result<(), String> {
        if self.in_fields {
            return Ok(());
        }
        self.in_fields = true;
        match side {
            Side::Request => request_line(line).map(|_| ()),
            Side::Response => status_line(line).map(|_| ()),
        }
    }
}

/// How many bytes of empty lines stand in front; RFC 9112, section 2.2, lets them be ignored.
pub(super) fn blank(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// A request line.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) old: bool,
}

/// Reads `METHOD target HTTP/1.1`.
pub(super) fn request_line(line: &[u8]) -> Result<Request<'_>, String> {
    let mut parts = trimmed(line).split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("no HTTP request line".to_owned());
    };
    if method.is_empty() || target.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err("no HTTP request line".to_owned());
    }
    Ok(Request { method, target, old: is_old(version)? })
}

/// A status line.
#[derive(Debug)]
pub(super) struct Status<'a> {
    pub(super) code: u16,
    pub(super) reason: &'a [u8],
    pub(super) old: bool,
}

/// Reads `HTTP/1.1 200 OK`; the reason may be missing, and the space before it too.
pub(super) fn status_line(line: &[u8]) -> Result<Status<'_>, String> {
    let mut parts = trimmed(line).splitn(3, |byte| *byte == b' ');
    let (Some(version), Some(digits)) = (parts.next(), parts.next()) else {
        return Err("no HTTP status line".to_owned());
    };
    let old = is_old(version)?;
    let &[first @ b'1'..=b'9', second @ b'0'..=b'9', third @ b'0'..=b'9'] = digits else {
        return Err("no HTTP status".to_owned());
    };
    let digit = |byte: u8| u16::from(byte - b'0');
    let code = digit(first) * 100 + digit(second) * 10 + digit(third);
    Ok(Status { code, reason: parts.next().unwrap_or_default(), old })
}

/// Whether it is HTTP/1.0; an error when it is no version of HTTP/1.
fn is_old(version: &[u8]) -> Result<bool, String> {
    match version {
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(false),
        [b'H', b'T', b'T', b'P', b'/', ..] => Err("a version of HTTP other than 1".to_owned()),
        _ => Err("no version of HTTP".to_owned()),
    }
}

/// What the fields say about where the message ends.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) length: Option<u64>,
    pub(super) coded: bool,
    pub(super) chunked: bool,
    pub(super) expects: bool,
}

/// Reads the fields of a whole head, without its first line.
pub(super) fn fields(head: &[u8]) -> Result<Fields, String> {
    let mut fields = Fields::default();
    let mut framing = false;
    let mut first = true;
    for line in head.split(|byte| *byte == b'\n').skip(1).map(trimmed).take_while(|line| !line.is_empty()) {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            // An obsolete fold continues the value above; it matters only where that value does.
            if framing || first {
                return Err("a fold where the end of the message is said".to_owned());
            }
            continue;
        }
        first = false;
        framing = fields.read(line)?;
    }
    match fields {
        Fields { length: Some(_), coded: true, .. } => {
            Err("both Content-Length and Transfer-Encoding".to_owned())
        }
        fields => Ok(fields),
    }
}

impl Fields {
    /// Takes in one line; whether it is one that matters here.
    fn read(&mut self, line: &[u8]) -> Result<bool, String> {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err("a field without a colon".to_owned());
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err("a field name that is no name".to_owned());
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.content_length(value)?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding(value)?;
        } else if name.eq_ignore_ascii_case(b"expect") {
            self.expects |= value.eq_ignore_ascii_case(b"100-continue");
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Equal lengths may be repeated (RFC 9110, section 8.6).
    fn content_length(&mut self, value: &[u8]) -> Result<(), String> {
        for one in value.split(|byte| *byte == b',') {
            let length = decimal(one.trim_ascii()).ok_or("a Content-Length that is no number")?;
            if self.length.is_some_and(|other| other != length) {
                return Err("two values of Content-Length".to_owned());
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), String> {
        self.coded = true;
        for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            if self.chunked && !coding.is_empty() {
                return Err("a Transfer-Encoding that goes on after chunked".to_owned());
            }
            self.chunked |= is_chunked;
        }
        Ok(())
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
}

/// A line without its carriage return.
fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

/// A character of a method or a field name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
