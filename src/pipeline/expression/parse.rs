//! Expression text to tree.

use serde_json::Value;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// `null`, `true`, `1`, `'text'`.
    Literal(Value),
    /// The name of a context.
    Name(String),
    /// `a.b` and `a['b']`.
    Index(Box<Expression>, Box<Expression>),
    /// `a.*`.
    Each(Box<Expression>),
    /// A function, by its name in lower case.
    Call(String, Vec<Expression>),
    /// `!a`.
    Not(Box<Expression>),
    /// Two operands.
    Binary(Operator, Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Whether a function that asks for the job's status occurs in it.
    pub(crate) fn asks_for_status(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Name(_) => false,
            Self::Index(of, key) => of.asks_for_status() || key.asks_for_status(),
            Self::Each(of) | Self::Not(of) => of.asks_for_status(),
            Self::Call(name, arguments) => {
                matches!(name.as_str(), "success" | "failure" | "always" | "cancelled")
                    || arguments.iter().any(Self::asks_for_status)
            }
            Self::Binary(_, left, right) => left.asks_for_status() || right.asks_for_status(),
        }
    }
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// From the loosest to the tightest; within one level from the left to the right. Longer signs first.
const LEVELS: [&[(&str, Operator)]; 4] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal)],
    &[("<=", Operator::AtMost), (">=", Operator::AtLeast), ("<", Operator::Less), (">", Operator::More)],
];

/// How many brackets may be open at once.
const DEPTH: usize = 50;

/// Reads an expression, without the braces around it.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let expression = parser.binary(0)?;
    parser.space();
    match parser.rest {
        "" => Ok(expression),
        rest => Err(format!("`{rest}` is not understood")),
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expects(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("`{sign}` is missing before `{}`", self.rest)) }
    }

    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let read = if self.takes("!") {
            self.unary().map(|of| Expression::Not(Box::new(of)))
        } else {
            self.primary().and_then(|first| self.behind(first))
        };
        self.depth -= 1;
        read
    }

    /// What follows a value: `.name`, `.*`, `['key']`.
    fn behind(&mut self, first: Expression) -> Result<Expression, String> {
        let mut read = first;
        loop {
            if self.takes(".") {
                self.space();
                read = if self.takes("*") {
                    Expression::Each(Box::new(read))
                } else {
                    let key = Expression::Literal(self.name()?.into());
                    Expression::Index(Box::new(read), Box::new(key))
                };
            } else if self.takes("[") {
                let key = self.binary(0)?;
                self.expects("]")?;
                read = Expression::Index(Box::new(read), Box::new(key));
            } else {
                return Ok(read);
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, String> {
        self.space();
        if self.takes("(") {
            let inner = self.binary(0)?;
            self.expects(")")?;
            return Ok(inner);
        }
        match self.rest.chars().next() {
            Some('\'') => self.text(),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            _ => self.word(),
        }
    }

    fn text(&mut self) -> Result<Expression, String> {
        let mut text = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let Some((before, after)) = rest.split_once('\'') else { return Err("a `'` is missing".into()) };
            text.push_str(before);
            rest = after;
            let Some(after) = rest.strip_prefix('\'') else { break };
            text.push('\'');
            rest = after;
        }
        self.rest = rest;
        Ok(Expression::Literal(text.into()))
    }

    fn number(&mut self) -> Result<Expression, String> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let length = self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len());
        let (written, rest) = self.rest.split_at(length);
        let number = super::term::number(&Value::from(written));
        self.rest = rest;
        let number = super::term::json(number).ok_or_else(|| format!("`{written}` is no number"))?;
        Ok(Expression::Literal(number))
    }

    fn name(&mut self) -> Result<String, String> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let length = self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        if name.is_empty() {
            return Err(format!("a name is missing before `{rest}`"));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn word(&mut self) -> Result<Expression, String> {
        let name = self.name()?;
        if self.takes("(") {
            return Ok(Expression::Call(name.to_lowercase(), self.arguments()?));
        }
        Ok(match name.as_str() {
            "null" => Expression::Literal(Value::Null),
            "true" => Expression::Literal(true.into()),
            "false" => Expression::Literal(false.into()),
            _ => Expression::Name(name.to_lowercase()),
        })
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, String> {
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.binary(0)?);
            if !self.takes(",") {
                break;
            }
        }
        self.expects(")")?;
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_github_says() {
        let read = parse("!a.b == 'it''s' && c['d'] || success()").unwrap();
        let index = |of: &str, key: &str| {
            let key = Box::new(Expression::Literal(key.into()));
            Box::new(Expression::Index(Box::new(Expression::Name(of.into())), key))
        };
        let equal = Expression::Binary(
            Operator::Equal,
            Box::new(Expression::Not(index("a", "b"))),
            Box::new(Expression::Literal("it's".into())),
        );
        let and = Expression::Binary(Operator::And, Box::new(equal), index("c", "d"));
        let call = Box::new(Expression::Call("success".into(), Vec::new()));
        assert_eq!(read, Expression::Binary(Operator::Or, Box::new(and), call));
        assert!(read.asks_for_status());
    }

    #[test]
    fn what_is_no_expression_says_why() {
        assert_eq!(parse("a b").unwrap_err(), "`b` is not understood");
        assert_eq!(parse("'a").unwrap_err(), "a `'` is missing");
        assert_eq!(parse("(a").unwrap_err(), "`)` is missing before ``");
        assert_eq!(parse("1x").unwrap_err(), "`1x` is no number");
        assert_eq!(parse("\"a\"").unwrap_err(), "a name is missing before `\"a\"`");
        assert!(parse(&"(".repeat(200)).unwrap_err().contains("nested too deeply"));
    }
}
