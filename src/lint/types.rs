//! Whether one type holds every value of another.

/// What becomes of values of one type in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Every value is held, and can be read back.
    Holds,
    /// Some are cut, rounded or refused.
    Loses,
    /// Not known here.
    Unknown,
}

/// What becomes of values of the type `from` in the type `to`; both as they are written, flattened.
pub(super) fn fit(from: &str, to: &str) -> Fit {
    let (from, to) = (Type::of(from), Type::of(to));
    if from == to {
        return Fit::Holds;
    }
    if let (Some(less), Some(more)) = (from.integer(), to.integer()) {
        return held(less <= more && from.unsigned == to.unsigned);
    }
    if let (Some(less), Some(more)) = (from.characters(), to.characters()) {
        return held(less <= more);
    }
    if let (Some((kind, less)), Some((other, more))) = (from.bytes(), to.bytes()) {
        return if kind == other { held(less <= more) } else { Fit::Unknown };
    }
    match (from.name.as_str(), to.name.as_str()) {
        // Its blanks at the end are not read back.
        ("character", _) => Fit::Unknown,
        ("json", "jsonb")
        | ("double precision", "real")
        | ("timestamp" | "timestamptz" | "datetime", "date") => Fit::Loses,
        ("varbinary" | "binary", "blob" | "mediumblob" | "longblob") => Fit::Holds,
        ("varbinary", "varbinary") => held(from.limit() <= to.limit()),
        (_, "text" | "mediumtext" | "longtext") => Fit::Holds,
        ("real", "double precision") | ("date", "timestamp") | ("jsonb", "json") => Fit::Holds,
        ("numeric", "numeric") => held(from.digits_fit(&to)),
        (_, "numeric") if from.integer().is_some() => {
            if to.arguments.is_empty() {
                Fit::Holds
            } else {
                Fit::Unknown
            }
        }
        ("numeric" | "real" | "double precision", _) if to.integer().is_some() => Fit::Loses,
        ("text", _) if to.characters().is_some() => Fit::Loses,
        ("enum", "enum") => held(to.arguments.starts_with(&from.arguments)),
        _ => Fit::Unknown,
    }
}

/// Whether PostgreSQL refuses a value that does not fit into the type `to`, and changes none that does: whole numbers
/// and texts have no cast that cuts them, but where it is written out.
pub(super) fn is_refused(from: Option<&str>, to: &str, is_written_out: bool) -> bool {
    let to = Type::of(to);
    let Some(from) = from.map(Type::of) else { return to.name == "varchar" };
    if from.integer().is_some() && to.integer().is_some() {
        return true;
    }
    let is_text = |of: &Type| ["text", "varchar"].contains(&of.name.as_str());
    // Out of a text nothing is made without a word.
    to.name == "varchar" || is_text(&from) && !is_text(&to) && to.name != "character" && !is_written_out
}

fn held(fits: bool) -> Fit {
    if fits { Fit::Holds } else { Fit::Loses }
}

/// A type by its plain name.
#[derive(Debug, PartialEq, Eq)]
struct Type {
    name: String,
    arguments: Vec<String>,
    unsigned: bool,
}

impl Type {
    fn of(written: &str) -> Self {
        let (name, rest) = written.split_once('(').unwrap_or((written, ""));
        let (arguments, behind) = rest.split_once(')').unwrap_or((rest, ""));
        let unsigned = written.ends_with("unsigned");
        let name = format!("{}{}", name.trim(), behind.trim_start_matches(" unsigned"));
        let name = match name.trim().trim_end_matches(" unsigned") {
            "int" | "int4" | "serial" => "integer",
            "int2" | "smallserial" => "smallint",
            "int8" | "bigserial" => "bigint",
            "decimal" | "dec" => "numeric",
            "float4" => "real",
            "float" | "float8" | "double" => "double precision",
            "character varying" | "nvarchar" => "varchar",
            "char" | "bpchar" => "character",
            "bool" => "boolean",
            "timestamp with time zone" => "timestamptz",
            "timestamp without time zone" => "timestamp",
            other => other,
        };
        let arguments =
            arguments.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
        let mut of = Self { name: name.to_owned(), arguments: arguments.collect(), unsigned };
        // The width in `INT(11)` is only how it is shown.
        if of.integer().is_some() {
            of.arguments.clear();
        }
        of
    }

    /// The limit that is its first argument.
    fn limit(&self) -> u32 {
        self.arguments.first().and_then(|limit| limit.parse().ok()).unwrap_or(u32::MAX)
    }

    /// The bytes of a whole number.
    fn integer(&self) -> Option<u8> {
        let sizes = [("tinyint", 1), ("smallint", 2), ("mediumint", 3), ("integer", 4), ("bigint", 8)];
        sizes.iter().find(|(name, _)| *name == self.name).map(|(_, size)| *size)
    }

    /// The kind of a text or of bytes without a limit of its own in MariaDB, by which it holds more or less.
    fn bytes(&self) -> Option<(bool, u8)> {
        let sizes = [("tiny", 1), ("", 2), ("medium", 3), ("long", 4)];
        let of = |kind: &str| {
            sizes.iter().find(|(size, _)| self.name == format!("{size}{kind}")).map(|(_, size)| *size)
        };
        of("blob").map(|size| (true, size)).or_else(|| of("text").map(|size| (false, size)))
    }

    /// The most characters of a text that has a limit.
    fn characters(&self) -> Option<u32> {
        let unlimited = u32::MAX;
        match self.name.as_str() {
            "varchar" => self.arguments.first().map_or(Some(unlimited), |limit| limit.parse().ok()),
            _ => None,
        }
    }

    /// Whether a number with this many digits fits into another one.
    fn digits_fit(&self, to: &Self) -> bool {
        let digits = |of: &Self| {
            let mut parts = of.arguments.iter().map(|part| part.parse::<i64>().unwrap_or(0));
            parts.next().map(|all| (all, parts.next().unwrap_or(0)))
        };
        match (digits(self), digits(to)) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some((all, behind)), Some((more, after))) => after >= behind && more - after >= all - behind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Fit, pairs: &[(&str, &str)]) {
        for (from, to) in pairs {
            assert_eq!(fit(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn a_wider_type_holds_every_value() {
        check(
            Fit::Holds,
            &[
                ("int", "bigint"),
                ("int4", "integer"),
                ("serial", "bigint"),
                ("varchar(10)", "varchar(20)"),
                ("character varying(10)", "varchar"),
                ("varchar(10)", "text"),
                ("numeric(10,2)", "numeric(12,2)"),
                ("numeric(10,2)", "numeric"),
                ("integer", "numeric"),
                ("real", "double precision"),
                ("uuid", "text"),
                ("int(11)", "int(5)"),
                ("enum('a','b')", "enum('a','b','c')"),
                ("blob", "mediumblob"),
                ("tinytext", "text"),
                ("varchar(9)", "mediumtext"),
                ("varbinary(10)", "varbinary(20)"),
                ("varbinary(10)", "blob"),
            ],
        );
    }

    #[test]
    fn a_narrower_type_does_not() {
        check(
            Fit::Loses,
            &[
                ("bigint", "int"),
                ("varchar(20)", "varchar(10)"),
                ("varchar", "varchar(10)"),
                ("text", "varchar(10)"),
                ("numeric(10,2)", "numeric(10,4)"),
                ("numeric(10,2)", "numeric(10,1)"),
                ("numeric", "numeric(10,2)"),
                ("numeric", "integer"),
                ("double precision", "real"),
                ("timestamp with time zone", "date"),
                ("json", "jsonb"),
                ("int unsigned", "int"),
                ("enum('a','b')", "enum('b','a')"),
                ("longblob", "mediumblob"),
                ("mediumtext", "text"),
                ("varbinary(20)", "varbinary(10)"),
            ],
        );
    }

    #[test]
    fn of_the_rest_nobody_knows() {
        check(
            Fit::Unknown,
            &[("text", "uuid"), ("char(3)", "text"), ("timestamp", "timestamptz"), ("mood", "int")],
        );
    }
}
