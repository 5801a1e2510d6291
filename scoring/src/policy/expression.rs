//! One expression: read, looked over once, then asked for each payment.
//!
//! The language is CEL without loops (`all`, `exists`, `map`, `filter`) and without `has`: a variable is null where the payment does not
//! have it. So an expression costs what its length costs, whoever wrote it.

mod look;
mod people;

use super::document::MAX_EXPRESSION_CHARS;
use super::facts::Facts;
use cel::{Context, Env, ExecutionError, Program, Value};
use look::Sort;
use std::sync::{Arc, LazyLock};

/// Deepest nesting of brackets; operators in a row nest no deeper than the parser's own bound of 96.
const MAX_BRACKETS: usize = 24;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A context in which expressions ask `facts`.
pub(super) fn context<'a>(facts: &'a Facts<'a>) -> Context<'a, 'a> {
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
        let reads_features = look::over(text, &program)?;
        Ok(Expression { program, reads_features })
    }

    /// A variable that it compares with what is no pseudonym, if it does so.
    pub(super) fn reads_people_in_clear(&self) -> Option<&'static str> {
        people::read_in_clear(&self.program)
    }

    /// Whether it holds. An error where it cannot be said, such as for a comparison with null.
    pub(super) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, ExecutionError> {
        match self.program.execute(context)? {
            Value::Bool(holds) => Ok(holds),
            other => {
                Err(ExecutionError::UnexpectedType { got: Sort::of(&other).told().to_owned(), want: "bool".to_owned() })
            }
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

#[cfg(test)]
mod tests;
