//! Rows of a fold as JSON, for whoever looks at a replayed state. Ids in their text form.

use super::json::readable;
use mirano_replay::rows::*;
use mirano_replay::store::{Table, decode_row};
use mirano_replay::tree::page::{self, Piece};
use mirano_schemas::{FactId, JobId, Receipt, base32, source_of};
use serde_json::{Value, json};

/// A row by its table: the name of the table, the key in base32, and what it says.
pub fn row(table: Table, key: &[u8], bytes: &[u8]) -> Value {
    macro_rules! typed {
        ($row:ty) => {
            decode_row::<$row>(table, bytes).ok().and_then(|row| serde_json::to_value(row).ok())
        };
    }
    let value = match table {
        Table::Anchor => typed!(AnchorRow),
        Table::Policy => typed!(PolicyRow),
        Table::Job => typed!(JobRow),
        Table::Task => typed!(TaskRow),
        Table::Source => typed!(SourceRow),
        Table::Query => typed!(QueryRow),
        Table::Observation => typed!(ObservationRow),
        Table::Fact => typed!(FactRow),
        Table::NeedTask => typed!(NeedTaskRow),
        Table::TaskAlias => typed!(AliasRow),
        Table::Snapshot => typed!(SnapshotRow),
        Table::SubjectLabel => typed!(LabelRow),
        Table::Receipt => typed!(Receipt),
        Table::LeaseEnd => typed!(LeaseEndRow),
        Table::Watch => typed!(WatchRow),
        Table::Demand => typed!(demand::DemandRow),
        Table::Prefetched => typed!(demand::PrefetchedRow),
        Table::FactSet | Table::TreePage => {
            let piece = |piece: &Piece| match piece {
                Piece::Key(id) => Value::from(FactId(*id).to_string()),
                Piece::Sub(child) => json!({"page": base32(&child.hash.0), "facts": child.count}),
            };
            page::decode(table, bytes).ok().map(|pieces| pieces.iter().map(piece).collect())
        }
        _ => None,
    };
    let value = value.map_or_else(|| Value::from(base32(bytes)), readable);
    json!({"table": format!("{table:?}"), "key": base32(key), "row": value})
}

/// Whether a row belongs to a stream: `job/<id>` (the job, with its receipts, and its snapshots), `source/<id>` (its limits, tasks and
/// queries) or `policy`.
pub fn belongs(stream: &str, table: Table, key: &[u8], bytes: &[u8]) -> bool {
    let job = |id: &JobId| stream.strip_prefix("job/").is_some_and(|name| name == id.to_string());
    let source = |queue: &str| stream.strip_prefix("source/") == Some(source_of(queue));
    match table {
        Table::Job => stream.strip_prefix("job/").is_some_and(|name| name == base32(key)),
        Table::Snapshot => decode_row::<SnapshotRow>(table, bytes).is_ok_and(|row| job(&row.body.job)),
        Table::NeedTask => key.first_chunk::<16>().is_some_and(|id| job(&JobId(*id))),
        Table::Source => std::str::from_utf8(key).is_ok_and(source),
        Table::Task => decode_row::<TaskRow>(table, bytes).is_ok_and(|row| source(&row.scheduled.source)),
        Table::Query => decode_row::<QueryRow>(table, bytes).is_ok_and(|row| source(&row.queue)),
        Table::Policy | Table::PolicyInForce => stream == "policy",
        _ => false,
    }
}
