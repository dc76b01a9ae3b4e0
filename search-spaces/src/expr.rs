//! The expression language of templates: one grammar for constraints, conditions and strategies.
//!
//! ```text
//! or      := and ( "or" and )*
//! and     := not ( "and" not )*
//! not     := "not" not | compare
//! compare := sum ( ("<" | "<=" | ">" | ">=" | "==" | "!=") sum )?
//! sum     := product ( ("+" | "-") product )*
//! product := unary ( ("*" | "/") unary )*
//! unary   := "-" unary | placed
//! placed  := primary ( "@" ( timeframe | text ) )*
//! primary := number | text | "true" | "false" | name ( "(" or ("," or)* ")" )? | "(" or ")"
//! ```
//!
//! This file knows the grammar only. What a name stands for, and which kinds of value an operator
//! takes, is the business of the reader: [`crate::Constraint`] for points, the backtester for
//! price series.

use std::fmt;

/// An expression and the column (from 1, in characters) at which it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Where its operator or its first character stands, from 1.
    pub column: u32,
}

/// What an expression is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A number literal.
    Number(f64),
    /// A text literal in single or double quotes.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A name to be resolved by the reader.
    Name(String),
    /// Logical negation.
    Not(Box<Expr>),
    /// Arithmetic negation.
    Negate(Box<Expr>),
    /// An operator between two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// A function call.
    Call(String, Vec<Expr>),
    /// Something that is looked at elsewhere, such as `close@4h` or `close@'AAPL'`.
    At(Box<Expr>, Place),
}

/// Where an expression is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On bars of a length, as in `@4h`.
    Bars(String),
    /// At what a text in quotes names, as in `@'AAPL'`.
    Of(String),
}

/// The operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl BinaryOp {
    /// Whether the operator compares two values.
    #[must_use]
    pub fn compares(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual)
    }

    /// The operator as it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

/// What is wrong with an expression, and at which column (from 1, in characters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Where.
    pub column: u32,
    /// What.
    pub message: String,
}

impl ExprError {
    /// The faulty `source` together with its fault, as what was found in a template:
    /// `"a = 1" (at column 3: unexpected '=')`. A long source is cut short.
    #[must_use]
    pub fn found_in(&self, source: &str) -> String {
        const SHOWN: usize = 100;
        let mut shown: String = source.chars().take(SHOWN).collect();
        if shown.len() < source.len() {
            shown.push('…');
        }
        format!("\"{shown}\" (at column {}: {})", self.column, self.message)
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at column {}", self.message, self.column)
    }
}

impl std::error::Error for ExprError {}

/// Deeper nesting than this is refused: every level takes a dozen frames of the parser's stack.
const MAX_DEPTH: u32 = 64;

/// Longer expressions than this are refused. A chain such as `a + b + c` nests to the left without
/// a level of nesting in the text, so its length bounds the depth of the tree, and with it the
/// stack of everything that walks one: compiling, evaluating, dropping.
const MAX_TOKENS: usize = 2_000;

/// Parses an expression of at most 2,000 numbers, texts, words and symbols, nested at most 64 deep.
///
/// # Errors
/// The first fault of syntax, with its column.
pub fn parse(source: &str) -> Result<Expr, ExprError> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        Token::End => Ok(expr),
        token => Err(parser.fault(format!("unexpected {token}"))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Symbol(&'static str),
    /// `@` with the timeframe behind it, which may begin with a digit.
    AtBars(String),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(out, "{value}"),
            Self::Text(text) => write!(out, "'{text}'"),
            Self::Word(word) => write!(out, "'{word}'"),
            Self::Symbol(symbol) => write!(out, "'{symbol}'"),
            Self::AtBars(timeframe) => write!(out, "'@{timeframe}'"),
            Self::End => out.write_str("end"),
        }
    }
}

/// Longer symbols first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 14] =
    ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ",", "@"];

fn tokens(source: &str) -> Result<Vec<(Token, u32)>, ExprError> {
    let characters: Vec<char> = source.chars().collect();
    let column = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let first = characters[at];
        let rest = &characters[at..];
        let run = |belongs: &dyn Fn(char) -> bool| rest.iter().take_while(|c| belongs(**c)).count();
        let (token, length) = if first.is_whitespace() {
            at += 1;
            continue;
        } else if first.is_ascii_digit() || first == '.' {
            number(rest).map_err(|message| ExprError { column: column(at), message })?
        } else if first.is_alphabetic() || first == '_' {
            let length = run(&|c| c.is_alphanumeric() || c == '_');
            (Token::Word(rest[..length].iter().collect()), length)
        } else if first == '@' && rest.get(1).is_some_and(char::is_ascii_alphanumeric) {
            let length = rest[1..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            (Token::AtBars(rest[1..=length].iter().collect()), length + 1)
        } else if first == '\'' || first == '"' {
            let length = rest[1..].iter().take_while(|c| **c != first).count();
            if length + 1 >= rest.len() {
                let message = "a text without its closing quote".to_owned();
                return Err(ExprError { column: column(at), message });
            }
            (Token::Text(rest[1..=length].iter().collect()), length + 2)
        } else {
            let symbol = SYMBOLS
                .iter()
                .find(|symbol| symbol.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c)));
            let message = format!("unexpected '{first}'");
            let symbol = symbol.ok_or(ExprError { column: column(at), message })?;
            (Token::Symbol(symbol), symbol.len())
        };
        if tokens.len() == MAX_TOKENS {
            let message = format!("more than {MAX_TOKENS} words and symbols");
            return Err(ExprError { column: column(at), message });
        }
        tokens.push((token, column(at)));
        at += length;
    }
    tokens.push((Token::End, column(characters.len())));
    Ok(tokens)
}

fn number(rest: &[char]) -> Result<(Token, usize), String> {
    let mut length = 0;
    while let Some(&c) = rest.get(length) {
        let signed = matches!(c, '+' | '-') && matches!(rest[length - 1], 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || signed) {
            break;
        }
        length += 1;
    }
    let text: String = rest[..length].iter().filter(|c| **c != '_').collect();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), length)),
        _ => Err(format!("'{text}' is no finite number")),
    }
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn column(&self) -> u32 {
        self.tokens[self.at].1
    }

    fn fault(&self, message: String) -> ExprError {
        ExprError { column: self.column(), message }
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(found) if found == word);
        self.at += usize::from(found);
        found
    }

    /// Runs one nested rule; the depth is bounded here, once, for all of them.
    fn nested(
        &mut self,
        rule: impl FnOnce(&mut Self) -> Result<Expr, ExprError>,
    ) -> Result<Expr, ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault(format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let expr = rule(self)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn or(&mut self) -> Result<Expr, ExprError> {
        self.nested(|parser| {
            parser.left_associative(Self::and, |p| p.take_word("or").then_some(BinaryOp::Or))
        })
    }

    fn and(&mut self) -> Result<Expr, ExprError> {
        self.left_associative(Self::not, |p| p.take_word("and").then_some(BinaryOp::And))
    }

    fn left_associative(
        &mut self,
        operand: fn(&mut Self) -> Result<Expr, ExprError>,
        operator: fn(&mut Self) -> Option<BinaryOp>,
    ) -> Result<Expr, ExprError> {
        let mut left = operand(self)?;
        loop {
            let column = self.column();
            let Some(op) = operator(self) else { return Ok(left) };
            let right = operand(self)?;
            left = Expr { node: Node::Binary(op, Box::new(left), Box::new(right)), column };
        }
    }

    fn not(&mut self) -> Result<Expr, ExprError> {
        let column = self.column();
        if self.take_word("not") {
            let operand = self.nested(Self::not)?;
            return Ok(Expr { node: Node::Not(Box::new(operand)), column });
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr, ExprError> {
        let left = self.sum()?;
        let column = self.column();
        let Some(op) = self.comparison() else { return Ok(left) };
        let right = self.sum()?;
        let node = Node::Binary(op, Box::new(left), Box::new(right));
        if self.comparison().is_some() {
            self.at -= 1;
            let message = "a second comparison; write 'a < b and b < c'".to_owned();
            return Err(self.fault(message));
        }
        Ok(Expr { node, column })
    }

    fn comparison(&mut self) -> Option<BinaryOp> {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        [Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual]
            .into_iter()
            .find(|op| self.take_symbol(op.symbol()))
    }

    fn sum(&mut self) -> Result<Expr, ExprError> {
        self.left_associative(Self::product, |p| {
            [BinaryOp::Add, BinaryOp::Subtract].into_iter().find(|op| p.take_symbol(op.symbol()))
        })
    }

    fn product(&mut self) -> Result<Expr, ExprError> {
        self.left_associative(Self::unary, |p| {
            [BinaryOp::Multiply, BinaryOp::Divide].into_iter().find(|op| p.take_symbol(op.symbol()))
        })
    }

    fn unary(&mut self) -> Result<Expr, ExprError> {
        let column = self.column();
        if self.take_symbol("-") {
            let operand = self.nested(Self::unary)?;
            return Ok(Expr { node: Node::Negate(Box::new(operand)), column });
        }
        self.placed()
    }

    fn placed(&mut self) -> Result<Expr, ExprError> {
        let mut expr = self.primary()?;
        loop {
            let column = self.column();
            let place = match self.peek().clone() {
                Token::AtBars(timeframe) => Place::Bars(timeframe),
                Token::Symbol("@") => match self.tokens[self.at + 1].clone() {
                    (Token::Text(name), _) => {
                        self.at += 1;
                        Place::Of(name)
                    }
                    (token, column) => {
                        let message = format!(
                            "expected a timeframe or a name in quotes after '@', found {token}"
                        );
                        return Err(ExprError { column, message });
                    }
                },
                _ => return Ok(expr),
            };
            self.at += 1;
            expr = Expr { node: Node::At(Box::new(expr), place), column };
        }
    }

    fn primary(&mut self) -> Result<Expr, ExprError> {
        let column = self.column();
        let token = self.peek().clone();
        let fault = self.fault(format!("expected a value, found {token}"));
        self.at += 1;
        let node = match token {
            Token::Number(value) => Node::Number(value),
            Token::Text(text) => Node::Text(text),
            Token::Symbol("(") => {
                let inner = self.or()?;
                self.close()?;
                return Ok(inner);
            }
            Token::Word(word) => match word.as_str() {
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                "and" | "or" | "not" => return Err(fault),
                _ if self.take_symbol("(") => Node::Call(word, self.arguments()?),
                _ => Node::Name(word),
            },
            Token::Symbol(_) | Token::AtBars(_) | Token::End => return Err(fault),
        };
        Ok(Expr { node, column })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ExprError> {
        if self.take_symbol(")") {
            return Ok(Vec::new());
        }
        let mut arguments = vec![self.or()?];
        while self.take_symbol(",") {
            arguments.push(self.or()?);
        }
        self.close()?;
        Ok(arguments)
    }

    fn close(&mut self) -> Result<(), ExprError> {
        if self.take_symbol(")") {
            return Ok(());
        }
        Err(self.fault(format!("expected ')', found {}", self.peek())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expression with every bracket written out.
    fn shown(expr: &Expr) -> String {
        match &expr.node {
            Node::Number(value) => value.to_string(),
            Node::Text(text) => format!("'{text}'"),
            Node::Bool(value) => value.to_string(),
            Node::Name(name) => name.clone(),
            Node::Not(inner) => format!("(not {})", shown(inner)),
            Node::Negate(inner) => format!("(-{})", shown(inner)),
            Node::Binary(op, a, b) => format!("({} {} {})", shown(a), op.symbol(), shown(b)),
            Node::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(shown).collect();
                format!("{name}({})", arguments.join(", "))
            }
            Node::At(inner, Place::Bars(timeframe)) => format!("({}@{timeframe})", shown(inner)),
            Node::At(inner, Place::Of(name)) => format!("({}@'{name}')", shown(inner)),
        }
    }

    #[test]
    fn precedence_is_the_usual_one() {
        let cases = [
            ("a + b * c - d", "((a + (b * c)) - d)"),
            ("not a < b and c or d", "(((not (a < b)) and c) or d)"),
            ("-x * 2 <= 1e-3", "(((-x) * 2) <= 0.001)"),
            ("f(a, g(1)) == 'x'", "(f(a, g(1)) == 'x')"),
            ("(a or b) and true", "((a or b) and true)"),
            ("1_000 != \"y\"", "(1000 != 'y')"),
            ("-a@4h * f(b)@'X'@1d", "((-(a@4h)) * ((f(b)@'X')@1d))"),
        ];
        for (source, expected) in cases {
            assert_eq!(shown(&parse(source).expect(source)), expected);
        }
    }

    #[test]
    fn faults_name_their_column() {
        let cases = [
            ("a <", 4, "expected a value, found end"),
            ("a < b < c", 7, "a second comparison"),
            ("(a", 3, "expected ')'"),
            ("a $ b", 3, "unexpected '$'"),
            ("'open", 1, "closing quote"),
            ("a b", 3, "unexpected 'b'"),
            ("1.2.3", 1, "no finite number"),
            ("1e999", 1, "no finite number"),
            ("and", 1, "expected a value"),
            ("a @ b", 5, "expected a timeframe or a name in quotes after '@', found 'b'"),
            ("a@", 3, "after '@', found end"),
            ("@4h", 1, "expected a value, found '@4h'"),
            ("", 1, "expected a value"),
        ];
        for (source, column, message) in cases {
            let error = parse(source).expect_err(source);
            assert_eq!(error.column, column, "{source}: {error}");
            assert!(error.message.contains(message), "{source}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_overflown() {
        let long = "a".to_owned() + &"@1d".repeat(3000);
        assert!(parse(&long).unwrap_err().message.contains("more than 2000 words"));
        for open in ["(", "-", "not ", "f("] {
            let error = parse(&open.repeat(900)).unwrap_err();
            assert!(error.message.contains("more than 64 levels of nesting"), "{error}");
        }
    }

    #[test]
    fn long_chains_are_refused_not_overflown() {
        for (first, next) in
            [("a", " + a"), ("a < 1", " and a < 1"), ("f(a", ", a"), ("a", " / a"), ("a", " a")]
        {
            let error = parse(&(first.to_owned() + &next.repeat(300_000))).unwrap_err();
            assert!(error.message.contains("more than 2000 words and symbols"), "{error}");
        }
        // The longest chain that is accepted, within the smallest stack of any platform's threads.
        let source = "a".to_owned() + &" + a".repeat(999);
        let depth = std::thread::Builder::new().stack_size(512 << 10).spawn(move || {
            fn depth(expr: &Expr) -> u32 {
                match &expr.node {
                    Node::Binary(_, left, _) => 1 + depth(left),
                    _ => 1,
                }
            }
            depth(&parse(&source).unwrap())
        });
        assert_eq!(depth.unwrap().join().unwrap(), 1_000);
    }

    #[test]
    fn a_fault_is_shown_in_its_source() {
        let found = |source: &str| parse(source).unwrap_err().found_in(source);
        assert_eq!(found("a = 1"), "\"a = 1\" (at column 3: unexpected '=')");
        assert!(found(&"a ".repeat(500)).ends_with("a a …\" (at column 3: unexpected 'a')"));
    }
}
