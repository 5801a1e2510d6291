//! Looking an expression over: walks its tree with a sample payment. Every part is evaluated by itself, also behind a `&&` that the sample
//! would not pass, and a part that cannot work (a misspelt name, text compared with a number) is refused with its place rather than never
//! firing.

use super::super::facts::{FEATURE, VARIABLES};
use super::super::near::near;
use super::super::sample;
use super::context;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use cel::{Context, ExecutionError, Program, Value};
use fraudnet_features::schema;

/// Functions and operators, with how they are told apart in a message.
const FUNCTIONS: [(&str, &str); 27] = [
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
];

/// Those that take two numbers of one kind.
const MATHS: [&str; 5] =
    [operators::ADD, operators::SUBSTRACT, operators::MULTIPLY, operators::DIVIDE, operators::MODULO];

/// Looks a program over: whether it reads features, else what is wrong with it, with its place in `text`.
pub(super) fn over(text: &str, program: &Program) -> Result<bool, String> {
    let mut look = Look { text, program, reads_features: false };
    look.names(program.expression())?;
    let facts = sample::FULL.facts();
    match look.kind(program.expression(), &context(&facts))? {
        Some(Sort::Bool) | None => Ok(look.reads_features),
        Some(kind) => Err(format!("must be true or false, but is {}", kind.told())),
    }
}

/// What kind of value a part comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Bool,
    Whole,
    Decimal,
    Text,
    List,
    Null,
    Other,
}

impl Sort {
    pub(super) fn of(value: &Value) -> Sort {
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

    pub(super) fn told(self) -> &'static str {
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
                    let words = || FUNCTIONS.iter().map(|(name, _)| *name).filter(|name| !name.contains(['_', '@']));
                    let reason = match near(&call.func_name, words()).first() {
                        Some(near) => format!("there is no function `{}`; did you mean {near}?", call.func_name),
                        None => {
                            format!("there is no such function; there are {}", words().collect::<Vec<_>>().join(", "))
                        }
                    };
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
            Expr::Comprehension(_) => {
                Err(self.fault(at, "loops (all, exists, map, filter) are not taken here: use `in`, or a list"))
            }
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
                let mixed = MATHS.contains(&function) && known.contains(&Sort::Decimal) && known.contains(&Sort::Whole);
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
