//! What is wrong with a file is said with its place and what to do.

use super::{LEAST, MAPPING, Scratch, in_short, read, read_skipping};
use crate::history::{BadRows, HistoryFile, LISTED};

const HEADER: &str = "id,at,who,shop,sum,fraud,told\n";
const GOOD: &str = "t1,2026-01-31T10:00:00Z,a,m,1,1,2026-02-01T00:00:00Z\n";

#[test]
fn every_bad_row_of_a_csv_is_named() {
    let scratch = Scratch::new();
    for (row, kind, expected) in [
        ("t2,,a,m,1,0,", "missing value", "row 2 (line 3), column `at`: is empty, and every payment needs it"),
        ("t2,2026-01-31T10:00:00Z,,m,1,0,", "missing value", "column `who`: is empty"),
        ("t2,2026-01-31T10:00:00Z,a,m, ,0,", "missing value", "column `sum`: is empty"),
        (",2026-01-31T10:00:00Z,a,m,1,0,", "missing value", "column `id`: is empty"),
        (
            "t2,31/01/2026,a,m,1,0,",
            "not a time",
            "row 2 (line 3), column `at`, value \"31/01/2026\": is not a time as it is expected here: mend it, or say with time.format",
        ),
        (
            "t2,1970-01-01T10:00:00Z,a,m,1,0,",
            "not a time",
            "column `at`, value \"1970-01-01T10:00:00Z\": must lie between 2000 and 2100",
        ),
        (
            "t2,2026-01-31T09:59:59Z,a,m,1,0,",
            "out of order",
            "column `at`, value \"2026-01-31T09:59:59.000Z\": lies before 2026-01-31T10:00:00.000Z, the time of a payment above it: sort the file",
        ),
        (
            "t1,2026-01-31T10:00:00Z,b,m,2,0,",
            "repeated id",
            "column `id`, value \"t1\": stands for a payment above already",
        ),
        (
            "t2,2026-01-31T10:00:00Z,a,m,-1,0,",
            "negative amount",
            "column `sum`, value \"-1\": must not be negative: leave refunds",
        ),
        (
            "t2,2026-01-31T10:00:00Z,a,m,12 EUR,0,",
            "not an amount",
            "column `sum`, value \"12 EUR\": must be a number with a decimal point",
        ),
        ("t2,2026-01-31T10:00:00Z,a,m,NaN,0,", "not an amount", "column `sum`, value \"NaN\": must be a number"),
        ("t2,2026-01-31T10:00:00Z,a,m,inf,0,", "not an amount", "column `sum`, value \"inf\": must be a number"),
        ("t2,2026-01-31T10:00:00Z,a,m,1e300,0,", "not an amount", "must be at most 9007199254740992 minor units"),
        (
            "t2,2026-01-31T10:00:00Z,a,m,1,maybe,",
            "not a label",
            "column `fraud`, value \"maybe\": must be 1 or 0, true or false, yes or no",
        ),
        (
            "t2,2026-01-31T10:00:00Z,a,m,1,1,2026-01-31T09:00:00Z",
            "label before its payment",
            "column `told`, value \"2026-01-31T09:00:00Z\": lies before the payment itself",
        ),
        ("t2,2026-01-31T10:00:00Z,a,m,1,1,", "missing value", "column `told`: is empty although the payment is fraud"),
        ("t2,2026-01-31T10:00:00Z,a,m,1,1,soon", "not a time", "column `told`, value \"soon\": is not a time"),
        (
            "t2,2026-01-31T10:00:00Z,4111111111111111,m,1,0,",
            "card number",
            "row 2 (line 3), column `who`: holds what looks like a payment card number",
        ),
        (
            "t2,2026-01-31T10:00:00Z,a,\"m\u{7}\",1,0,",
            "not an identifier",
            "column `shop`, value \"m\\u{7}\": must not contain control characters",
        ),
        ("t2,2026-01-31T10:00:00Z,a,m,1", "broken row", "row 2 (line 3): has 5 fields where the header has 7"),
        ("t2,2026-01-31T10:00:00Z,a,m,1,0,,", "broken row", "has 8 fields where the header has 7"),
    ] {
        let path = scratch.write("h.csv", format!("{HEADER}{GOOD}{row}\n"));
        let error = read(&path, MAPPING).expect_err(row);
        assert!(error.contains(expected), "{row}:\n{error}");
        assert!(error.starts_with('`') && error.contains("h.csv`: row 2 (line 3)"), "{error}");
        assert!(!error.contains("4111"), "{error}");
        let (events, skipped) = read_skipping(&path, MAPPING);
        assert_eq!(in_short(&events), "p:t1 l:t1+", "{row}");
        assert_eq!((skipped.rows, skipped.by_kind.get(kind)), (1, Some(&1)), "{row}: {skipped:?}");
        assert!(error.contains(&skipped.first[0].to_string()), "{}", skipped.first[0]);
    }
    let long = format!("{HEADER}{GOOD}t2,2026-01-31T10:00:00Z,{},m,1,0,\n", "x".repeat(129));
    let error = read(&scratch.write("h.csv", long), MAPPING).unwrap_err();
    assert!(error.contains(&format!("value \"{}…\": must be 1 to 128 bytes long", "x".repeat(40))), "{error}");
    let latin = [HEADER.as_bytes(), GOOD.as_bytes(), b"t2,2026-01-31T10:00:00Z,Ren\xe9,m,1,0,\n"].concat();
    let error = read(&scratch.write("h.csv", latin), MAPPING).unwrap_err();
    assert!(
        error.contains("row 2 (line 3), column `who`, value \"Ren\u{fffd}\": is not UTF-8: convert the file"),
        "{error}"
    );
}

#[test]
fn codes_are_held_to_their_lists() {
    let scratch = Scratch::new();
    let mapping = LEAST
        .replace("sum\"", "sum\"\ncurrency = \"c\"\nchannel = \"w\"\nip_country = \"l\"\nmerchant_category = \"k\"");
    for (row, expected) in [
        ("2026-01-31,a,1,XYZ,atm,,", "column `c`, value \"XYZ\": the currency must be a current ISO 4217 code"),
        (
            "2026-01-31,a,1,EUR,till,,",
            "column `w`, value \"till\": is no channel that is known: give its meaning under [channels]",
        ),
        (
            "2026-01-31,a,1,EUR,atm,Germany,",
            "column `l`, value \"Germany\": the country must be an ISO 3166-1 alpha-2 code",
        ),
        ("2026-01-31,a,1,EUR,atm,DE,food", "column `k`, value \"food\": the category must be a merchant category code"),
    ] {
        let path = scratch.write("h.csv", format!("at,who,sum,c,w,l,k\n{row}\n"));
        let error = read(&path, &mapping).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let bare = mapping.replace("currency = \"EUR\"\n", "");
    let path = scratch.write("h.csv", "at,who,sum,c,w,l,k\n2026-01-31,a,1,,,,\n");
    let error = read(&path, &bare).unwrap_err();
    assert!(
        error.contains("column `c`: is empty: fill it in, leave the row out, or give defaults.currency"),
        "{error}"
    );
    assert_eq!(in_short(&read(&path, &mapping).unwrap()), "p:row-1");
}

#[test]
fn a_file_that_cannot_be_read_at_all() {
    let scratch = Scratch::new();
    for (name, content, expected) in [
        ("h.csv", "", "is empty: export the history again"),
        ("h.jsonl", "", "is empty"),
        ("h.parquet", "", "is empty"),
        ("h.csv", HEADER, "has a header and no rows"),
        ("h.jsonl", "\n \n", "has no rows"),
        (
            "h.csv",
            "id,at,who,shop,amount,fraud,told\n",
            "there is no column `sum`, which the mapping names as columns.amount: name one of `id`, `at`, `who`, `shop`, `amount`, `fraud`, `told`",
        ),
        (
            "h.csv",
            "id,at,who,shop,sum,sum,fraud,told\n",
            "the column `sum`, which the mapping names as columns.amount, stands more than once in the header",
        ),
        (
            "h.jsonl",
            "{\"id\":1,\"at\":2,\"who\":3,\"sum\":4,\"fraud\":0}\n{\"told\":1}\n",
            "there is no column `shop`, which the mapping names as columns.merchant: name one of `at`, `fraud`, `id`, `sum`, `told`, `who`",
        ),
        ("h.parquet", "PAR1 but not really a table PAR1", "is no whole Parquet file"),
        ("h.xlsx", "x", "its form does not show in its name: add format ="),
    ] {
        let path = scratch.write(name, content);
        let error = read(&path, MAPPING).expect_err(content);
        assert!(error.contains(expected) && error.contains(name), "{content}: {error}");
    }
    let latin = scratch.write("h.csv", b"Betr\xe4ge,who\n1,2\n");
    assert!(read(&latin, LEAST).unwrap_err().contains("the header is not UTF-8"));
    let missing = HistoryFile::open(&scratch.0.join("none.csv"), None, BadRows::Refuse).unwrap_err().to_string();
    assert!(missing.contains("none.csv`: cannot be read: No such file"), "{missing}");
    let unmapped = HistoryFile::open(&latin, None, BadRows::Refuse).unwrap_err().to_string();
    assert!(unmapped.contains("needs a mapping that says which column is what"), "{unmapped}");
    let nowhere = scratch.0.join("no.toml");
    let error = HistoryFile::open(&latin, Some(&nowhere), BadRows::Refuse).unwrap_err().to_string();
    assert!(error.starts_with("mapping `") && error.contains("no.toml`: cannot be read"), "{error}");
    let wrong = read(&latin, "[columns]\nwhen = \"x\"\n").unwrap_err();
    assert!(wrong.starts_with("mapping `") && wrong.contains("line 2: unknown field `when`"), "{wrong}");
    let unknown = scratch.write("history", "at,who,sum\n2026-01-31,a,1\n");
    assert_eq!(in_short(&read(&unknown, &format!("format = \"csv\"\n{LEAST}")).unwrap()), "p:row-1");
}

#[test]
fn broken_lines_of_json() {
    let scratch = Scratch::new();
    let good = r#"{"at":"2026-01-31","who":"a","sum":1}"#;
    for (line, expected) in [
        (
            r#"{"at":"2026-01-31","who":"a","sum":"#,
            "row 2 (line 3): EOF while parsing a value at character 35: put one flat JSON object on every line",
        ),
        (r#"{"at":"2026-01-31","who":["a"],"sum":1}"#, "expected text, a number, true, false or null as `who`"),
        (r#"{"at":"2026-01-31","who":"a","who":"b","sum":1}"#, "the key `who` stands twice"),
        (r#"["2026-01-31","a",1]"#, "expected a JSON object"),
        (r#"{"at":"2026-01-31","who":"a","sum":1} x"#, "trailing characters"),
        (r#"{"at":"2026-01-31","sum":1}"#, "column `who`: is empty, and every payment needs it"),
        (r#"{"at":"2026-01-31","who":"a","sum":true}"#, "value \"true\": must be a number"),
        (r#"{"at":true,"who":"a","sum":1}"#, "value \"true\": is not a time"),
    ] {
        let path = scratch.write("h.jsonl", format!("{good}\n\n{line}\n{good}\n"));
        let error = read(&path, LEAST).expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
        let (events, skipped) = read_skipping(&path, LEAST);
        assert_eq!((in_short(&events).as_str(), skipped.rows), ("p:row-1 p:row-3", 1), "{line}: {skipped:?}");
        assert_eq!((skipped.first[0].row, skipped.first[0].line), (2, Some(3)));
    }
    let endless = scratch.write("h.jsonl", "x".repeat(300_000));
    assert!(read(&endless, LEAST).unwrap_err().contains("line 1: longer than"));
}

#[test]
fn skipped_rows_are_counted_and_the_first_listed() {
    let scratch = Scratch::new();
    let mut text = "at,who,sum\n".to_owned();
    for number in 0..30 {
        text.push_str(&format!("2026-01-31,a,{number}\n2026-01-31,a,x\n"));
    }
    text.push_str("2026-01-30,late,1\n,a,1\n2026-02-01,b,2\n");
    let path = scratch.write("h.csv", text);
    let file = super::open(&path, LEAST, BadRows::Skip).unwrap();
    for _ in 0..2 {
        assert_eq!(file.events().count(), 31);
        let skipped = file.skipped();
        assert_eq!((skipped.rows, skipped.first.len()), (32, LISTED), "each pass counts from zero");
        let kinds: Vec<_> = skipped.by_kind.into_iter().collect();
        assert_eq!(kinds, [("missing value", 1), ("not an amount", 30), ("out of order", 1)]);
    }
    let mut refusing = super::open(&path, LEAST, BadRows::Refuse).unwrap().events();
    assert!(refusing.next().unwrap().is_ok() && refusing.next().unwrap().is_err() && refusing.next().is_none());
}
