//! The columns of a file of examples, and the page that explains them. Writing, reading and the page follow this one list.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use fraudnet_features::schema::{self, payment_features};
use fraudnet_features::{EDGE_WIDTH, FeatureSet, NODE_WIDTH};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Key of the file's metadata that holds the whole feature schema's fingerprint.
pub const SCHEMA_KEY: &str = "fraudnet.feature_schema";
/// Keys of the file's metadata that hold the columns of feature sets v1 and v2, in order and by commas.
pub const COLUMNS_KEYS: [&str; 2] = ["fraudnet.columns.v1", "fraudnet.columns.v2"];
/// Key of the file's metadata that holds the version of this layout.
pub const VERSION_KEY: &str = "fraudnet.examples";
/// Version of this layout.
pub const VERSION: &str = "1";

/// A column that is no payment feature.
pub(super) struct Column {
    pub name: &'static str,
    kind: Kind,
    /// Whether it may be missing.
    optional: bool,
    meaning: &'static str,
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Time,
    Position,
    Number,
    Truth,
    Shorts,
    Bytes,
    Floats,
}

impl Kind {
    fn data_type(self) -> DataType {
        let list = |inner| DataType::List(Arc::new(Field::new_list_field(inner, false)));
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Kind::Position => DataType::UInt64,
            Kind::Number => DataType::Float32,
            Kind::Truth => DataType::Boolean,
            Kind::Shorts => list(DataType::UInt16),
            Kind::Bytes => list(DataType::UInt8),
            Kind::Floats => list(DataType::Float32),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Time => "timestamp, ms, UTC",
            Kind::Position => "uint64",
            Kind::Number => "float",
            Kind::Truth => "bool",
            Kind::Shorts => "list of uint16",
            Kind::Bytes => "list of uint8",
            Kind::Floats => "list of float",
        }
    }
}

const fn column(name: &'static str, kind: Kind, optional: bool, meaning: &'static str) -> Column {
    Column { name, kind, optional, meaning }
}

/// Before the payment features: whose payment it is, how it was decided, what became of it.
pub(super) const HEAD: [Column; 18] = [
    column("tenant", Kind::Text, false, "whose payment it is"),
    column("transaction_id", Kind::Text, false, "the payment; unique within its tenant"),
    column(
        "account",
        Kind::Text,
        true,
        "paying account, where it may be told; split by it to test on accounts not seen",
    ),
    column("occurred_at", Kind::Time, false, "when the payment was made"),
    column("position", Kind::Position, false, "its place in the service's log"),
    column("model", Kind::Text, false, "family of the model that decided"),
    column("model_version", Kind::Text, false, "its version"),
    column("tier", Kind::Text, false, "rung of the ladder that answered"),
    column("decision", Kind::Text, false, "`approve`, `challenge`, `review` or `decline`"),
    column("fraud_probability", Kind::Number, false, "calibrated probability it was decided with"),
    column("logit", Kind::Number, true, "the model's raw logit, where it may be told"),
    column(
        "inclusion_probability",
        Kind::Number,
        false,
        "probability with which such a payment is kept; weigh by one over it",
    ),
    column(
        "propensity",
        Kind::Number,
        false,
        "probability with which such a payment is let through; 1 where no draw decided",
    ),
    column("control_group", Kind::Truth, false, "let through to be watched although it would have been declined"),
    column("subgraph_digest", Kind::Text, false, "digest of the neighbourhood it was read off"),
    column("fraud", Kind::Truth, true, "what the standing label says; missing while there is none"),
    column("label_source", Kind::Text, true, "who says so"),
    column("label_known_at", Kind::Time, true, "when that label was accepted"),
];

/// Behind the payment features: the neighbourhood.
pub(super) const GRAPH: [Column; 5] = [
    column("hop_counts", Kind::Shorts, false, "nodes of hops 0 (the account), 1, 2 and 3; n is their sum"),
    column("nodes", Kind::Floats, false, "n rows of 64 node columns, hop after hop, row after row"),
    column("row_ends", Kind::Shorts, false, "for every node of hops 0 to 2: end of its links among all m links"),
    column("neighbours", Kind::Bytes, false, "m numbers of the nodes the links lead to"),
    column("edges", Kind::Floats, false, "m rows of 16 link columns"),
];

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let field = |column: &Column| Field::new(column.name, column.kind.data_type(), column.optional);
    let features = payment_features().iter().map(|feature| Field::new(feature.name, DataType::Float32, false));
    let fields: Vec<Field> = HEAD.iter().map(field).chain(features).chain(GRAPH.iter().map(field)).collect();
    let columns = |set: FeatureSet| {
        let names: Vec<&str> = set.features().iter().map(|feature| feature.name).collect();
        names.join(",")
    };
    let metadata = [
        (SCHEMA_KEY, schema::fingerprint().to_owned()),
        (VERSION_KEY, VERSION.to_owned()),
        (COLUMNS_KEYS[0], columns(FeatureSet::V1)),
        (COLUMNS_KEYS[1], columns(FeatureSet::V2)),
    ];
    let metadata: HashMap<String, String> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
});

/// The file's schema.
pub fn file_schema() -> &'static Arc<Schema> {
    &SCHEMA
}

/// The page that explains the columns, in Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# Examples as Parquet\n\n\
         Written by `fraudnet-train export --describe`; do not edit. `fraudnet-train export --url http://SERVICE --out examples.parquet` writes\n\
         one row for every training example that the service kept: the payment exactly as it was when it was decided, and the label that\n\
         stands. All that was not simply approved is kept, of the rest a share (`inclusion_probability`).\n\n\
         | column | type | missing | meaning |\n|---|---|---|---|\n",
    );
    let row = |column: &Column| {
        let missing = if column.optional { "may be" } else { "" };
        format!("| `{}` | {} | {missing} | {} |\n", column.name, column.kind.name(), column.meaning)
    };
    HEAD.iter().for_each(|column| page += &row(column));
    page += &format!(
        "| {} columns, `{}` to `{}` | float | | the payment's features, v1 and then what v2 adds; see [FEATURES.md](../features/FEATURES.md) |\n",
        payment_features().len(),
        payment_features()[0].name,
        payment_features()[payment_features().len() - 1].name,
    );
    GRAPH.iter().for_each(|column| page += &row(column));
    page += &format!(
        "\nThe file's metadata names the feature schema (`{SCHEMA_KEY}`), the version of this layout (`{VERSION_KEY}`, now {VERSION}) and the\n\
         columns of feature sets v1 and v2 in order (`{}`, `{}`, names by commas). Rows are in the order the payments were accepted.\n\n\
         ## Labels\n\n\
         `fraud` is the strongest label known when the file was written (of equals the latest), as the service itself ranks them. A payment\n\
         without one is not known to be legitimate: it may be too young. Count it as legitimate only when it is older than the time in which\n\
         frauds get reported, and never when it was declined; `fraudnet-train publish` does both.\n\n\
         ## The neighbourhood\n\n\
         Link `k` belongs to the first node whose entry of `row_ends` is above `k`, and leads to node `neighbours[k]`, at most one hop further out.\n\
         A network file reads it padded: hop 0 in row 0, hop 1 from row 1, hop 2 from row 11, hop 3 from row 41, see\n\
         [models/README.md](../models/README.md). With pyarrow and numpy:\n\n\
         ```python\n\
         row = table.slice(0, 1).to_pylist()[0]\n\
         nodes = np.asarray(row[\"nodes\"], np.float32).reshape(-1, {NODE_WIDTH})\n\
         edges = np.asarray(row[\"edges\"], np.float32).reshape(-1, {EDGE_WIDTH})\n\
         starts = [0] + row[\"row_ends\"][:-1]\n\
         links_of_the_account = row[\"neighbours\"][: row[\"row_ends\"][0]]\n\
         ```\n\n\
         Node columns, in order: {}.\n\n\
         Link columns, in order: {}.\n",
        COLUMNS_KEYS[0],
        COLUMNS_KEYS[1],
        names(schema::node_features()),
        names(schema::edge_features()),
    );
    page
}

fn names(features: &[schema::Feature]) -> String {
    let names: Vec<String> = features.iter().map(|feature| format!("`{}`", feature.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_columns_share_a_name() {
        let names: HashSet<&String> = file_schema().fields().iter().map(|field| field.name()).collect();
        assert_eq!(names.len(), HEAD.len() + payment_features().len() + GRAPH.len());
    }

    #[test]
    fn the_page_is_the_committed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/EXAMPLES.md");
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == page(), "run `fraudnet-train export --describe > training/EXAMPLES.md`");
    }
}
