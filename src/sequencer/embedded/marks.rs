//! Where some commits stand in a segment: a sparse index, so that a seek by `seq` reads no more than a few pages.
//!
//! For a sealed segment it is kept beside it in a file. It is a hint and never truth: what is found through it is
//! checked like everything else, and a file that is missing or damaged is made again from the segment.

use super::frame::SEGMENT_HEADER_LEN;

const MAGIC: [u8; 8] = *b"MRNIDX01";
/// At least this many bytes lie between two marks.
const STRIDE: usize = 16 * 1024;
const MARK_LEN: usize = 12;

/// Marks in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(Vec<(u64, u32)>);

impl Marks {
    /// Notes that the commit `seq` starts at `offset`, if it is far enough from the last mark.
    pub fn add(&mut self, seq: u64, offset: usize) {
        let last = self.0.last().map_or(SEGMENT_HEADER_LEN, |(_, offset)| *offset as usize);
        if offset >= last + STRIDE
            && let Ok(offset) = u32::try_from(offset)
        {
            self.0.push((seq, offset));
        }
    }

    /// The place from which to look for `seq`: the commit there and its offset. `first_seq` is the segment's.
    pub fn before(&self, seq: u64, first_seq: u64) -> (u64, usize) {
        let after = self.0.partition_point(|(mark, _)| *mark <= seq);
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some((seq, offset)) => (*seq, *offset as usize),
            None => (first_seq, SEGMENT_HEADER_LEN),
        }
    }

    /// The bytes of the file: magic, marks (seq u64, offset u32), and the BLAKE3 of all that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (seq, offset) in &self.0 {
            out.extend_from_slice(&seq.to_le_bytes());
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(blake3::hash(&out).as_bytes());
        out
    }

    /// Reads them; `None` if anything is wrong.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, hash) = bytes.split_last_chunk::<32>()?;
        let marks = content.strip_prefix(&MAGIC)?;
        if blake3::hash(content).as_bytes() != hash || marks.len() % MARK_LEN != 0 {
            return None;
        }
        let mark = |bytes: &[u8]| {
            let (seq, offset) = bytes.split_first_chunk::<8>()?;
            Some((u64::from_le_bytes(*seq), u32::from_le_bytes(*offset.first_chunk::<4>()?)))
        };
        marks.chunks_exact(MARK_LEN).map(mark).collect::<Option<Vec<_>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_sparse_and_survive_the_file() {
        let mut marks = Marks::default();
        for seq in 0..100u64 {
            marks.add(seq + 7, SEGMENT_HEADER_LEN + seq as usize * 1000);
        }
        assert_eq!(marks.0.len(), 5);
        assert_eq!(marks.before(7, 7), (7, SEGMENT_HEADER_LEN));
        assert_eq!(marks.before(23, 7), (7, SEGMENT_HEADER_LEN));
        assert_eq!(marks.before(24, 7), (24, SEGMENT_HEADER_LEN + 17_000));
        assert_eq!(marks.before(500, 7), (92, SEGMENT_HEADER_LEN + 85_000));
        let mut bytes = marks.to_bytes();
        assert_eq!(Marks::parse(&bytes), Some(marks));
        *bytes.last_mut().expect("bytes") ^= 1;
        assert_eq!(Marks::parse(&bytes), None);
        assert_eq!(Marks::parse(b"MRNIDX01"), None);
    }
}
