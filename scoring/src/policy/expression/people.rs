//! Where the log holds pseudonyms, an expression that compares a person's identifier with a text never holds: it is refused instead.

use cel::Program;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// Variables that are pseudonyms then.
const PEOPLE: [&str; 4] = ["account", "counterparty", "device", "ip"];

/// The first of these that is used otherwise than compared with null or with another of them; such a comparison tells the same of pseudonyms.
pub(super) fn read_in_clear(program: &Program) -> Option<&'static str> {
    within(program.expression())
}

fn within(at: &IdedExpr) -> Option<&'static str> {
    match &at.expr {
        Expr::Ident(name) => PEOPLE.into_iter().find(|person| name == person),
        Expr::Call(call) => {
            let mut parts = call.target.iter().map(|target| &**target).chain(&call.args);
            let is_comparison = matches!(call.func_name.as_str(), operators::EQUALS | operators::NOT_EQUALS);
            if is_comparison && parts.clone().all(|part| is_person(part) || is_null(part)) {
                return None;
            }
            parts.find_map(within)
        }
        Expr::List(list) => list.elements.iter().find_map(within),
        Expr::Map(map) => map.entries.iter().find_map(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => within(&entry.key).or_else(|| within(&entry.value)),
            EntryExpr::StructField(field) => within(&field.value),
        }),
        Expr::Select(select) => within(&select.operand),
        // Looked over before: nothing else is taken.
        _ => None,
    }
}

fn is_person(at: &IdedExpr) -> bool {
    matches!(&at.expr, Expr::Ident(name) if PEOPLE.contains(&name.as_str()))
}

fn is_null(at: &IdedExpr) -> bool {
    matches!(&at.expr, Expr::Literal(LiteralValue::Null))
}

#[cfg(test)]
mod tests {
    use super::super::Expression;

    #[test]
    fn what_compares_people_with_texts_is_found() {
        for (text, found) in [
            ("account == counterparty", None),
            ("device != null && amount > 5.0", None),
            ("ip == null || ip_country != account_country", None),
            ("account == 'acct-81'", Some("account")),
            ("amount > 5.0 && ip.startsWith('10.')", Some("ip")),
            ("device in ['dev-17', 'dev-18']", Some("device")),
            ("size(account) == 7", Some("account")),
            ("(device == null ? account : device) == 'x'", Some("account")),
            ("{'acct-81': 5.0}[account] > 1.0", Some("account")),
            ("merchant == 'shop'", None),
        ] {
            let expression = Expression::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert_eq!(expression.reads_people_in_clear(), found, "{text}");
        }
    }
}
