use super::*;
use crate::policy::facts::VARIABLES;
use crate::policy::{Variable, sample};
use fraudnet_features::schema;

fn refusal(text: &str) -> String {
    match Expression::parse(text) {
        Ok(_) => panic!("{text} was taken"),
        Err(reason) => reason,
    }
}

fn holds(text: &str) -> Result<bool, ExecutionError> {
    let expression = Expression::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
    let facts = sample::FULL.facts();
    expression.holds(&context(&facts))
}

#[test]
fn every_variable_and_feature_can_be_asked_for() {
    for Variable { name, kind, optional, .. } in VARIABLES {
        let value = ENVIRONMENT.compile(name).unwrap().execute(&context(&sample::FULL.facts())).unwrap();
        let sort = match kind {
            "double" => Sort::Decimal,
            "int" => Sort::Whole,
            _ => Sort::Text,
        };
        assert_eq!(Sort::of(&value), sort, "{name}");
        assert_eq!(holds(&format!("{name} != null")), Ok(true), "{name}");
        let absent = sample::FULL.bare();
        let expression = Expression::parse(&format!("{name} == null")).unwrap();
        assert_eq!(expression.holds(&context(&absent.facts())), Ok(optional && !SCORED.contains(&name)), "{name}");
        assert_eq!(expression.holds(&context(&absent.unscored())), Ok(optional), "{name}");
    }
    for feature in schema::payment_features() {
        assert_eq!(holds(&format!("feature.{} == 1.0", feature.name)), Ok(true));
    }
    assert!(Expression::parse("feature.device_new > 0.5").unwrap().reads_features);
    assert!(!Expression::parse("amount > 0.5").unwrap().reads_features);
}

const SCORED: [&str; 5] = ["probability", "risk_score", "decision", "tier", "model"];

#[test]
fn what_holds_for_the_sample() {
    for (text, expected) in [
        ("amount == 125.50", true),
        ("amount > 100 && amount < 126", true),
        ("amount_minor % 100 == 50", true),
        ("currency in ['EUR', 'USD']", true),
        ("merchant_category == '5411'", true),
        ("ip_country != account_country", true),
        ("ip.startsWith('192.0.2.')", true),
        ("hour_utc >= 22 || hour_utc < 6", false),
        ("decision == 'challenge' && risk_score >= 25", true),
        ("probability >= 0.25", true),
        ("model == 'hybrid/1'", true),
        ("model.startsWith('hybrid/')", true),
        ("size(account) == 7", true),
        ("amount > {'EUR': 100.0, 'USD': 110.0}[currency]", true),
        ("(channel == 'transfer' ? 1000.0 : 50.0) < amount", true),
        ("!(tier == 'rules')", true),
        ("feature.device_new > 0.5\n  && amount * 2.0 > 200.0", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_refused_with_their_place_and_what_to_do() {
    for (text, expected) in [
        ("", "must hold an expression"),
        ("amount >", "is not an expression (line 1, column"),
        ("amount > 5 &&\n amount <> 7", "line 2, column"),
        ("ammount > 5.0", "line 1, column 1: there is no variable `ammount`; did you mean amount"),
        (
            "amount > 5.0 && shoe_size > 1",
            "line 1, column 17: there is no variable `shoe_size`; `fraudnet policies variables`",
        ),
        ("device_new > 0.5", "the feature is feature.device_new"),
        ("feature.device_nwe > 0.5", "did you mean device_new"),
        ("feature > 0.5", "write feature.<name>"),
        ("has(feature.device_new)", "has() is not needed"),
        ("account.name == 'x'", "`account` has no field `name`"),
        ("amount", "must be true or false, but is a decimal number"),
        ("'yes'", "must be true or false, but is text"),
        ("amount * 2 > 10", "write 2.0, not 2"),
        ("amount > '100'", "`>` does not work on a decimal number and text"),
        ("channel == 5", "compares text with a whole number, which are never equal"),
        ("amount_minor in ['1', '2']", "a whole number is looked for, but the list holds none"),
        ("false && ammount > 5", "there is no variable"),
        ("currency == 'XXX' && amount * 2 > 1.0", "write 2.0, not 2"),
        ("amount > 5.0 && account", "must be true or false, but is text"),
        ("amount > 5.0 ? true : 'no'", "both must be alike"),
        ("[1, 2].exists(x, x > 1)", "loops"),
        ("account.matches('a+')", "there is no such function; there are size, contains"),
        ("acount.startsWith('a')", "did you mean account"),
        ("startWith(account, 'a')", "did you mean startsWith"),
        ("size(account, account) > 1", "`size` does not work on text and text"),
        ("amount[0] > 1.0", "does not work on"),
        ("[1, 2].?a == 1", "there is no such function"),
    ] {
        let reason = refusal(text);
        assert!(reason.contains(expected), "{text}: {reason}");
    }
}

/// Nothing that is typed ends the process, also on the small stack of a thread that serves requests.
#[test]
fn no_nesting_is_too_deep_for_a_thread() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let tried = small.spawn(|| {
        let many = |part: &str, count: usize, end: &str| part.repeat(count) + end;
        for text in [
            many("(", 1_000, "true"),
            many("(", 24, "true") + &many(")", 24, ""),
            many("[", 999, ""),
            many("!", 1_900, "true"),
            many("-", 1_900, "1 == 1"),
            many("true && ", 240, "true"),
            many("true || ", 240, "true"),
            many("1 + ", 490, "1 == 1"),
            many("true ? true : ", 140, "true"),
            many("true ? ", 280, "true"),
            many("1 < ", 400, "1"),
            many("account.", 240, "a"),
            "account".to_owned() + &many("[0]", 500, ""),
            "account".to_owned() + &many(".size()", 280, " == 1"),
            many("'", 1_999, ""),
            many("\"\\", 900, ""),
            many("\u{1F4A3}", 1_900, ""),
            many("{", 1_000, ""),
            many("size(", 23, "account") + &many(")", 23, " == 1"),
        ] {
            if let Ok(expression) = Expression::parse(&text) {
                let facts = sample::FULL.facts();
                let _ = expression.holds(&context(&facts));
            }
        }
        // Long and flat is what people write.
        let long = many("account == 'somebody in particular' || ", 48, "amount > 1.0");
        Expression::parse(&long).unwrap().holds(&context(&sample::FULL.facts()))
    });
    assert_eq!(tried.unwrap().join().unwrap(), Ok(true));
    assert!(refusal(&("(".repeat(30) + "true" + &")".repeat(30))).contains("deeper than 24"));
    assert!(refusal(&format!("account == '{}'", "x".repeat(2_000))).contains("2000 characters"));
}
