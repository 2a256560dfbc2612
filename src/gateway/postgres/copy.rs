//! The rows of a COPY toward the server. The line of column names that HEADER announces is one.
//!
//! Source: PostgreSQL documentation, "COPY", File Formats.

/// How rows end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// At a newline that no backslash takes its meaning.
    #[default]
    Text,
    /// At a newline outside double quotes.
    Csv,
    /// Rows are not counted.
    Binary,
}

/// Counts rows up to the one to stop at.
#[derive(Debug, Default)]
pub(super) struct Rows {
    stop: Option<u64>,
    passed: u64,
    format: Format,
    /// Inside quotes (CSV), or behind a backslash (text).
    inside: bool,
    due: bool,
}

impl Rows {
    /// Stops once when so many rows have been passed, counted from the beginning of a COPY, or from now
    /// if rows are being passed already: they are counted only when there is a row to stop at.
    pub(super) fn stop_at(&mut self, row: Option<u64>) {
        self.stop = row;
        self.due = false;
    }

    /// Another COPY begins.
    pub(super) fn begin(&mut self, format: Format) {
        *self = Self { stop: self.stop, format, ..Self::default() };
    }

    /// Whether rows have to be counted.
    pub(super) fn is_counting(&self) -> bool {
        self.stop.is_some() && self.format != Format::Binary
    }

    /// The row that was reached, once.
    pub(super) fn take_due(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.due) {
            return None;
        }
        self.stop.take()
    }

    /// Whether a row was reached that has not been told.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// How many of these bytes may pass: all, or those up to the row to stop at.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> usize {
        if !self.is_counting() {
            return bytes.len();
        }
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match self.format {
                Format::Text => self.text(*byte),
                Format::Csv => self.csv(*byte),
                Format::Binary => false,
            };
            if ends {
                self.passed += 1;
                self.due = self.stop == Some(self.passed);
            }
            if self.due {
                return at + 1;
            }
        }
        bytes.len()
    }

    fn text(&mut self, byte: u8) -> bool {
        let escaped = std::mem::replace(&mut self.inside, false);
        self.inside = byte == b'\\' && !escaped;
        byte == b'\n' && !escaped
    }

    /// With the default quote; a doubled quote ends and begins.
    fn csv(&mut self, byte: u8) -> bool {
        self.inside ^= byte == b'"';
        byte == b'\n' && !self.inside
    }
}
