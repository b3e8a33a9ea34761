//! Rows in parts of a checkpoint, in order of table and key.
//!
//! | bytes | field                          |
//! |------:|--------------------------------|
//! |     1 | number of the table            |
//! |     4 | length of the key, u32 little-endian |
//! |     4 | length of the row, u32 little-endian |
//! |     … | key                            |
//! |     … | row                            |

use crate::views::Lying;
use mirano_replay::store::Table;

/// Adds a row to a part; `false` when it is too long for one.
pub fn push(part: &mut Vec<u8>, table: Table, key: &[u8], row: &[u8]) -> bool {
    let (Ok(key_len), Ok(row_len)) = (u32::try_from(key.len()), u32::try_from(row.len())) else { return false };
    part.push(table as u8);
    part.extend_from_slice(&key_len.to_le_bytes());
    part.extend_from_slice(&row_len.to_le_bytes());
    part.extend_from_slice(key);
    part.extend_from_slice(row);
    true
}

/// The rows of a part; none when its bytes are not rows.
pub fn parse(part: &[u8]) -> Option<Vec<Lying<'_>>> {
    let mut rows = Vec::new();
    let mut rest = part;
    while let Some((tag, after)) = rest.split_first() {
        let table = *Table::ALL.iter().find(|table| **table as u8 == *tag && **table != Table::Form)?;
        let (key_len, after) = after.split_first_chunk::<4>()?;
        let (row_len, after) = after.split_first_chunk::<4>()?;
        let (key, after) = after.split_at_checked(u32::from_le_bytes(*key_len) as usize)?;
        let (row, after) = after.split_at_checked(u32::from_le_bytes(*row_len) as usize)?;
        rows.push((table, key, row));
        rest = after;
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_change_and_a_cut_part_is_none() {
        let mut part = Vec::new();
        assert!(push(&mut part, Table::Anchor, &[0, 0, 0, 7], b"row"));
        assert!(push(&mut part, Table::Checkpoint, b"", b""));
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01040000000300000000000007726f773d0000000000000000");
        let rows = parse(&part).expect("rows");
        assert_eq!(rows, [(Table::Anchor, &[0u8, 0, 0, 7][..], &b"row"[..]), (Table::Checkpoint, b"", b"")]);
        for cut in 1..part.len() {
            assert_eq!(parse(&part[..cut]).is_some(), cut == 16, "cut at {cut}");
        }
        assert!(
            parse(&[Table::Form as u8, 0, 0, 0, 0, 0, 0, 0, 0]).is_none(),
            "what the store says of itself is no row"
        );
        assert!(parse(&[255, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
