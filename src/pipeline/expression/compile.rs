//! Tree to term: known parts are computed, the others become shell.

use serde_json::Value;

use super::functions;
use super::parse::{Expression, Operator};
use super::term::{Kind, Shell, Term, number, truthy};

/// Why an expression cannot be had here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Obstacle {
    /// A lowercase fragment without a final stop.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

impl Obstacle {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Where names lead to.
pub(crate) trait Contexts {
    /// What stands under a name and its keys, such as `inputs`, `tag`.
    ///
    /// # Errors
    /// Nobody has said it, or it cannot be had here.
    fn look_up(&self, name: &str, keys: &[String]) -> Result<Term, Obstacle>;

    /// What `success()` and `failure()` say.
    fn status(&self, function: &str) -> Term;
}

/// Turns expressions into terms and keeps what was in the way.
pub(crate) struct Compiler<'c> {
    contexts: &'c dyn Contexts,
    /// What stood in the way; it matters only where the outcome is unknown.
    pub(crate) obstacles: Vec<Obstacle>,
}

impl<'c> Compiler<'c> {
    pub(crate) fn new(contexts: &'c dyn Contexts) -> Self {
        Self { contexts, obstacles: Vec::new() }
    }

    /// What an expression comes to.
    pub(crate) fn term(&mut self, expression: &Expression) -> Term {
        match expression {
            Expression::Literal(value) => Term::Known(value.clone()),
            Expression::Name(_) | Expression::Index(..) | Expression::Each(_) => self.path(expression),
            Expression::Not(of) => not(&self.term(of)),
            Expression::Call(name, arguments) => self.call(name, arguments),
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.term(left), self.term(right));
                self.binary(*operator, left, right)
            }
        }
    }

    /// Notes what cannot be had.
    pub(super) fn obstacle(&mut self, message: impl Into<String>, help: &str) -> Term {
        self.obstacles.push(Obstacle::new(message, help));
        Term::Unknown
    }

    fn path(&mut self, expression: &Expression) -> Term {
        let mut keys = Vec::new();
        match self.keys(expression, &mut keys) {
            Some(Root::Context(name)) => match self.contexts.look_up(&name, &keys) {
                Ok(term) => term,
                Err(obstacle) => {
                    self.obstacles.push(obstacle);
                    Term::Unknown
                }
            },
            Some(Root::Value(value)) => Term::Known(value),
            None => Term::Unknown,
        }
    }

    /// The keys of a path that names a context, or the value itself where it is known on the way.
    fn keys(&mut self, expression: &Expression, keys: &mut Vec<String>) -> Option<Root> {
        let (of, key) = match expression {
            Expression::Name(name) => return Some(Root::Context(name.clone())),
            Expression::Each(of) => return self.each(of).map(Root::Value),
            Expression::Index(of, key) => (of, key),
            other => return self.known(other).map(Root::Value),
        };
        let root = self.keys(of, keys)?;
        let key = self.known(key)?;
        match root {
            Root::Context(name) => {
                keys.push(super::shown(&key));
                Some(Root::Context(name))
            }
            Root::Value(value) => Some(Root::Value(functions::index(&value, &key))),
        }
    }

    /// Each item of a value, as `labels.*` says.
    fn each(&mut self, of: &Expression) -> Option<Value> {
        match self.known(of)? {
            Value::Array(items) => Some(Value::Array(items)),
            Value::Object(entries) => Some(entries.into_iter().map(|(_, value)| value).collect()),
            _ => Some(Value::Array(Vec::new())),
        }
    }

    /// The value of an expression that must be known before the job runs.
    pub(super) fn known(&mut self, expression: &Expression) -> Option<Value> {
        match self.term(expression) {
            Term::Known(value) => Some(value),
            Term::Unknown => None,
            Term::Shell(_) => {
                let help = "give the value in the scenario, under `given`, or let the command decide";
                self.obstacle("a value that is known only while the job runs cannot be looked into", help);
                None
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Term {
        match name {
            "always" => Term::Known(true.into()),
            "cancelled" => Term::Known(false.into()),
            "success" | "failure" => self.contexts.status(name),
            _ => functions::call(self, name, arguments),
        }
    }

    fn binary(&mut self, operator: Operator, left: Term, right: Term) -> Term {
        match operator {
            Operator::And => both(left, right),
            Operator::Or => either(left, right),
            Operator::Unequal => {
                let equal = self.binary(Operator::Equal, left, right);
                not(&equal)
            }
            _ if left == Term::Unknown || right == Term::Unknown => Term::Unknown,
            _ => self.compare(operator, &left, &right),
        }
    }

    fn compare(&mut self, operator: Operator, left: &Term, right: &Term) -> Term {
        let (shell, value, operator) = match (left, right) {
            (Term::Known(left), Term::Known(right)) => {
                return Term::Known(functions::compare(operator, left, right).into());
            }
            (Term::Shell(left), Term::Shell(right)) => return self.shells(operator, left, right),
            (Term::Shell(shell), Term::Known(value)) => (shell, value, operator),
            (Term::Known(value), Term::Shell(shell)) => (shell, value, turned(operator)),
            (Term::Unknown, _) | (_, Term::Unknown) => return Term::Unknown,
        };
        match (shell.kind, value, operator) {
            (Kind::Text, Value::String(text), Operator::Equal) => {
                Term::test(format!("same \"{}\" {}", shell.text, crate::pipeline::script::literal(text)))
            }
            (Kind::Truth, Value::Bool(true), Operator::Equal) => Term::Shell(shell.clone()),
            (Kind::Truth, Value::Bool(false), Operator::Equal) => not(&Term::Shell(shell.clone())),
            (Kind::Text, Value::String(_), _) | (Kind::Truth | Kind::Either, ..) => self.incomparable(),
            (Kind::Text, value, _) => self.with_number(operator, shell, number(value)),
        }
    }

    /// A text of the shell against a number: GitHub reads the text as one.
    fn with_number(&mut self, operator: Operator, shell: &Shell, number: f64) -> Term {
        if number.is_nan() {
            return Term::Known(false.into());
        }
        if number.fract() != 0.0 {
            return self.incomparable();
        }
        Term::test(format!("compare \"{}\" '{}' {number}", shell.text, sign(operator)))
    }

    fn shells(&mut self, operator: Operator, left: &Shell, right: &Shell) -> Term {
        match (left.kind, right.kind, operator) {
            (Kind::Text, Kind::Text, Operator::Equal) => {
                Term::test(format!("same \"{}\" \"{}\"", left.text, right.text))
            }
            _ => self.incomparable(),
        }
    }

    fn incomparable(&mut self) -> Term {
        let help = "give one of the values in the scenario, under `given`, or let the command decide";
        self.obstacle("two values that are known only while the job runs are not compared like this", help)
    }
}

/// What a path begins with.
enum Root {
    Context(String),
    Value(Value),
}

fn turned(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::More,
        Operator::More => Operator::Less,
        Operator::AtMost => Operator::AtLeast,
        Operator::AtLeast => Operator::AtMost,
        other => other,
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Less => "<",
        Operator::AtMost => "<=",
        Operator::More => ">",
        Operator::AtLeast => ">=",
        _ => "==",
    }
}

/// `!a`.
pub(super) fn not(of: &Term) -> Term {
    match of {
        Term::Known(value) => Term::Known((!truthy(value)).into()),
        Term::Shell(shell) => match shell.test.strip_prefix("! ") {
            Some(test) if !test.contains(' ') => Term::test(test),
            _ => Term::test(format!("! {}", shell.test)),
        },
        Term::Unknown => Term::Unknown,
    }
}

/// `a && b`: the first where it counts as false, else the second.
fn both(left: Term, right: Term) -> Term {
    match (left.truth(), right.truth()) {
        (Some(true), _) => right,
        (Some(false), _) => left,
        // Whatever the first comes to, this counts as false.
        (None, Some(false)) if left == Term::Unknown => Term::Known(false.into()),
        _ => chosen(&left, &right, "&&"),
    }
}

/// `a || b`: the first where it counts as true, else the second.
fn either(left: Term, right: Term) -> Term {
    match (left.truth(), right.truth()) {
        (Some(true), _) => left,
        (Some(false), _) => right,
        // It counts as true, but which of the two it is nobody knows: enough for a condition.
        (None, Some(true)) if left == Term::Unknown && right == Term::Known(true.into()) => right,
        _ => chosen(&left, &right, "||"),
    }
}

fn chosen(left: &Term, right: &Term, sign: &str) -> Term {
    let (Some(left), Some(right)) = (left.shell(), right.shell()) else { return Term::Unknown };
    let test = format!("{{ {} {sign} {}; }}", left.test, right.test);
    if (left.kind, right.kind) == (Kind::Truth, Kind::Truth) {
        return Term::test(test);
    }
    let (then, otherwise) = if sign == "&&" { (&right, &left) } else { (&left, &right) };
    let text = format!(
        "$(if {}; then printf %s \"{}\"; else printf %s \"{}\"; fi)",
        left.test, then.text, otherwise.text
    );
    let kind = if left.kind == right.kind { left.kind } else { Kind::Either };
    Term::Shell(Shell { text, test, kind })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::parse;
    use super::*;

    /// `inputs` is known, `env` is the shell's, of `github` only the event's labels are known, `matrix` is not.
    struct Some_;

    impl Contexts for Some_ {
        fn look_up(&self, name: &str, keys: &[String]) -> Result<Term, Obstacle> {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            match (name, &keys[..]) {
                ("inputs", ["tag"]) => Ok(Term::Known("V1".into())),
                ("inputs", ["dry"]) => Ok(Term::Known(false.into())),
                ("github", ["labels"]) => Ok(Term::Known(json!([{ "name": "a" }, { "name": "Go" }]))),
                ("env", [name]) => Ok(Term::text(format!("${{{name}-}}"))),
                _ => Err(Obstacle::new(format!("{name} {}", keys.join(".")), "")),
            }
        }

        fn status(&self, function: &str) -> Term {
            Term::test(function)
        }
    }

    fn term(text: &str) -> (Term, Vec<Obstacle>) {
        let mut compiler = Compiler::new(&Some_);
        let term = compiler.term(&parse(text).unwrap());
        (term, compiler.obstacles)
    }

    #[track_caller]
    fn known(text: &str, value: &Value) {
        assert_eq!(term(text).0, Term::Known(value.clone()), "{text}");
    }

    #[test]
    fn what_is_known_is_computed_as_github_does() {
        known("inputs.tag == 'v1' && !inputs.dry", &json!(true));
        known("inputs.dry == 'false'", &json!(false));
        known("inputs.dry == ''", &json!(true));
        known("inputs.dry && 'a' || 'b'", &json!("b"));
        known("inputs.tag != '' && 'a' || 'b'", &json!("a"));
        known("'10' > 9", &json!(true));
        known("null == 0", &json!(true));
        known("contains(github.labels.*.name, 'go')", &json!(true));
        known("fromJSON('[{\"name\": \"a\"}]')[0].name", &json!("a"));
        known("fromJSON('[1, 2]')[1]", &json!(2));
        known("format('{0}-{1} {{x}}', inputs.tag, 7)", &json!("V1-7 {x}"));
        known("join(fromJSON('[\"a\",\"b\"]'), '+')", &json!("a+b"));
        known("toJSON(inputs.dry)", &json!("false"));
        known("startsWith(inputs.tag, 'v') && endsWith('abc', 'BC')", &json!(true));
        known("always() && !cancelled()", &json!(true));
    }

    /// What a real shell makes of the text and the test.
    fn run(text: &str, environment: &[(&str, &str)]) -> (String, bool) {
        let (term, obstacles) = term(text);
        let shell = term.shell().unwrap_or_else(|| panic!("{obstacles:?}"));
        let runner = include_str!("../github/runner.sh");
        let script = format!("status=failure\nprintf '%s\\n' \"{}\"\n{}", shell.text, shell.test);
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &format!("eval \"$1\"\n{script}"), "job", runner]).env_clear();
        let output = bash.env("PATH", "/usr/bin:/bin").envs(environment.iter().copied()).output().unwrap();
        assert!(output.stderr.is_empty(), "{text}: {output:?}");
        (String::from_utf8(output.stdout).unwrap().trim_end().to_owned(), output.status.success())
    }

    #[test]
    fn what_is_not_known_becomes_shell_that_says_the_same() {
        let go = [("A", "Go"), ("N", "10")];
        for (text, said, holds) in [
            ("env.A", "Go", true),
            ("env.B", "", false),
            ("env.A == 'go'", "true", true),
            ("env.A != 'go'", "false", false),
            ("env.B || 'other'", "other", true),
            ("env.A == 'go' && 'yes' || 'no'", "yes", true),
            ("env.A == 'x' && 'yes' || 'no'", "no", true),
            ("env.N > 9", "true", true),
            ("9 < env.N", "true", true),
            ("env.N == 10", "true", true),
            ("env.A == 0", "false", false),
            ("env.B == 0", "true", true),
            ("env.B == null", "true", true),
            ("env.A == true", "false", false),
            ("failure() && env.A", "Go", true),
            ("success() || env.B == 'x'", "false", false),
            ("!success()", "true", true),
            ("!(env.A == 'go')", "false", false),
            ("contains(env.A, 'G')", "true", true),
            ("contains(fromJSON('[\"go\", \"x\"]'), env.A)", "true", true),
            ("startsWith(env.A, 'g')", "true", true),
            ("endsWith(env.A, 'x')", "false", false),
            ("format('{0}/{1}', env.A, inputs.tag)", "Go/V1", true),
        ] {
            assert_eq!(run(text, &go), (said.to_owned(), holds), "{text}");
        }
        assert_eq!(run("env.A", &[("A", "$(id) \"`id`\" '\\")]).0, "$(id) \"`id`\" '\\");
    }

    #[test]
    fn what_nobody_has_said_matters_only_where_it_decides() {
        known("inputs.dry && matrix.x", &json!(false));
        known("matrix.x && inputs.dry", &json!(false));
        known("matrix.x == 'a' || true", &json!(true));
        let (term, obstacles) = term("matrix.x == 'a' && inputs.tag");
        assert_eq!((term, obstacles[0].message.as_str()), (Term::Unknown, "matrix x"));
    }
}
