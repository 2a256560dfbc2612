//! Workflow commands of GitHub Actions: each remark becomes an annotation of its line.

use crate::lint::model::{Class, Remark};
use crate::lint::unit::Linted;

/// One line per remark that nobody has allowed.
pub fn render(linted: &Linted) -> String {
    linted.remarks.iter().filter(|remark| remark.allowed.is_none()).map(line).collect()
}

fn line(remark: &Remark) -> String {
    let level = match remark.class {
        Class::Reversible | Class::NeedsKeptData => "notice",
        Class::Unknown => "warning",
        Class::Lossy | Class::Irreversible => "error",
    };
    let file = property(&remark.at.file);
    let title = property(&format!("{} ({})", remark.class.words(), remark.rule));
    let (line, column) = (remark.at.line, remark.at.column);
    let message = data(&format!("{}: {}. Instead: {}", remark.message, remark.why, remark.instead));
    format!("::{level} file={file},line={line},col={column},title={title}::{message}\n")
}

/// What may stand behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What may stand between commas.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::report::sarif::tests::linted;

    #[test]
    fn a_remark_is_an_annotation_of_its_line() {
        let text = render(&linted());
        let beginning =
            "::error file=m/up%2C1.sql,line=2,col=1,title=lossy (drop-table)::drops table `a`: its";
        assert!(text.starts_with(beginning), "{text}");
        assert_eq!(text.lines().count(), 1, "what is allowed is no annotation: {text}");
        assert_eq!(data("50%\nmore"), "50%25%0Amore");
    }
}
