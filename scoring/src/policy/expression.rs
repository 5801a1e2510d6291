//! One expression: read, looked over once, then asked for each payment.
//!
//! The language is CEL without loops (`all`, `exists`, `map`, `filter`) and without `has`: a variable is null where the payment does not
//! have it. So an expression costs what its length costs, whoever wrote it.
//!
//! Looking over walks the tree with a sample payment: every part is evaluated by itself, also behind a `&&` that the sample would not pass,
//! and a part that cannot work (a misspelt name, text compared with a number) is refused with its place rather than never firing.

use super::document::MAX_EXPRESSION_CHARS;
use super::facts::{FEATURE, VARIABLES};
use super::near::near;
use super::sample;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use cel::{Context, Env, ExecutionError, Program, Value};
use fraudnet_features::schema;
use std::sync::{Arc, LazyLock};

/// Deepest nesting of brackets; operators in a row nest no deeper than the parser's own bound of 96.
const MAX_BRACKETS: usize = 24;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Functions and operators, with how they are told apart in a message.
const FUNCTIONS: [(&str, &str); 28] = [
    (operators::CONDITIONAL, "? :"),
    (operators::LOGICAL_AND, "&&"),
    (operators::LOGICAL_OR, "||"),
    (operators::LOGICAL_NOT, "!"),
    (operators::SUBSTRACT, "-"),
    (operators::ADD, "+"),
    (operators::MULTIPLY, "*"),
    (operators::DIVIDE, "/"),
    (operators::MODULO, "%"),
    (operators::EQUALS, "=="),
    (operators::NOT_EQUALS, "!="),
    (operators::GREATER_EQUALS, ">="),
    (operators::LESS_EQUALS, "<="),
    (operators::GREATER, ">"),
    (operators::LESS, "<"),
    (operators::NEGATE, "-"),
    (operators::INDEX, "[ ]"),
    (operators::IN, "in"),
    ("size", "size"),
    ("contains", "contains"),
    ("startsWith", "startsWith"),
    ("endsWith", "endsWith"),
    ("int", "int"),
    ("uint", "uint"),
    ("double", "double"),
    ("string", "string"),
    ("bool", "bool"),
    ("type", "type"),
];

/// A context in which expressions ask `facts`.
pub(super) fn context<'a>(facts: &'a super::facts::Facts<'a>) -> Context<'a, 'a> {
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.set_variable_resolver(facts);
    context
}

/// An expression that can be asked.
#[derive(Debug)]
pub(super) struct Expression {
    program: Program,
    /// Whether it reads `feature.<name>`.
    pub(super) reads_features: bool,
}

impl Expression {
    /// Reads and looks over; else a sentence with the place at fault.
    pub(super) fn parse(text: &str) -> Result<Expression, String> {
        if text.chars().count() > MAX_EXPRESSION_CHARS {
            return Err("must not be longer than 2000 characters; make two rules of it".to_owned());
        }
        if text.trim().is_empty() {
            return Err("must hold an expression, such as amount > 500.0".to_owned());
        }
        // Before the parser, which descends a bracket at a time.
        if brackets(text) > MAX_BRACKETS {
            return Err(format!("must not nest brackets deeper than {MAX_BRACKETS}"));
        }
        let program = ENVIRONMENT.compile(text).map_err(|errors| syntax(&errors))?;
        let mut look = Look { text, program: &program, reads_features: false };
        look.names(program.expression())?;
        let reads_features = look.reads_features;
        let facts = sample::FULL.facts();
        let full = context(&facts);
        match look.kind(program.expression(), &full)? {
            Some(Sort::Bool) | None => {}
            Some(kind) => return Err(format!("must be true or false, but is {}", kind.told())),
        }
        Ok(Expression { program, reads_features })
    }

    /// Whether it holds. An error where it cannot be said, such as for a comparison with null.
    pub(super) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, ExecutionError> {
        match self.program.execute(context)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(ExecutionError::UnexpectedType { got: Sort::of(&other).told().to_owned(), want: "bool".to_owned() }),
        }
    }
}

/// Deepest nesting of brackets outside of quotes; what is quoted in an odd way may count, which errs on the safe side.
fn brackets(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    let mut escaped = false;
    for letter in text.chars() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[' | '{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    deepest
}

fn syntax(errors: &cel::ParseErrors) -> String {
    let told = errors.errors.iter().take(2).map(|error| {
        let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg).replace('\n', " ");
        format!("line {}, column {}: {message}", error.pos.0.max(1), error.pos.1.max(1))
    });
    format!("is not an expression ({})", told.collect::<Vec<_>>().join("; "))
}

/// What kind of value a part comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Bool,
    Whole,
    Decimal,
    Text,
    List,
    Null,
    Other,
}

impl Sort {
    fn of(value: &Value) -> Sort {
        match value {
            Value::Bool(_) => Sort::Bool,
            Value::Int(_) | Value::UInt(_) => Sort::Whole,
            Value::Float(_) => Sort::Decimal,
            Value::String(_) => Sort::Text,
            Value::List(_) => Sort::List,
            Value::Null => Sort::Null,
            _ => Sort::Other,
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Sort::Whole | Sort::Decimal)
    }

    /// Whether two of these can be equal.
    fn meets(self, other: Sort) -> bool {
        self == other || self == Sort::Null || other == Sort::Null || (self.is_number() && other.is_number())
    }

    fn told(self) -> &'static str {
        match self {
            Sort::Bool => "true or false",
            Sort::Whole => "a whole number",
            Sort::Decimal => "a decimal number",
            Sort::Text => "text",
            Sort::List => "a list",
            Sort::Null => "null",
            Sort::Other => "something else",
        }
    }
}

/// Looks over a tree.
struct Look<'a> {
    text: &'a str,
    program: &'a Program,
    reads_features: bool,
}

impl Look<'_> {
    /// A fault with its place.
    fn fault(&self, at: &IdedExpr, reason: impl std::fmt::Display) -> String {
        let Some((start, _)) = self.program.source_info().offset_for(at.id) else { return reason.to_string() };
        let before: Vec<char> = self.text.chars().take(start as usize).collect();
        let line = 1 + before.iter().filter(|letter| **letter == '\n').count();
        let column = 1 + before.iter().rev().take_while(|letter| **letter != '\n').count();
        format!("line {line}, column {column}: {reason}")
    }

    /// Refuses whatever the language here does not have.
    fn names(&mut self, at: &IdedExpr) -> Result<(), String> {
        match &at.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(at, name),
            Expr::Select(select) if select.test => {
                Err(self.fault(at, "has() is not needed: compare with null, as in device != null"))
            }
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if name == FEATURE => self.feature(at, &select.field),
                Expr::Ident(name) => {
                    let reason = format!("`{name}` has no field `{}`; only feature.<name> has one", select.field);
                    Err(self.fault(at, reason))
                }
                _ => Err(self.fault(at, format!("only feature.<name> has fields, not this `.{}`", select.field))),
            },
            Expr::Call(call) => {
                if !FUNCTIONS.iter().any(|(name, _)| *name == call.func_name) {
                    let words = FUNCTIONS.iter().map(|(name, _)| *name).filter(|name| !name.contains('_'));
                    let reason = format!("there is no function `{}`{}", call.func_name, proposal(&call.func_name, words));
                    return Err(self.fault(at, reason));
                }
                call.target.iter().map(|target| &**target).chain(&call.args).try_for_each(|part| self.names(part))
            }
            Expr::List(list) if list.optional_indices.is_empty() => {
                list.elements.iter().try_for_each(|part| self.names(part))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) if !entry.optional => {
                    self.names(&entry.key)?;
                    self.names(&entry.value)
                }
                _ => Err(self.fault(at, "entries marked with ? are not taken here")),
            }),
            Expr::Comprehension(_) => Err(self.fault(at, "loops (all, exists, map, filter) are not taken here: use `in`, or a list")),
            Expr::List(_) | Expr::Struct(_) | Expr::Unspecified => Err(self.fault(at, "this is not taken here")),
        }
    }

    fn variable(&self, at: &IdedExpr, name: &str) -> Result<(), String> {
        if VARIABLES.iter().any(|variable| variable.name == name) {
            return Ok(());
        }
        if name == FEATURE {
            return Err(self.fault(at, "write feature.<name>, such as feature.device_new"));
        }
        if schema::payment_feature_index(name).is_some() {
            return Err(self.fault(at, format!("there is no variable `{name}`; the feature is feature.{name}")));
        }
        let proposed = proposal(name, VARIABLES.iter().map(|variable| variable.name));
        Err(self.fault(at, format!("there is no variable `{name}`{proposed}")))
    }

    fn feature(&mut self, at: &IdedExpr, name: &str) -> Result<(), String> {
        self.reads_features = true;
        if schema::payment_feature_index(name).is_some() {
            return Ok(());
        }
        let proposed = proposal(name, schema::payment_features().iter().map(|feature| feature.name));
        Err(self.fault(at, format!("there is no feature `{name}`{proposed}")))
    }

    /// The kind of value that a part comes to for the sample; none where it depends on the payment.
    fn kind(&self, at: &IdedExpr, full: &Context<'_, '_>) -> Result<Option<Sort>, String> {
        let Expr::Call(call) = &at.expr else {
            if let Expr::List(list) = &at.expr {
                list.elements.iter().try_for_each(|part| self.kind(part, full).map(drop))?;
            }
            return Ok(Value::resolve(at, full).ok().map(|value| Sort::of(&value)));
        };
        let parts: Vec<&IdedExpr> = call.target.iter().map(|target| &**target).chain(&call.args).collect();
        let kinds = parts.iter().map(|part| self.kind(part, full)).collect::<Result<Vec<_>, _>>()?;
        match (call.func_name.as_str(), &kinds[..]) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, kinds) => {
                for (part, kind) in parts.iter().zip(kinds) {
                    self.must_be_bool(part, *kind)?;
                }
                Ok(Some(Sort::Bool))
            }
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                self.must_be_bool(parts[0], *condition)?;
                match (then, otherwise) {
                    (Some(then), Some(otherwise)) if then != otherwise => {
                        let reason = format!("is {} or {}: both must be alike", then.told(), otherwise.told());
                        Err(self.fault(at, reason))
                    }
                    (then, otherwise) => Ok(then.or(*otherwise)),
                }
            }
            (operators::EQUALS | operators::NOT_EQUALS, [Some(left), Some(right)]) => {
                if !left.meets(*right) {
                    let reason = format!("compares {} with {}, which are never equal", left.told(), right.told());
                    return Err(self.fault(at, reason));
                }
                Ok(Some(Sort::Bool))
            }
            (operators::IN, [Some(left), Some(Sort::List)]) => {
                self.must_hold_some(parts[1], *left, full)?;
                Ok(Some(Sort::Bool))
            }
            _ => self.evaluated(at, &call.func_name, &kinds, full),
        }
    }

    fn must_be_bool(&self, part: &IdedExpr, kind: Option<Sort>) -> Result<(), String> {
        match kind {
            Some(Sort::Bool) | None => Ok(()),
            Some(kind) => Err(self.fault(part, format!("must be true or false, but is {}", kind.told()))),
        }
    }

    /// A list that is searched must hold something of the kind searched for.
    fn must_hold_some(&self, list: &IdedExpr, kind: Sort, full: &Context<'_, '_>) -> Result<(), String> {
        let Ok(Value::List(values)) = Value::resolve(list, full) else { return Ok(()) };
        if values.is_empty() || values.iter().any(|value| kind.meets(Sort::of(value))) {
            return Ok(());
        }
        Err(self.fault(list, format!("{} is looked for, but the list holds none", kind.told())))
    }

    /// Any other call, tried.
    fn evaluated(
        &self,
        at: &IdedExpr,
        function: &str,
        kinds: &[Option<Sort>],
        full: &Context<'_, '_>,
    ) -> Result<Option<Sort>, String> {
        match Value::resolve(at, full) {
            Ok(value) => Ok(Some(Sort::of(&value))),
            // What depends on the payment's own values: a key that is missing, text that is no number, a division by zero.
            Err(
                ExecutionError::NoSuchKey(_)
                | ExecutionError::IndexOutOfBounds(_)
                | ExecutionError::FunctionError { .. }
                | ExecutionError::DivisionByZero(_)
                | ExecutionError::RemainderByZero(_)
                | ExecutionError::Overflow(..),
            ) => Ok(None),
            Err(_) if kinds.contains(&None) => Ok(None),
            Err(error) => {
                let told = FUNCTIONS.iter().find(|(name, _)| *name == function).map_or(function, |(_, told)| *told);
                let known: Vec<Sort> = kinds.iter().flatten().copied().collect();
                let mixed = known.contains(&Sort::Decimal) && known.iter().any(|kind| *kind == Sort::Whole);
                let reason = if mixed {
                    format!("`{told}` takes two whole or two decimal numbers: write 2.0, not 2, beside a decimal one")
                } else {
                    let kinds: Vec<&str> = known.into_iter().map(Sort::told).collect();
                    match error {
                        ExecutionError::InvalidArgumentCount { .. } => {
                            format!("`{told}` takes another number of arguments")
                        }
                        _ => format!("`{told}` does not work on {}", kinds.join(" and ")),
                    }
                };
                Err(self.fault(at, reason))
            }
        }
    }
}

/// `; did you mean …?`, or nothing.
fn proposal<'a>(misspelt: &str, names: impl Iterator<Item = &'a str>) -> String {
    match near(misspelt, names).as_slice() {
        [] => "; `fraudnet policies variables` lists all there are".to_owned(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}
