//! Holds a mapping as written against what is possible, and says what to write instead.

use super::typed::{Typed, TypedLabel};
use super::{CardNumbers, Column, GroupRule, Known, LabelRule, Mapping, Optional, words};
use crate::history::moment::TimeForm;
use crate::wire::{CARD_NUMBER_FIELDS, ChannelName, LabelSourceName, bounds, currency_exponent};
use std::collections::HashMap;

const DAY_MS: f64 = 86_400_000.0;
/// Most days a label may take: ten years.
const MAX_LABEL_DAYS: f64 = 3_650.0;
/// Most bytes of `row_prefix`, which leaves room for the number.
const MAX_PREFIX_BYTES: usize = 64;

/// Columns as they are named, each once.
#[derive(Default)]
struct Named(Vec<(String, &'static str)>);

impl Named {
    fn index(&mut self, key: &'static str, name: Option<String>) -> Result<Option<Column>, String> {
        let Some(name) = name.map(|name| name.trim().to_owned()) else { return Ok(None) };
        if name.is_empty() {
            return Err(format!("{key} is empty: name a column of the file, or take the line away"));
        }
        Ok(Some(self.0.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.0.push((name, key));
            self.0.len() - 1
        })))
    }

    fn required(&mut self, key: &'static str, name: Option<String>) -> Result<Column, String> {
        self.index(key, name)?.ok_or_else(|| format!("{key} is missing: name the column of the file that holds it"))
    }
}

pub(super) fn check(typed: Typed) -> Result<Mapping, String> {
    let (columns, defaults) = (typed.columns, typed.defaults);
    let mut named = Named::default();
    let tenant = typed.tenant.unwrap_or_else(|| "default".to_owned());
    bounds::tenant(&tenant).map_err(|reason| format!("tenant {reason}"))?;
    let row_prefix = typed.row_prefix.unwrap_or_else(|| "row-".to_owned());
    if row_prefix.len() > MAX_PREFIX_BYTES || bounds::identifier(&row_prefix).is_err() {
        return Err(format!("row_prefix must be 1 to {MAX_PREFIX_BYTES} bytes long, without control characters"));
    }
    if let Some(odd) = typed.card_number_exempt.iter().find(|field| !CARD_NUMBER_FIELDS.contains(&field.as_str())) {
        return Err(format!("card_number_exempt names `{odd}`: the fields are {}", CARD_NUMBER_FIELDS.join(", ")));
    }
    let looked_for = |field: &str| !typed.card_number_exempt.iter().any(|name| name == field);
    let (amount_key, amount, amount_is_minor) = match (columns.amount, columns.amount_minor) {
        (Some(_), Some(_)) => {
            return Err(
                "columns.amount and columns.amount_minor: name one of them, for major or for minor units".into()
            );
        }
        (None, Some(minor)) => ("columns.amount_minor", Some(minor), true),
        (major, None) => ("columns.amount", major, false),
    };
    let time_form = match typed.time.format {
        None => TimeForm::Found,
        Some(text) => TimeForm::parse(&text).map_err(|error| {
            format!(
                "time.format `{text}`: {error}; use rfc3339, epoch_s, epoch_ms, or a description such as \
                 \"[day].[month].[year] [hour]:[minute]\""
            )
        })?,
    };
    let time = named.required("columns.time", columns.time)?;
    let account = named.required("columns.account", columns.account)?;
    let amount = named.required(amount_key, amount)?;
    let currency = Optional {
        column: named.index("columns.currency", columns.currency)?,
        default: default("currency", defaults.currency, |text| {
            let code = bounds::currency(text)?;
            Ok((code, currency_exponent(code).unwrap_or(2)))
        })?,
    };
    if currency.column.is_none() && currency.default.is_none() {
        return Err(
            "the currency is missing: name its column as columns.currency, or give defaults.currency = \"EUR\"".into(),
        );
    }
    let channel = Optional {
        column: named.index("columns.channel", columns.channel)?,
        default: default("channel", defaults.channel, |text| {
            ChannelName::value_of(text).ok_or_else(|| format!("must be one of {}", words(ChannelName::WORDS)).into())
        })?,
    };
    if channel.column.is_none() && channel.default.is_none() {
        return Err(format!(
            "the channel is missing: name its column as columns.channel, or give defaults.channel, one of {}",
            words(ChannelName::WORDS)
        ));
    }
    let mut channels = HashMap::new();
    for (theirs, ours) in typed.channels {
        let value = ChannelName::value_of(&ours);
        let wrong = || format!("channels.\"{theirs}\" is `{ours}`: it must be one of {}", words(ChannelName::WORDS));
        channels.insert(theirs.trim().to_owned(), value.ok_or_else(wrong)?);
    }
    let country = |name, text| default(name, text, bounds::country);
    let merchant_category = Optional {
        column: named.index("columns.merchant_category", columns.merchant_category)?,
        default: default("merchant_category", defaults.merchant_category, bounds::merchant_category)?,
    };
    let account_country = Optional {
        column: named.index("columns.account_country", columns.account_country)?,
        default: country("account_country", defaults.account_country)?,
    };
    let ip_country = Optional {
        column: named.index("columns.ip_country", columns.ip_country)?,
        default: country("ip_country", defaults.ip_country)?,
    };
    let merchant_country = Optional {
        column: named.index("columns.merchant_country", columns.merchant_country)?,
        default: country("merchant_country", defaults.merchant_country)?,
    };
    let transaction_id = named.index("columns.transaction_id", columns.transaction_id)?;
    let merchant = named.index("columns.merchant", columns.merchant)?;
    let device = named.index("columns.device", columns.device)?;
    let ip = named.index("columns.ip", columns.ip)?;
    let counterparty = named.index("columns.counterparty", columns.counterparty)?;
    let label = typed.label.map(|label| check_label(label, &mut named)).transpose()?;
    let group = match typed.report {
        None => None,
        Some(_) if label.is_none() => {
            return Err("[report] groups frauds and needs [label], which says which payments are fraud".into());
        }
        Some(report) => Some(GroupRule {
            column: named.required("report.scenario", Some(report.scenario))?,
            none: spellings("report.none", report.none)?,
        }),
    };
    Ok(Mapping {
        format: typed.format,
        columns: named.0,
        tenant,
        row_prefix,
        card_numbers: CardNumbers {
            account: looked_for("account"),
            device: looked_for("device"),
            ip: looked_for("ip"),
            merchant: looked_for("merchant"),
            counterparty: looked_for("counterparty_account"),
        },
        transaction_id,
        time,
        time_form,
        account,
        amount,
        amount_is_minor,
        merchant,
        device,
        ip,
        counterparty,
        currency,
        channel,
        channels,
        merchant_category,
        account_country,
        ip_country,
        merchant_country,
        label,
        group,
    })
}

fn check_label(label: TypedLabel, named: &mut Named) -> Result<LabelRule, String> {
    let known = match (label.known_after_days, label.known_at) {
        (Some(days), None) if (0.0..=MAX_LABEL_DAYS).contains(&days) => Known::After((days * DAY_MS) as i64),
        (Some(_), None) => return Err(format!("label.known_after_days must lie between 0 and {MAX_LABEL_DAYS}")),
        (None, Some(column)) => Known::At(named.required("label.known_at", Some(column))?),
        _ => {
            return Err(
                "[label] must say when labels become known: either known_after_days = 7, or known_at = the column with the time"
                    .into(),
            );
        }
    };
    let source = label.source.as_deref().unwrap_or("chargeback");
    Ok(LabelRule {
        column: named.required("label.column", label.column)?,
        frauds: label.fraud_values.map(|values| spellings("label.fraud_values", values)).transpose()?,
        known,
        source: LabelSourceName::value_of(source)
            .ok_or_else(|| format!("label.source `{source}` must be one of {}", words(LabelSourceName::WORDS)))?,
        legitimate: label.legitimate,
    })
}

/// Values as a file may hold them: numbers and truth values count as their text.
fn spellings(key: &str, values: Vec<toml::Value>) -> Result<Vec<String>, String> {
    let spelled = values.into_iter().map(|value| match value {
        toml::Value::String(text) => Ok(text.trim().to_owned()),
        toml::Value::Integer(value) => Ok(value.to_string()),
        toml::Value::Boolean(value) => Ok(value.to_string()),
        _ => Err(format!("{key} must list texts, whole numbers or truth values")),
    });
    spelled.collect()
}

fn default<T>(
    name: &str,
    text: Option<String>,
    check: impl FnOnce(&str) -> Result<T, bounds::Reason>,
) -> Result<Option<T>, String> {
    text.map(|text| check(&text).map_err(|reason| format!("defaults.{name} {reason}"))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::LabelSource;

    const LEAST: &str =
        "[columns]\ntime = \"t\"\naccount = \"a\"\namount = \"m\"\n[defaults]\ncurrency = \"EUR\"\nchannel = \"atm\"\n";

    #[test]
    fn the_least_mapping_and_a_column_used_twice() {
        let mapping = Mapping::parse(LEAST).unwrap();
        assert_eq!((mapping.tenant.as_str(), mapping.row_prefix.as_str()), ("default", "row-"));
        assert_eq!(mapping.columns.len(), 3);
        let twice = format!("{LEAST}[label]\ncolumn = \"m\"\nknown_at = \"t\"\nfraud_values = [1, \"x\", true]\n");
        let mapping = Mapping::parse(&twice).unwrap();
        let label = mapping.label.unwrap();
        assert_eq!((mapping.columns.len(), label.column, label.known), (3, mapping.amount, Known::At(mapping.time)));
        assert_eq!(label.frauds.unwrap(), ["1", "x", "true"]);
        assert_eq!(label.source, LabelSource::Chargeback);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (from, to, expected) in [
            ("time = \"t\"", "", "columns.time is missing: name the column"),
            ("time = \"t\"", "time = \" \"", "columns.time is empty"),
            ("time = \"t\"", "when = \"t\"", "line 2: unknown field `when`, expected one of `transaction_id`, `time`"),
            ("time = \"t\"", "time = 5", "line 2: invalid type: integer `5`, expected a string"),
            ("amount = \"m\"", "amount = \"m\"\namount_minor = \"n\"", "name one of them"),
            ("currency = \"EUR\"", "", "the currency is missing"),
            ("currency = \"EUR\"", "currency = \"eur\"", "defaults.currency must be a current ISO 4217 code"),
            ("channel = \"atm\"", "", "the channel is missing"),
            ("channel = \"atm\"", "channel = \"cash\"", "defaults.channel must be one of ecommerce, card_present"),
            ("[defaults]", "[default]", "unknown field `default`, expected one of `tenant`, `format`"),
            ("[columns]", "tenant = \"a b\"\n[columns]", "tenant must be 1 to 64 letters"),
            (
                "[columns]",
                "format = \"xls\"\n[columns]",
                "unknown variant `xls`, expected one of `parquet`, `csv`, `jsonl`",
            ),
            ("[columns]", "row_prefix = \"\"\n[columns]", "row_prefix must be 1 to 64"),
            ("[columns]", "card_number_exempt = [\"amount\"]\n[columns]", "the fields are account, device"),
            ("[defaults]", "[channels]\npos = \"till\"\n[defaults]", "channels.\"pos\" is `till`"),
            ("[defaults]", "[time]\nformat = \"iso\"\n[defaults]", "time.format `iso`"),
            ("[defaults]", "[report]\nscenario = \"s\"\n[defaults]", "needs [label]"),
            ("[defaults]", "[label]\ncolumn = \"f\"\n[defaults]", "must say when labels become known"),
            ("[defaults]", "[label]\nknown_after_days = 7\n[defaults]", "label.column is missing"),
            ("[defaults]", "[label]\ncolumn = \"f\"\nknown_after_days = -1\n[defaults]", "between 0 and 3650"),
            ("[defaults]", "[label]\ncolumn = \"f\"\nknown_after_days = nan\n[defaults]", "between 0 and 3650"),
            ("[defaults]", "[label]\ncolumn = \"f\"\nknown_at = \"k\"\nsource = \"x\"\n[defaults]", "label.source `x`"),
            (
                "[defaults]",
                "[label]\ncolumn = \"f\"\nknown_at = \"k\"\nfraud_values = [1.5]\n[defaults]",
                "must list texts",
            ),
            ("[columns]", "[columns", "line 1: "),
        ] {
            let text = LEAST.replacen(from, to, 1);
            assert_ne!(text, LEAST, "{from}");
            let error = Mapping::parse(&text).unwrap_err();
            assert!(error.contains(expected), "{to}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
